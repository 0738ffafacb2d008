"""What shows a policy: a window, a video, a browser."""

import os
import webbrowser
from pathlib import Path

from upright.doctor.asking import ask
from upright.doctor.fact import Fact
from upright.doctor.patient import Patient
from upright.ground import UprightError

FRAMES = 8
SERVERS = ("DISPLAY", "WAYLAND_DISPLAY")
UNSET = "Unset IMAGEIO_FFMPEG_EXE, and imageio-ffmpeg's own is used."
REINSTALL = "`pip install --force-reinstall imageio-ffmpeg` brings another one along."
TUNNEL = (
    "`upright watch RUN --port 8000` makes a page, which `ssh -L 8000:127.0.0.1:8000` brings to a "
    "machine with a browser."
)
OTHERWISE = "`upright watch` takes a page or the terminal here, `upright record` makes a video."


def check_display(patient: Patient) -> Fact:
    """A window can be opened."""
    from upright.show.playing import has_display

    if not has_display():
        found = "No window: neither DISPLAY nor WAYLAND_DISPLAY names a display."
        return Fact("note", found, OTHERWISE)
    try:
        driver = ask(patient.scratch, "window")
    except UprightError as error:
        return Fact("note", f"No window opens. {error.message}", OTHERWISE)
    names = [f"{name}={os.environ[name]}" for name in SERVERS if os.environ.get(name)]
    return Fact("ok", f"A window opens ({', '.join([f'SDL driver {driver}', *names])}).")


def check_ffmpeg(patient: Patient) -> Fact:
    """A video is encoded, and has as many pictures as went into it."""
    import numpy as np
    from imageio_ffmpeg import count_frames_and_secs, get_ffmpeg_exe, get_ffmpeg_version

    from upright.show.video import write_video

    pictures = [np.full((64, 64, 3), 30 * number, np.uint8) for number in range(FRAMES)]
    out = patient.scratch / "tiny.mp4"
    try:
        write_video(out, pictures, fps=10.0)
        frames, _ = count_frames_and_secs(str(out))
    except UprightError as error:
        fix = error.hint or REINSTALL
        if "IMAGEIO_FFMPEG_EXE" in os.environ:
            fix = UNSET
        return Fact("problem", f"No video can be made. {error.message}", fix)
    program = Path(get_ffmpeg_exe())
    whose = "imageio-ffmpeg's own" if "imageio_ffmpeg" in program.parts else str(program)
    which = f"ffmpeg {get_ffmpeg_version()} ({whose})"
    if frames != FRAMES:
        found = f"{which} made a video of {frames} pictures from {FRAMES}."
        return Fact("problem", found, UNSET)
    return Fact("ok", f"{which} makes videos.")


def check_browser(patient: Patient) -> Fact:
    """A browser is known that pages can be opened in."""
    try:
        name = getattr(webbrowser.get(), "name", "the system's own browser")
    except webbrowser.Error:
        found = "None is known here. Reports and playable pages open on any machine that has one."
        return Fact("note", found, TUNNEL)
    return Fact("ok", f"Pages open in {name}.")
