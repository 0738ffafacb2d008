"""Many runs as processes: several seeds, or settings that are searched; and sides compared."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.study.children import Onlooker, SeedProgress
    from upright.study.comparing import compare
    from upright.study.found import Search, TrialRow
    from upright.study.outcome import SeedRow, SeedRuns
    from upright.study.plan import Plan, plan_of
    from upright.study.searching import search_settings, space_for
    from upright.study.sides import Side
    from upright.study.spec import MOST_JOBS, parse_seeds, parse_time, refuse_seeds, refuse_unfit
    from upright.study.training import train_seeds

__getattr__, __dir__, __all__ = opened(__name__)
