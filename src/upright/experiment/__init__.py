"""One training under judgement, written down: begun, gone on with, told to whoever listens."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.experiment.experiment import Experiment
    from upright.experiment.listener import Listener
    from upright.experiment.resumption import resume
    from upright.experiment.training import train
    from upright.experiment.writer import RunWriter

__getattr__, __dir__, __all__ = opened(__name__)
