"""What a process of Ray's takes over from its driver: where it imports from, and its folder."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

# A path of imports, and a working folder.
Whereabouts = tuple[Sequence[str], str]


def whereabouts() -> Whereabouts:
    """Those of this process."""
    return [*map(os.path.abspath, sys.path)], str(Path.cwd())


def go_there(there: Whereabouts) -> None:
    """Take over the driver's; those of its folders that are here too, count here."""
    path, folder = there
    sys.path += [each for each in path if each not in sys.path]
    with suppress(OSError):  # on another machine there may be none
        os.chdir(folder)
