"""The table: its order, and what becomes of a check that raises."""

from pathlib import Path
from typing import NoReturn

import pytest

from doctor.conftest import Installs
from upright.doctor import examination
from upright.doctor.examination import Entry, all_checks, examined
from upright.doctor.fact import Fact
from upright.doctor.patient import Patient
from upright.ground import UprightError


def fine(patient: Patient) -> Fact:
    return Fact("ok", "All is well.")


def raises(patient: Patient) -> NoReturn:
    raise ZeroDivisionError("by\nnothing")


def refuses(patient: Patient) -> NoReturn:
    raise UprightError("It will not do.", "Take another.")


def leaves(patient: Patient) -> Fact:
    (patient.scratch / "left").write_text("behind")
    return Fact("note", str(patient.scratch))


def test_a_check_that_raises_is_a_finding_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = {"one": {"raises": raises, "refuses": refuses}, "two": {"fine": fine}}
    monkeypatch.setattr(examination, "all_checks", lambda: table)
    first, second, third = examined(Path())
    assert (first.group, first.name, first.state) == ("one", "raises", "problem")
    assert first.found == "Looking failed with ZeroDivisionError: by nothing"
    assert first.remedy
    assert second == Entry("one", "refuses", "problem", "It will not do.", "Take another.")
    assert third == Entry("two", "fine", "ok", "All is well.", "")


@pytest.mark.parametrize("whole", [True, False])
def test_the_temporary_folder_goes(whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"one": {"leaves": leaves, "fine": fine}}
    monkeypatch.setattr(examination, "all_checks", lambda: table)
    entries = examined(Path())
    scratch = Path(next(entries).found)
    assert (scratch / "left").exists()
    if whole:
        assert len(list(entries)) == 1
    else:
        entries.close()
    assert not scratch.exists()


def test_without_a_temporary_folder_that_is_the_finding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    (entry,) = examined(tmp_path)
    assert (entry.state, entry.name) == ("problem", "temporary")
    assert "TMPDIR" in entry.remedy


def test_the_order_is_fixed_and_extras_come_last(installs: Installs) -> None:
    installs("upright", "9.0", extras=("zebra", "atari"))
    table = all_checks()
    names = [f"{group}: {', '.join(looks)}" for group, looks in table.items()]
    assert names == [
        "machine: python, system",
        "packages: required, pygame, gymnasium",
        "computing: numpy, pytorch, gpu, workers",
        "seeing: display, ffmpeg, browser",
        "disk: folder, runs",
        "a run: resume, verdict",
        "extras: atari, zebra",
    ]


def test_every_check_says_in_a_sentence_what_it_looks_at() -> None:
    for looks in examination.MACHINE_CHECKS.values():
        assert all((look.__doc__ or "").endswith(".") for look in looks.values())
