"""The runs that there are in a folder."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from upright.ground import UprightError, read_json, status_of
from upright.runs.folder import (
    BUNDLE_SUFFIX,
    CHECKPOINTS,
    RUN_FILE,
    SETTINGS_FILE,
    VERDICT_FILE,
    checkpoint_folders,
)
from upright.runs.glance import bar_of, judgement_of
from upright.runs.records import VerdictRecord
from upright.settings import read_recipe


def find_runs(folder: str | Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Path and facts of the runs at or below `folder`, by path; what is none is passed over.

    Raises:
        UprightError: There is no such folder.
    """
    for path in run_folders(folder):
        with suppress(UprightError):
            table = read_json(path / RUN_FILE)
            if "schema" in table:
                yield path, _facts(path, table)


def is_anothers(folder: Path) -> bool:
    """Whether the run.json of a folder is another project's; one that is garbled may be ours."""
    with suppress(UprightError):
        return "schema" not in read_json(folder / RUN_FILE)
    return False


def run_folders(folder: str | Path) -> list[Path]:
    """The folders at or below `folder` that hold a run.json, by path.

    What is hidden is passed over, and so is a link to a folder, and the checkpoints of a run.

    Raises:
        UprightError: There is no such folder.
    """
    if not Path(folder).is_dir():
        raise UprightError(f"There is no folder {folder}.", "Runs go to ./runs by default.")
    found, waiting = [], [Path(folder)]
    while waiting:
        place = waiting.pop()
        with suppress(OSError), os.scandir(place) as entries:
            folders = {each.name: each.is_dir(follow_symlinks=False) for each in entries}
            if RUN_FILE in folders:
                found.append(place)
                folders.pop(CHECKPOINTS, None)
            inside = (name for name, is_one in folders.items() if is_one and name[0] != ".")
            waiting += [place / name for name in inside]
    return sorted(found)


def handed_in(folder: str | Path) -> Iterator[tuple[str, Path | None]]:
    """Every run and bundle in a folder of students', by student; nothing of it is opened.

    What lies in a folder, however deep, is of the student that the folder is called after; a
    bundle that lies in none is of the one that it is called after itself.

    Returns:
        The student, and the run's folder or the bundle; None where a student has none.

    Raises:
        UprightError: There is no such folder.
    """
    for path in _visible(folder, "*", "Name the students' own."):
        if path.is_dir():
            within = [each for each in _visible(path, "**/*") if _holds_a_run(each)]
            for each in within:
                yield path.name, each.parent if each.name == RUN_FILE else each
            if not within:
                yield path.name, None
        elif path.suffix == BUNDLE_SUFFIX:
            yield path.stem, path


def _visible(folder: str | Path, pattern: str, hint: str = "") -> list[Path]:
    """What of a folder matches a pattern, by path; what is hidden, or lies in what is, does not."""
    root = Path(folder)
    if not root.is_dir():
        raise UprightError(f"There is no folder {folder}.", hint)
    found = sorted(root.glob(pattern))
    return [
        path for path in found
        if not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]  # fmt: skip


def _holds_a_run(path: Path) -> bool:
    return path.name == RUN_FILE or path.suffix == BUNDLE_SUFFIX


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
    bar, is_told = None, False
    try:
        recorded = VerdictRecord.read(folder / VERDICT_FILE)
        with suppress(UprightError):  # of an environment that is not known here
            bar, is_told = bar_of(read_recipe(folder / SETTINGS_FILE)), True
        found = judgement_of(recorded, bar, is_told)
    except UprightError:
        return None, None
    return found.mean, found.solved
