"""Displays, ffmpegs and browsers that are there, are not, or do not work."""

import os
import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import NoReturn

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from upright.doctor.patient import Patient
from upright.doctor.seeing import FRAMES, check_browser, check_display, check_ffmpeg


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable says where a display is, or which driver draws."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there always is a display")
def test_without_a_display_a_note_says_what_serves(patient: Patient, nowhere: None) -> None:
    fact = check_display(patient)
    assert fact.state == "note"
    assert "neither DISPLAY nor WAYLAND_DISPLAY" in fact.found
    assert "a page or the terminal" in fact.remedy


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there always is a display")
def test_a_display_that_no_window_opens_on_is_a_note(
    patient: Patient, nowhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":12345")
    fact = check_display(patient)
    assert fact.state == "note"
    assert fact.found.startswith("No window opens. There is no display for a window")


def test_a_driver_that_draws_where_nobody_looks_is_a_note(
    patient: Patient, nowhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    fact = check_display(patient)
    assert fact.state == "note"
    assert "SDL's driver is dummy" in fact.found


@pytest.mark.skipif(
    shutil.which("xvfb-run") is None or shutil.which("xauth") is None,
    reason="xvfb-run is not installed",
)
def test_on_a_display_a_window_opens(patient: Patient, nowhere: None) -> None:
    code = (
        "from pathlib import Path\n"
        "from upright.doctor.patient import Patient\n"
        "from upright.doctor.seeing import check_display\n"
        "print(*check_display(Patient(Path(), Path())))\n"
    )
    done = subprocess.run(
        ["xvfb-run", "-a", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.startswith("ok A window opens (SDL driver x11, DISPLAY=:")


def test_a_video_is_made_and_counted(patient: Patient) -> None:
    fact = check_ffmpeg(patient)
    assert fact.state == "ok"
    assert fact.found.startswith("ffmpeg ")
    assert [path.name for path in patient.scratch.iterdir()] == ["tiny.mp4"]


def program(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_an_ffmpeg_that_fails_is_a_problem(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = program(tmp_path / "ffmpeg", "#!/bin/sh\necho Unknown encoder >&2\nexit 1\n")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", broken)
    fact = check_ffmpeg(patient)
    assert fact.state == "problem"
    assert "Unknown encoder" in fact.found
    assert fact.remedy == "Unset IMAGEIO_FFMPEG_EXE, and imageio-ffmpeg's own is used."
    assert list(patient.scratch.iterdir()) == []


def test_no_ffmpeg_at_all_is_a_problem(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> NoReturn:
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", missing)
    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE", raising=False)
    fact = check_ffmpeg(patient)
    assert fact.state == "problem"
    assert fact.found == "No video can be made. There is no ffmpeg."
    assert "pip install imageio-ffmpeg" in fact.remedy


def test_an_ffmpeg_that_loses_pictures_is_a_problem(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lossy = (
        f"#!{sys.executable}\nimport os, sys\n*words, out = sys.argv[1:]\n"
        f"os.execv({get_ffmpeg_exe()!r}, ['ffmpeg', *words, '-frames:v', '3', out])\n"
    )
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", program(tmp_path / "ffmpeg", lossy))
    fact = check_ffmpeg(patient)
    assert fact.state == "problem"
    assert f"made a video of 3 pictures from {FRAMES}" in fact.found


def test_a_browser_is_named(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("firefox"))
    assert check_browser(patient).found == "Pages open in firefox."
    monkeypatch.setattr(webbrowser, "get", object)
    assert check_browser(patient).found == "Pages open in the system's own browser."


def test_no_browser_is_a_note(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> NoReturn:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", missing)
    fact = check_browser(patient)
    assert fact.state == "note"
    assert "any machine" in fact.found


def test_no_check_of_what_shows_leaves_a_driver_behind(patient: Patient, nowhere: None) -> None:
    before = dict(os.environ)
    check_display(patient)
    assert dict(os.environ) == before
