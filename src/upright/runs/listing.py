"""The runs that there are in a folder."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from upright.envs import is_code, reward_threshold
from upright.ground import UprightError, read_json, status_of
from upright.runs.folder import (
    BUNDLE_SUFFIX,
    CHECKPOINTS,
    RUN_FILE,
    SETTINGS_FILE,
    VERDICT_FILE,
    checkpoint_folders,
)
from upright.runs.records import VerdictRecord
from upright.settings import read_recipe


def find_runs(folder: str | Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Path and facts of the runs at or below `folder`, by path; what is none is passed over.

    Raises:
        UprightError: There is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UprightError(f"There is no folder {folder}.", "Runs go to ./runs by default.")
    for path in sorted(root.rglob(RUN_FILE)):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        with suppress(UprightError):
            table = read_json(path)
            if "schema" in table and not hidden:
                yield path.parent, _facts(path.parent, table)


def handed_in(folder: str | Path) -> Iterator[tuple[str, Path | None]]:
    """Every run and bundle in a folder of students', by student; nothing of it is opened.

    What lies in a folder, however deep, is of the student that the folder is called after; a
    bundle that lies in none is of the one that it is called after itself.

    Returns:
        The student, and the run's folder or the bundle; None where a student has none.

    Raises:
        UprightError: There is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UprightError(f"There is no folder {folder}.", "Name the students' own.")
    for path in sorted(root.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            found = _runs_within(path)
            yield from ((path.name, each) for each in found)
            if not found:
                yield path.name, None
        elif path.suffix == BUNDLE_SUFFIX:
            yield path.stem, path


def _runs_within(folder: Path) -> list[Path]:
    """The run folders and bundles at or below a folder, by path."""
    found = []
    for path in sorted(folder.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.name == RUN_FILE:
            found.append(path.parent)
        elif path.suffix == BUNDLE_SUFFIX:
            found.append(path)
    return found


def _facts(folder: Path, table: dict[str, Any]) -> dict[str, Any]:
    """What run.json says, with the status and the steps as they are now, and what was judged.

    Nothing that it says is believed, so that a garbled run is listed too.
    """
    facts = table | {"status": status_of(folder, table.get("status"))}
    newest = next(checkpoint_folders(folder / CHECKPOINTS), None)
    if newest is not None and facts["status"] in ("running", "died"):
        facts["timesteps"] = int(newest.name)
    mean, solved = _judged(folder)
    return facts | {"mean_return": mean, "solved": solved}


def _judged(folder: Path) -> tuple[float | None, bool | None]:
    """Mean return and verdict as the recorded episodes have them, whatever run.json says.

    `upright verify` also holds them against the weights, and plays them again.
    """
    try:
        recorded = VerdictRecord.read(folder / VERDICT_FILE)
        mean, solved = recorded.outcome()
    except UprightError:
        return None, None
    with suppress(UprightError):  # of an environment that is not known here
        recipe = read_recipe(folder / SETTINGS_FILE)
        if not is_code(recipe.judged_in):
            threshold = reward_threshold(recipe.judged_in, recipe.reward_threshold)
            solved = solved if recorded.threshold == threshold else None
    return mean, solved
