"""Hooks of schemathesis: it revokes and rotates every key it is told of, but not the one that it calls with.

Without that key all that follows would be 401, and nothing more be tried.
"""

import os
from typing import Any, Final

import schemathesis

OWN: Final = os.environ["IMTEGRATE_FUZZ_OWN_KEY"]
NOBODY: Final = "01890000-0000-7000-8000-000000000000"
"""The id of no key."""


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Ask for nobody's key instead."""
    changes = case.operation.method.upper() == "POST"
    if changes and str((case.path_parameters or {}).get("key_id", "")).lower() == OWN:
        case.path_parameters["key_id"] = NOBODY
