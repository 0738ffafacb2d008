"""A training that waits to be killed."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from upright.experiment import Listener
from upright.runs import Run

# In the midst of `answering.LITTLE`, after its first checkpoints.
DEATH = 320


class Mortal(Listener):
    """Says where the run is once it has a checkpoint and has gone on from it, and waits."""

    def started(self, trainer: Any, folder: Path) -> None:
        """Keep the folder."""
        self._folder = folder

    def iterated(self, iteration: Any, row: dict[str, Any]) -> None:
        """Wait, where it is time."""
        if iteration.timesteps < DEATH:
            return
        run = Run(self._folder)
        while run.newest_checkpoint()[0] is None:  # it is written beside the training
            time.sleep(0.01)
        place = {"folder": str(self._folder), "timesteps": iteration.timesteps}
        print(json.dumps({"answer": place}), flush=True)
        sys.stdin.read()
        os._exit(1)  # whoever asked is gone
