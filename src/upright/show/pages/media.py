"""What a finished training leaves in its folder to look at: curve.png and replay.mp4."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from upright.ground import UprightError, raised, write_atomically
from upright.runs import CURVE_FILE, REPLAY_FILE, Run
from upright.show.curves import plot
from upright.show.video import MOST_STEPS, draw

MOST_FPS = 30.0


def leave_media(run: Run) -> tuple[list[Path], list[str]]:
    """Draw the curve and a replay into the run folder, in the place of earlier ones.

    Returns:
        The files that were written, and sentences about what could not be.
    """
    with ThreadPoolExecutor(1) as beside:  # ffmpeg does half of the work elsewhere
        curve = beside.submit(_leave, run, CURVE_FILE, _curve)
        notes = {REPLAY_FILE: _leave(run, REPLAY_FILE, _replay), CURVE_FILE: curve.result()}
    names = (CURVE_FILE, REPLAY_FILE)
    return [run.path / name for name in names if not notes[name]], [
        f"No {name}: {notes[name]}" for name in names if notes[name]
    ]


def _leave(run: Run, name: str, leave: Callable[[Run, Path], None]) -> str:
    """What kept a file from being written, in a sentence; empty if nothing did."""
    try:
        leave(run, run.path / name)
    except UprightError as error:
        return error.message
    except OSError as error:
        return f"{error.strerror or error}."
    except Exception as error:  # the run is finished, whatever a drawing library meets
        return f"{raised(error)}."
    return ""


def _curve(run: Run, out: Path) -> None:
    write_atomically(out, plot([run]).data("png"))


def _replay(run: Run, out: Path) -> None:
    draw(run, out, max_steps=MOST_STEPS, most_fps=MOST_FPS)
