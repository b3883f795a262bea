"""Side-by-side measurements that a user can repeat: `python -m bench`, or `tox -e bench`."""

import sys
from pathlib import Path

# Programs are started as the tests start them.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
