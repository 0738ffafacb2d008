"""Seeds that one command trains, and no other one meanwhile."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from upright.ground import UprightError, as_json
from upright.runs import folder_of
from upright.settings import Recipe


@contextmanager
def claimed(recipe: Recipe, seeds: Iterable[int], out: str | Path) -> Iterator[None]:
    """Nobody else trains the recipe with these seeds below `out` until this is left.

    Of each there is a lock of the operating system meanwhile, which dies with its process.

    Args:
        recipe: Complete; its own seed plays no part.
        seeds: What is to be trained.
        out: The folder that the run folders go into; it is made.

    Raises:
        UprightError: Another process trains one of them, or nothing can be written there.
    """
    settings = hashlib.sha256(as_json(recipe.of_any_seed())).hexdigest()[:12]
    folder = folder_of(recipe.env, out)
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    with ExitStack() as claims:
        claims.callback(_tidy, new)
        for seed in seeds:
            lock = FileLock(folder / f".{recipe.algo}-{settings}-s{seed}.lock", is_singleton=False)
            try:
                folder.mkdir(parents=True, exist_ok=True)
                lock.acquire(timeout=0)
            except Timeout:
                raise UprightError(
                    f"Seed {seed} is being trained by another process, below {folder}.",
                    "Wait for it or end it; the same command goes on then.",
                ) from None
            except OSError as error:
                raise UprightError(
                    f"Cannot write into {folder}: {error.strerror or error}.",
                    "Choose another folder with --out.",
                ) from error
            claims.callback(_let_go, lock)
        yield


def _let_go(lock: FileLock) -> None:
    with suppress(OSError):  # Windows removes nothing that is open
        Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def _tidy(folders: Iterable[Path]) -> None:
    """Take away those into which nothing came."""
    with suppress(OSError):
        for each in folders:
            each.rmdir()
