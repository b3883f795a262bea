"""Why something has no figure; each message is one line."""


class NotMeasured(Exception):
    """The base of both; never raised itself."""


class Unavailable(NotMeasured):
    """What it takes is not on this machine."""


class Failed(NotMeasured):
    """It did not start, or did not do what it was asked: what was measured counts for nothing."""
