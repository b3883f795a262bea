"""Draws keys created a second over time, with the faults marked."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

mpl.use("agg")


def draw(moments: Sequence[float], faults: Mapping[float, str], path: Path) -> None:
    """Write a picture: `moments` of acknowledgement, and `faults` by theirs, in seconds on one clock."""
    start = min([*moments, *faults])
    rates = Counter(int(moment - start) for moment in moments)
    seconds = range(max(rates, default=0) + 1)
    figure = Figure(figsize=(12, 4), layout="constrained")
    axes = figure.subplots()
    # A second without an acknowledgement is what the picture is for: it is drawn as zero.
    axes.step(seconds, [rates[second] for second in seconds], where="post", linewidth=1)
    for moment, fault in faults.items():
        axes.axvline(moment - start, color="tab:red", linewidth=0.8)
        axes.annotate(
            fault,
            (moment - start, 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -3),
            textcoords="offset points",
            rotation=90,
            va="top",
            fontsize=8,
        )
    axes.set_xlabel("seconds")
    axes.set_ylabel("keys created a second")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    figure.savefig(path, dpi=120)
