"""The folder of a search: what is searched, Optuna's journal, a folder of runs for each trial.

search.json  space.toml  journal.log  trial-000/CartPole-v1/ppo-s1000000/ ...  best.toml
"""

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from upright.ground import (
    RunLock,
    Stream,
    UprightError,
    as_json,
    derive_seed,
    hidden_folder,
    read_json,
    regular_file,
    write_atomically,
)
from upright.runs import folder_of, placed
from upright.settings import Recipe, SearchSpace

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import BaseSampler

SEARCH_FILE, SPACE_FILE, JOURNAL_FILE = "search.json", "space.toml", "journal.log"
BEST_FILE = "best.toml"
SEARCH_SCHEMA = 1
# Trials that end before any is pruned, and the look at which one can be pruned first.
UNPRUNED_TRIALS, FIRST_LOOK = 5, 2


class _Alone:
    """Optuna's lock of its journal, which the folder's own lock makes needless.

    Optuna's own is a file that stays where a process is killed, and is waited for then.
    """

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def description_of(
    recipe: Recipe, space: SearchSpace, seeds_per_trial: int, seed: int
) -> dict[str, Any]:
    """What is searched, as JSON values: the same search has the same."""
    found = {
        "schema": SEARCH_SCHEMA,
        "recipe": recipe.of_any_seed(),
        "space": space.table(),
        "seeds_per_trial": seeds_per_trial,
        "seed": seed,
    }
    return dict(json.loads(as_json(found)))


def folder_of_search(
    out: str | Path, recipe: Recipe, described: Mapping[str, Any], space: str
) -> tuple[Path, list[str]]:
    """The folder of this search, made if there is none, and a sentence about others.

    Args:
        out: The folder that searches go into.
        recipe: What it is named after.
        described: As `description_of` gives it.
        space: The text of the space's file.

    Raises:
        UprightError: It cannot be written.
    """
    parent, others = folder_of(recipe.env, out), 0
    for path in sorted(parent.iterdir()) if parent.is_dir() else ():
        if path.name.startswith(".") or not (path / SEARCH_FILE).is_file():
            continue
        with suppress(UprightError):  # what cannot be read is nobody's search
            found = read_json(path / SEARCH_FILE)
            if found == described:
                return path, []
            recorded = found.get("recipe")
            others += isinstance(recorded, dict) and recorded.get("algo") == recipe.algo
    notes = [f"{parent} has a search of other settings; it stays, beside the new one."]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        files = {SPACE_FILE: space.encode(), SEARCH_FILE: as_json(described)}
        with hidden_folder(parent, files) as written:
            return placed(written, parent, recipe.algo), notes[: bool(others)]
    except OSError as error:
        raise UprightError(
            f"Cannot write the search below {out}: {error.strerror}.",
            "Choose another folder with --out.",
        ) from error


def trial_folder(folder: Path, number: int) -> Path:
    """Where the runs of a trial are."""
    return folder / f"trial-{number:03d}"


@contextmanager
def opened_study(folder: Path) -> "Iterator[Study]":
    """Optuna's study of a search, which nobody else has open meanwhile.

    Raises:
        UprightError: Another process has it, or the journal is none or cannot be written.
    """
    try:
        lock = RunLock(folder)
    except UprightError as error:
        raise UprightError(
            f"Another process searches in {folder}, or it cannot be written.",
            "Wait for it or end it; the same command goes on then.",
        ) from error
    try:
        yield _study(folder / JOURNAL_FILE)
    except OSError as error:
        raise UprightError(
            f"Cannot write into {folder}: {error.strerror or error}.",
            "Mend that; the same command goes on then.",
        ) from error
    finally:
        lock.release()


def _study(journal: Path) -> "Study":
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    said = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        _mend(journal)
        alone: Any = _Alone()
        storage = JournalStorage(JournalFileBackend(str(journal), lock_obj=alone))
        chosen: dict[str, Any] = {
            "study_name": "search",
            "storage": storage,
            "sampler": sampler_for(0, 0),
            "pruner": optuna.pruners.MedianPruner(UNPRUNED_TRIALS, FIRST_LOOK),
        }
        if storage.get_all_studies():
            return optuna.load_study(**chosen)
        return optuna.create_study(direction="minimize", **chosen)
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise UprightError(
            f"{journal} is garbled.", "Move its folder away; the runs in it are runs as any."
        ) from error
    finally:
        optuna.logging.set_verbosity(said)


def _mend(journal: Path) -> None:
    """Take away a last line that a killed process did not finish, behind which nothing is read.

    Raises:
        UprightError: It is no file.
        ValueError: A last line that is whole is no JSON, which Optuna would find out too late.
    """
    if not os.path.lexists(journal):
        return
    with regular_file(journal) as (file, _):
        data = file.read()
    whole = data.rfind(b"\n") + 1
    json.loads(data[:whole].rstrip().rpartition(b"\n")[2] or b"{}")
    if whole < len(data):
        with journal.open("rb+") as file:
            file.truncate(whole)


def sampler_for(seed: int, number: int) -> "BaseSampler":
    """What draws a trial's settings; each has its own randomness, whenever the search went on."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import TPESampler

    own = derive_seed(seed, Stream.SEARCH, number) % 2**32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=own, constant_liar=True)


def write_best(folder: Path, recipe: Recipe, head: str) -> Path:
    """Leave a recipe as a config file, under a comment."""
    table = {name: value for name, value in recipe.flat().items() if name != "seed"}
    path = folder / BEST_FILE
    try:
        write_atomically(path, f"# {head}\n{tomli_w.dumps(table)}")
    except OSError as error:
        raise UprightError(f"Cannot write {path}: {error.strerror}.") from error
    return path


def refuse_without_optuna() -> None:
    """Refuse to search where there is nothing that draws.

    Raises:
        UprightError: Optuna is not installed.
    """
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise UprightError(
            "Searching needs Optuna, which is not installed.",
            "`pip install 'upright[tune]'` adds it.",
        ) from error
