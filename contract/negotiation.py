"""Which of the media types that the document has a caller accepts (RFC 9110 §12.5.1)."""

from collections.abc import Sequence

from contract.media import MediaType, essence


def choose(accept: Sequence[bytes], entries: Sequence[MediaType]) -> MediaType | None:
    """The entry that the `Accept` headers like best, the document's first where they like several alike; None: none."""
    ranges = [part.strip() for header in accept for part in header.decode("latin-1").split(",") if part.strip()]
    if not ranges:
        return entries[0]
    liked = [(quality_of(entry.range, ranges), -index, entry) for index, entry in enumerate(entries)]
    quality, _, best = max(liked, key=lambda one: one[:2])
    return best if quality > 0 else None


def quality_of(media_type: str, ranges: Sequence[str]) -> float:
    """How much a media type is liked: the quality of the most specific range that it falls under."""
    best = (-1, 0.0)
    for text in ranges:
        wanted = essence(text)
        if (specificity := _falls_under(essence(media_type), wanted)) > best[0]:
            best = (specificity, _quality(text))
    return best[1] if best[0] >= 0 else 0.0


def _falls_under(media_type: str, wanted: str) -> int:
    """How specific a range is for a media type that falls under it; -1 for one that does not."""
    if media_type in (wanted, "*/*"):
        return 2
    kind = media_type.partition("/")[0]
    if wanted == f"{kind}/*" or (media_type.endswith("/*") and wanted.partition("/")[0] == kind):
        return 1
    return 0 if wanted == "*/*" else -1


def _quality(text: str) -> float:
    for parameter in text.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
