"""Run as a script beside a Ray that was begun here: once its driver is gone, nothing of it is left.

Most of Ray's processes end with the driver; its idle helpers would last a minute longer.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

TRIES, BETWEEN_SECONDS = 100, 0.1
# A Ray that was only just beginning may write once more after its driver was killed.
AFTER_A_KILL = 30


def reap(folder: Path, clean: int = 1) -> None:
    """Kill whatever of Ray's has a file of a folder open, and remove that, until so often clean."""
    for _ in range(TRIES):
        left = list(_at_work_in(folder))
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        clean -= not left and not folder.exists()
        if clean <= 0:
            return
        time.sleep(BETWEEN_SECONDS)


def _at_work_in(folder: Path) -> Iterator[int]:
    """Ray's processes there, where the system can say so (Linux)."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes().startswith(b"ray::"):
                files = [each.readlink() for each in (process / "fd").iterdir()]
                if any(each.is_relative_to(folder) for each in files):
                    yield int(process.name)


if __name__ == "__main__":
    was_closed = sys.stdin.read()  # it ends with the driver, who says so where it can
    reap(Path(sys.argv[1]), 1 if was_closed else AFTER_A_KILL)
