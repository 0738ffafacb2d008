"""Where runs go: whether files can be written, replaced and locked there."""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from upright.doctor.asking import ask
from upright.doctor.fact import Fact
from upright.doctor.patient import Patient
from upright.ground import UprightError, write_atomically

RUNS = "runs"
GB = 1e9
ELSEWHERE = "Go to a folder of yours on a local disk, or train with --out FOLDER."


def check_folder(patient: Patient) -> Fact:
    """Runs can be kept in the current folder."""
    return _kept_in(patient.here)


def check_runs(patient: Patient) -> Fact:
    """The folder that runs go into by themselves is one, and they can be kept there."""
    runs = patient.here / RUNS
    if runs.is_dir():
        return _kept_in(runs)
    if os.path.lexists(runs):
        found = f"{_shown(runs)} is no folder, and runs go into a folder of that name."
        return Fact("problem", found, "Move it, or train with --out FOLDER.")
    return Fact("ok", f"{_shown(runs)} is not there yet; the first training makes it.")


def _kept_in(folder: Path) -> Fact:
    """A file is replaced, and a lock holds others off, in a folder that goes again."""
    shown = _shown(folder)
    try:
        free = shutil.disk_usage(folder).free
        with TemporaryDirectory(prefix=".upright-", dir=folder) as made:
            refusal = _replaces(Path(made)) or _locks(Path(made))
    except OSError as error:
        refusal = f"cannot be written: {error.strerror or error}"
    if refusal:
        return Fact("problem", f"{shown} {refusal}.", ELSEWHERE)
    found = f"{shown} takes files, renames and locks; {free / GB:,.1f} GB are free."
    if free < GB:
        return Fact("note", found, "Make room before a long training, or train with --out FOLDER.")
    return Fact("ok", found)


def _replaces(folder: Path) -> str:
    """What is wrong with how a file takes another's place; nothing where it is in order."""
    path = folder / "file"
    for text in ("one", "two"):
        write_atomically(path, text)
    return "" if path.read_text() == "two" else "kept an old file when a new one took its place"


def _locks(folder: Path) -> str:
    """What is wrong with its locks; nothing where another process is held off, and let in again."""
    from upright.ground import RunLock, status_of

    try:
        lock = RunLock(folder)
    except (UprightError, NotImplementedError):
        return "has no locks, which keep two trainings out of one run"
    try:
        during = ask(folder, "lock", str(folder.absolute()))
    finally:
        lock.release()
    if during != "running":
        return "has locks that another process does not see, so two trainings can spoil one run"
    return "" if status_of(folder, "running") == "died" else "keeps a lock that was released"


def _shown(folder: Path) -> str:
    try:
        return str(folder.absolute())
    except OSError:  # the current folder is gone
        return "The current folder"
