"""Sides compared: each held against the first, in a sentence, a table and a figure."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upright.ground import UprightError
from upright.judging import Comparison, Estimate, Race, compared, raced
from upright.study.outcome import with_interval
from upright.study.sides import Side, sides_of

if TYPE_CHECKING:
    from upright.show.curves import Picture

MOST_TOLD_SEEDS = 1000


class Compared:
    """Sides, and what comes of holding each against the first.

    Args:
        sides: As `sides_of` gives them.

    Attributes:
        sides: The same.
        comparisons: Of the mean returns of each side but the first with those of the first.
        races: Of their steps to solve; empty where nothing is solved, or solving ends no run.
    """

    def __init__(self, sides: Sequence[Side]) -> None:
        self.sides = tuple(sides)
        first, *others = sides
        self.comparisons = tuple(compared(side.scores, first.scores) for side in others)
        races = any(side.racers for side in sides)
        steps = [_steps(side) for side in sides] if races else []
        self.races = tuple(raced(each, steps[0]) for each in steps[1:])

    def __repr__(self) -> str:
        return "\n".join(self.sentences())

    def sentences(self) -> list[str]:
        """Of each side but the first: better, worse or not shown."""
        first, *others = self.sides
        said = [
            verdict_on(side.name, first.name, found)
            for side, found in zip(others, self.comparisons, strict=True)
        ]
        said += [
            race_to_solve(side.name, first.name, found)
            for side, found in zip(others, self.races, strict=False)
        ]
        if len(others) > 1:
            said.append("Each of these is said with 95% confidence by itself, not all together.")
        return said

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        first, *others = self.sides
        return {
            "env": first.runs[0].recipe.env,
            "sides": [{"name": side.name} | side.as_dict() for side in self.sides],
            "comparisons": [
                {
                    "of": side.name,
                    "with": first.name,
                    "verdict": found.outcome,
                    "difference": found.difference._asdict(),
                    "probability_of_improvement": found.improvement._asdict(),
                    "p_value": found.p_value,
                    "seeds_a_side_to_show": found.seeds,
                }
                for side, found in zip(others, self.comparisons, strict=True)
            ],
            "races": [
                {
                    "of": side.name,
                    "with": first.name,
                    "verdict": found.outcome,
                    "probability": found.probability._asdict(),
                    "p_value": found.p_value,
                }
                for side, found in zip(others, self.races, strict=False)
            ],
        }

    def plot(self) -> "Picture":
        """Aggregates, probabilities of improvement, profiles and sample-efficiency curves."""
        from upright.show.curves import DrawnSide, draw_sides

        improvements = [None, *(found.improvement for found in self.comparisons)]
        return draw_sides(
            [
                DrawnSide(side.name, side.scores, side.aggregates, side.curves, improvement)
                for side, improvement in zip(self.sides, improvements, strict=True)
            ]
        )


def compare(*sides: str | Path, trust_code: bool = False, replay: bool = False) -> Compared:
    """Compare sides of runs, as `upright compare` does.

    Args:
        *sides: Folders of runs, patterns such as "runs/*/ppo-s*", runs or bundles; of single runs,
            and in a folder alone, those of the same settings are a side.
        trust_code: Whether code that a run names may be imported.
        replay: Whether every verdict is repeated by playing first.

    Raises:
        UprightError: There are no two sides, a side has one seed, a verdict does not hold, or the
            sides were judged otherwise or share a run.

    Example:
        >>> for algo in ("ppo", "reinforce"):
        ...     several = upright.seeds("CartPole-v1", algo, seeds=range(3), media=False)
        >>> found = upright.compare("runs/CartPole-v1/ppo-*", "runs/CartPole-v1/reinforce-*")
        >>> len(found.sentences()) >= 1
        True
    """
    for side in sides:
        if not isinstance(side, str | Path):
            raise UprightError(
                f"A side is the name of a folder or a pattern, not {type(side).__name__}.",
                "Give every side by itself: upright.compare(one, other).",
            )
    return Compared(sides_of([str(each) for each in sides], trust_code, replay))


def verdict_on(one: str, other: str, found: Comparison) -> str:
    """What was found of one side beside another, in a sentence or three."""
    sizes = found.difference
    beats = found.improvement
    numbers = (
        f"its interquartile mean is {'higher' if sizes.value >= 0 else 'lower'} by "
        f"{with_interval(sizes if sizes.value >= 0 else _turned(sizes))}, and a run of it scores "
        f"higher with a probability of {beats.value:.2f} ({beats.low:.2f} to {beats.high:.2f})."
    )
    if found.outcome != "not shown":
        return f"{one} is {found.outcome} than {other}: {numbers}"
    if found.seeds is None:
        return f"It is not shown that {one} and {other} differ: the interquartile means are equal."
    many = f"about {found.seeds:,}"
    if found.seeds > MOST_TOLD_SEEDS:
        many = f"more than {MOST_TOLD_SEEDS:,}"
    return (
        f"It is not shown that {one} is {'better' if sizes.value > 0 else 'worse'} than {other}: "
        f"{numbers} Were the difference as it looks now, {many} seeds a side would show it."
    )


def race_to_solve(one: str, other: str, found: Race) -> str:
    """Who solves sooner, in a sentence."""
    sure = found.probability
    odds = (
        f"a run of it needs fewer steps than one of {other} with a probability of "
        f"{sure.value:.2f} ({sure.low:.2f} to {sure.high:.2f})."
    )
    if found.outcome == "not shown":
        return f"It is not shown that {one} solves sooner or later: {odds}"
    return f"{one} solves {found.outcome}: {odds}"


def _steps(side: Side) -> list[float]:
    """Of each run, until it was solved; no number is as large as that of one that was not."""
    return [row.steps if row.solved else math.inf for row in side.rows]


def _turned(difference: Estimate) -> Estimate:
    return Estimate(-difference.value, -difference.high, -difference.low)
