"""Folders that take runs, and folders that are none, are gone or have no locks."""

import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from upright.doctor import folders
from upright.doctor.folders import check_folder, check_runs
from upright.doctor.patient import Patient


def test_a_folder_that_takes_runs_is_fine_and_is_left_empty(patient: Patient) -> None:
    fact = check_folder(patient)
    assert (fact.state, fact.remedy) == ("ok", "")
    assert fact.found.startswith(f"{patient.here} takes files, renames and locks; ")
    assert list(patient.here.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_a_problem(patient: Patient) -> None:
    patient.here = patient.scratch / "file"
    patient.here.touch()
    fact = check_folder(patient)
    assert fact.state == "problem"
    assert fact.found == f"{patient.here} cannot be written: Not a directory."
    assert "--out FOLDER" in fact.remedy


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_folder_that_nobody_can_write_is_a_problem(patient: Patient) -> None:
    patient.here = Path("/proc")
    fact = check_folder(patient)
    assert fact.state == "problem"
    assert fact.found.startswith("/proc cannot be written: ")


def test_a_current_folder_that_is_gone_is_a_problem(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(patient.here)
    shutil.rmtree(patient.here)
    patient.here = Path()
    fact = check_folder(patient)
    assert fact.state == "problem"
    assert fact.found.startswith("The current folder cannot be written: No such file")
    os.chdir(patient.scratch)


def test_runs_that_are_not_there_are_no_problem(patient: Patient) -> None:
    fact = check_runs(patient)
    assert fact.state == "ok"
    assert "the first training makes it" in fact.found


def test_runs_that_are_there_are_looked_at(patient: Patient) -> None:
    (patient.here / "runs").mkdir()
    fact = check_runs(patient)
    assert fact.state == "ok"
    assert fact.found.startswith(f"{patient.here / 'runs'} takes files")


@pytest.mark.parametrize("link", [True, False])
def test_runs_that_are_no_folder_are_a_problem(patient: Patient, link: bool) -> None:
    runs = patient.here / "runs"
    if link:
        runs.symlink_to(patient.here / "gone")
    else:
        runs.touch()
    fact = check_runs(patient)
    assert fact.state == "problem"
    assert f"{runs} is no folder" in fact.found
    assert fact.remedy


def test_a_lock_that_another_process_does_not_see_is_a_problem(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "ask", lambda *words: "died")
    fact = check_folder(patient)
    assert fact.state == "problem"
    assert "two trainings can spoil one run" in fact.found
    assert list(patient.here.iterdir()) == []


def test_a_lock_that_is_kept_is_a_problem(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upright.ground.lock.status_of", lambda *words: "running")
    assert "keeps a lock that was released" in check_folder(patient).found


def test_a_disk_without_locks_is_a_problem(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(folder: Path) -> Any:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr("upright.ground.lock.RunLock", none)
    fact = check_folder(patient)
    assert fact.state == "problem"
    assert "has no locks" in fact.found
    assert list(patient.here.iterdir()) == []


def test_a_disk_that_keeps_the_old_file_is_a_problem(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_wins(path: Path, text: str) -> None:
        if not path.exists():
            path.write_text(text)

    monkeypatch.setattr(folders, "write_atomically", first_wins)
    assert "kept an old file" in check_folder(patient).found


def test_a_disk_that_is_nearly_full_is_a_note(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**9, 10**9, 10**8))
    fact = check_folder(patient)
    assert fact.state == "note"
    assert fact.found.endswith("; 0.1 GB are free.")
    assert fact.remedy
