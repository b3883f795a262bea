"""The plot that the README shows: creations a second of all who were measured, as SVG."""

from pathlib import Path

from bench.contestants import CONTESTANTS
from bench.report import Report, machine

OURS = "#0b6e4f"
PEERS = "#9aa5b1"
LIMIT = "#d9c27e"


def plot(report: Report, path: Path) -> None:
    """Draw bars, the spread of the runs upon them.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        OSError: it cannot be written.
    """
    # Half a second of imports, and of no use to whom does not ask for a plot.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    names = sorted(report.loads, key=report.median_rate)
    medians = [report.median_rate(name) for name in names]
    lows = [median - min(load.rate for load in report.loads[name]) for name, median in zip(names, medians, strict=True)]
    highs = [
        max(load.rate for load in report.loads[name]) - median for name, median in zip(names, medians, strict=True)
    ]
    colours = [OURS if name.startswith("ours") else LIMIT if name == "bare" else PEERS for name in names]
    # The same figures give the same file; and text stays text.
    with plt.rc_context({"svg.hashsalt": "imtegrate", "svg.fonttype": "none", "font.size": 10}):
        figure, axes = plt.subplots(figsize=(8, 1.2 + 0.42 * len(names)), layout="constrained")
        titles = [CONTESTANTS[name].title for name in names]
        bars = axes.barh(titles, medians, xerr=[lows, highs], color=colours, error_kw={"elinewidth": 1})
        axes.bar_label(bars, [f"{median:,.0f}" for median in medians], padding=6)
        axes.margins(x=0.12)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel(f"creations a second, 32 connections, one process; median of {report.runs}")
        figure.suptitle(machine(), fontsize=8, x=0.99, ha="right")
        figure.savefig(path, format="svg", metadata={"Date": None})
        plt.close(figure)
