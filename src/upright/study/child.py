"""One training in a process of its own: it is handed its task by a pipe, and tells how it goes.

The task is the first line of stdin, which then stays open: where it ends, because somebody wants
the training to stop or because the parent is gone, the training stops as after Ctrl-C, with a
checkpoint. Events go to stdout, a JSON object a line; all else that is printed goes to stderr.
"""

import _thread
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from upright import experiment
from upright.experiment import Listener
from upright.ground import UprightError, in_a_line, interrupting
from upright.judging import Evaluation
from upright.learning import Iteration, Trainer
from upright.policy import Own
from upright.runs import Metric, Run
from upright.settings import OPERATION, recipe_from

TELLING_SECONDS = 0.2


class Reporter(Listener):
    """Tells the parent how it goes; that nobody listens any more ends no training."""

    def __init__(self, events: TextIO) -> None:
        self._events, self._told_at = events, 0.0

    def _tell(self, **event: Any) -> None:
        with suppress(OSError, ValueError):
            print(json.dumps(event), file=self._events, flush=True)

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Where the run is."""
        self._tell(folder=str(folder), timesteps=trainer.timesteps)

    def resumed(self, trainer: Trainer, folder: Path, notes: Sequence[str]) -> None:
        """Where it goes on, and what should be known about that."""
        self.started(trainer, folder)
        for note in notes:
            self._tell(note=note)

    def iterated(self, iteration: Iteration, row: dict[str, Any]) -> None:
        """How far it is, now and then."""
        if time.monotonic() - self._told_at < TELLING_SECONDS:
            return
        self._told_at = time.monotonic()
        told = {"timesteps": iteration.timesteps, "mean": row.get(Metric.EPISODE_RETURN)}
        self._tell(**told)

    def evaluated(self, evaluation: Evaluation, timesteps: int) -> None:
        """What the greedy policy gets."""
        self._tell(timesteps=timesteps, evaluation=evaluation.mean)


def main() -> int:
    """Do the task; the exit code: 0, 1 (it failed), 2 (an UprightError) or 143 (stopped)."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    orders = os.fdopen(os.dup(0), "rb", buffering=0)
    nothing, asked = os.open(os.devnull, os.O_RDONLY), threading.Event()
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what an environment prints is no event
    try:
        with interrupting(signal.SIGTERM):
            line = orders.readline()
            threading.Thread(target=_heed, args=(orders, asked), daemon=True).start()
            _do(json.loads(line), Reporter(events))
    except UprightError as error:
        print(in_a_line(str(error)), file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(error, file=sys.stderr)
        return 128 + signal.SIGTERM
    except Exception as error:
        if not asked.is_set():
            raise
        # What a library makes of being interrupted, such as Pydantic while it builds a class.
        print(in_a_line(str(error)), file=sys.stderr)
        return 128 + signal.SIGTERM
    return 0


def _heed(orders: BinaryIO, asked: threading.Event) -> None:
    """Wait until the parent closes its end, then stop the training as a signal would."""
    with suppress(OSError):
        orders.read()
    asked.set()
    _thread.interrupt_main(signal.SIGTERM)


def _do(task: dict[str, Any], listener: Listener) -> None:
    """Train, or go on with what is there, and leave pictures where they are wanted."""
    recipe = recipe_from(task["recipe"])
    folder: Path | None
    if task["run"] is None:
        folder = experiment.train(recipe, recipe.env, task["out"], listener, Own())
    else:
        folder = experiment.resume(
            Run(task["run"], trust_code=True),
            total_timesteps=None,
            out=task["out"],
            listener=listener,
            operation={name: getattr(recipe, name) for name in OPERATION},
        )
    if task["media"] and folder is not None:
        from upright.show.pages import leave_media

        leave_media(Run(folder, trust_code=True))


if __name__ == "__main__":
    sys.exit(main())
