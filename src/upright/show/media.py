"""What a finished training leaves in its folder to look at: curve.png and replay.mp4."""

from pathlib import Path

from upright.errors import UprightError
from upright.files import write_atomically
from upright.folders import CURVE, REPLAY
from upright.run import Run
from upright.show.plot import plot
from upright.show.replay import MOST_STEPS
from upright.show.video import draw


def leave_media(run: Run) -> tuple[list[Path], list[str]]:
    """Draw the curve and a replay into the run folder, in the place of earlier ones.

    Returns:
        The files that were written, and sentences about what could not be.
    """
    made, notes = [], []
    for name, leave in ((CURVE, _curve), (REPLAY, _replay)):
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
