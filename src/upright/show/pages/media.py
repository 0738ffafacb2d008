"""What a finished training leaves in its folder to look at: curve.png and replay.mp4."""

from pathlib import Path

from upright.ground import UprightError, write_atomically
from upright.runs import CURVE_FILE, REPLAY_FILE, Run
from upright.show.curves import plot
from upright.show.video import MOST_STEPS, draw


def leave_media(run: Run) -> tuple[list[Path], list[str]]:
    """Draw the curve and a replay into the run folder, in the place of earlier ones.

    Returns:
        The files that were written, and sentences about what could not be.
    """
    made, notes = [], []
    for name, leave in ((CURVE_FILE, _curve), (REPLAY_FILE, _replay)):
        try:
            leave(run, run.path / name)
            made.append(run.path / name)
        except UprightError as error:
            notes.append(f"No {name}: {error.message}")
        except OSError as error:
            notes.append(f"No {name}: {error.strerror or error}.")
        except Exception as error:  # the run is finished, whatever a drawing library meets
            notes.append(f"No {name}: {type(error).__name__}: {error}.")
    return made, notes


def _curve(run: Run, out: Path) -> None:
    write_atomically(out, plot([run]).data("png"))


def _replay(run: Run, out: Path) -> None:
    draw(run, out, max_steps=MOST_STEPS)
