"""Log lines to stderr, times in UTC."""

import logging
import sys
import time


class _UTCFormatter(logging.Formatter):
    """RFC 3339, in UTC."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


def configure_logging(level: int = logging.INFO) -> None:
    """Have every logger write to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_UTCFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # What clients send is no matter for warnings: they are answered.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    for chatty in ("alembic", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
