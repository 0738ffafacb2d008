"""One process at a time writes into a run folder; a crash leaves no lock behind."""

from pathlib import Path

from filelock import FileLock, Timeout

from upright.ground.errors import UprightError

LOCK_FILE = ".lock"


class RunLock:
    """An advisory lock of the operating system on a run folder, which dies with its process.

    Args:
        folder: The run folder.

    Raises:
        UprightError: Another process holds it, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = FileLock(folder / LOCK_FILE, is_singleton=False)
        try:  # a moment's patience, since `is_alive` holds it for one
            self._lock.acquire(timeout=0.3, poll_interval=0.01)
        except Timeout:
            raise UprightError(
                f"{folder} is being trained by another process.",
                "Wait for it or end it; `upright runs` shows what runs.",
            ) from None
        except OSError as error:
            raise UprightError(
                f"Cannot write into {folder}: {error.strerror or error}.",
                "A run goes on in a folder that can be written.",
            ) from error

    def release(self) -> None:
        """Let others in."""
        self._lock.release()


def is_alive(folder: Path) -> bool:
    """Whether a process writes into the run folder; True as well where that cannot be told."""
    if not (folder / LOCK_FILE).is_file():
        return False
    lock = FileLock(folder / LOCK_FILE, is_singleton=False)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return True
    lock.release()
    return False


def status_of(folder: Path, recorded: object) -> str:
    """A run's status: what run.json says, and "died" where it says running and nothing runs."""
    if recorded == "running" and not is_alive(folder):
        return "died"
    return str(recorded)
