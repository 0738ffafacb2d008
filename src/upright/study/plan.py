"""How far a search goes, and with which seeds."""

from typing import NamedTuple

from upright.ground import UprightError
from upright.study.spec import MOST_SEEDS

FIRST_SEARCH_SEED = 1_000_000
USUAL_TRIALS, MOST_TRIALS = 30, 10_000


class Plan(NamedTuple):
    """How far a search goes.

    Attributes:
        trials: How many there should be, those of before included; None for no limit.
        seconds: How long they may take from now on; None for no limit.
        seeds_per_trial: Trainings of each.
        seed: Where the draws come from.
    """

    trials: int | None
    seconds: float | None
    seeds_per_trial: int
    seed: int

    @property
    def seeds(self) -> range:
        """Those of every trial; small ones are left for proofs."""
        return range(FIRST_SEARCH_SEED, FIRST_SEARCH_SEED + self.seeds_per_trial)


def plan_of(
    trials: int | None = None,
    seconds: float | None = None,
    seeds_per_trial: int = 2,
    seed: int = 0,
) -> Plan:
    """How far a search goes; with neither a number nor a time, `USUAL_TRIALS`.

    Raises:
        UprightError: A number is out of range.
    """
    if trials is None and seconds is None:
        trials = USUAL_TRIALS
    for name, value, least, most in (
        ("trials", trials, 1, MOST_TRIALS),
        ("seeds_per_trial", seeds_per_trial, 1, MOST_SEEDS),
        ("seed", seed, 0, 2**63 - 1),
    ):
        if value is not None and not (type(value) is int and least <= value <= most):
            raise UprightError(f"{name} = {value!r} is out of range: should be {least} to {most}.")
    return Plan(trials, seconds, seeds_per_trial, seed)
