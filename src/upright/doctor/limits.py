"""What a container lets a process have: Linux's control groups, of both versions."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

GROUPS_FILE = "proc/self/cgroup"
MOUNT = "sys/fs/cgroup"


class Limits(NamedTuple):
    """What there is at most; None where nothing says so.

    Attributes:
        cores: Of a processor's time.
        memory: In bytes.
    """

    cores: float | None
    memory: int | None


def limits(root: Path = Path("/")) -> Limits:
    """The tightest limits of this process's groups, and of those that hold them.

    Args:
        root: Where proc and sys are.
    """
    folders = list(_folders(root))
    cores = [found for each in folders if (found := _cores(each)) is not None]
    memory = [found for each in folders if (found := _memory(each)) is not None]
    return Limits(min(cores, default=None), min(memory, default=None))


def _folders(root: Path) -> Iterator[Path]:
    """Where the limits of this process may stand."""
    try:
        lines = (root / GROUPS_FILE).read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            base = root / MOUNT / controller
            inner = base / path.lstrip("/")
            yield inner
            yield from (each for each in inner.parents if each.is_relative_to(base))


def _cores(folder: Path) -> float | None:
    """A quota of time in a period of it: "200000 100000" are two cores."""
    words = _words(folder / "cpu.max")  # version 2
    if not words:
        words = _words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us")
    numbers = [int(word) for word in words if word.isdigit()]  # "max" and -1 are none
    return numbers[0] / numbers[1] if len(numbers) == 2 and numbers[1] else None


def _memory(folder: Path) -> int | None:
    words = _words(folder / "memory.max") or _words(folder / "memory.limit_in_bytes")
    return int(words[0]) if words and words[0].isdigit() else None


def _words(path: Path) -> list[str]:
    with suppress(OSError, UnicodeError):
        return path.read_text(encoding="utf-8").split()
    return []
