"""Log lines to stderr, times in UTC: JSON for programs, text for people."""

import json
import logging
import sys
import time
from enum import StrEnum
from traceback import extract_tb
from types import TracebackType
from typing import Any, Final

from contract.request import REQUEST_ID
from imtegrate.escaping import discreet, visible
from imtegrate.request_ids import TRACE_ID

SCOPE: Final = "scope"
"""The attribute of a log record (`extra=`) that holds the ASGI scope of the request it is about."""

MEMBERS: Final = "members"
"""The attribute of a log record (`extra=`) that holds further members of its JSON object."""


class LogFormat(StrEnum):
    """How a line is written."""

    JSON = "json"
    TEXT = "text"


class _UTCFormatter(logging.Formatter):
    """RFC 3339, in UTC."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


class TextFormatter(_UTCFormatter):
    """A line for people; what an exception says is only shown where nobody's values can be in it but one's own."""

    def __init__(self, *, with_values: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._with_values = with_values

    def format(self, record: logging.LogRecord) -> str:
        """The line, and a traceback below it; no token, whoever put one there."""
        return discreet(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """The line; a path in it may hold any character."""
        record.message = visible(record.message)
        request_id = getattr(record, SCOPE, {}).get(REQUEST_ID)
        line = super().formatMessage(record)
        return f"{line} [{request_id}]" if request_id else line

    def formatException(self, ei: Any) -> str:  # noqa: N802 (logging's name)
        """The traceback."""
        if self._with_values:
            return super().formatException(ei)
        kind, _, trace = ei
        return "\n".join([*(f"  {place}" for place in _places(trace)), kind.__name__])


class JSONFormatter(_UTCFormatter):
    """One JSON object a line; of an exception its type and places, for its message may hold anybody's values."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        scope = getattr(record, SCOPE, {})
        line: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for member, key in (("request_id", REQUEST_ID), ("trace_id", TRACE_ID)):
            if key in scope:
                line[member] = scope[key]
        line.update(getattr(record, MEMBERS, {}))
        if record.exc_info:
            kind, _, trace = record.exc_info
            places = _places(trace)
            line["error"] = {
                "type": kind.__name__ if kind else "",
                "place": places[-1] if places else "",
                "stack": places,
            }
        # Not orjson: a lone surrogate must not cost the line.
        shown = {name: discreet(value) if isinstance(value, str) else value for name, value in line.items()}
        return json.dumps(shown, default=str)


def configure_logging(
    log_format: LogFormat = LogFormat.TEXT, level: int = logging.INFO, *, with_values: bool = False
) -> None:
    """Have every logger write to stderr from now on; `with_values`: what exceptions say, too."""
    handler = logging.StreamHandler(sys.stderr)
    json_wanted = log_format is LogFormat.JSON
    handler.setFormatter(JSONFormatter() if json_wanted else TextFormatter(with_values=with_values))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # What clients send is no matter for warnings: they are answered.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    for chatty in ("alembic", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _places(trace: TracebackType | None) -> list[str]:
    """Where an exception came through, the innermost last."""
    return [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in extract_tb(trace)]
