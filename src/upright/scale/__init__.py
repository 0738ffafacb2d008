"""Many runs: whole trainings of several seeds, each in a process of its own, and sides compared."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.scale.comparing import compare
    from upright.scale.crew import Onlooker, SeedProgress
    from upright.scale.outcome import SeedRow, SeedRuns
    from upright.scale.sides import Side
    from upright.scale.spec import MOST_JOBS, parse_seeds, refuse_seeds, refuse_unfit
    from upright.scale.training import train_seeds, usual_jobs

__getattr__, __dir__, __all__ = opened(__name__)
