"""Sides compared: each held against the first, in a sentence, a table and a figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from upright.judging import Comparison, compared
from upright.scale.outcome import with_interval
from upright.scale.sides import Side

if TYPE_CHECKING:
    from upright.show.curves import Picture

MOST_TOLD_SEEDS = 1000


class Compared:
    """Sides, and what comes of holding each against the first.

    Args:
        sides: As `sides_of` gives them.

    Attributes:
        sides: The same.
        comparisons: Of each side but the first, with the first.
    """

    def __init__(self, sides: Sequence[Side]) -> None:
        self.sides = tuple(sides)
        first, *others = sides
        self.comparisons = tuple(compared(side.scores, first.scores) for side in others)

    def sentences(self) -> list[str]:
        """Of each side but the first: better, worse or not shown."""
        first, *others = self.sides
        said = [
            verdict_on(side.name, first.name, found)
            for side, found in zip(others, self.comparisons, strict=True)
        ]
        if len(said) > 1:
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


def _turned(difference: Any) -> Any:
    return type(difference)(-difference.value, -difference.high, -difference.low)
