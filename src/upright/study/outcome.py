"""What several runs came to: a row of each, aggregates, and what it took to solve."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple, Self

from upright.ground import UprightError, how_many
from upright.judging import Aggregates, Estimate, Verdict, aggregates
from upright.runs import Metric, Run
from upright.study.children import SeedProgress


class SeedRow(NamedTuple):
    """What a run's verdict says.

    Attributes:
        seed: Its own.
        run: Its folder.
        solved: None where there is no threshold.
        mean: The proof's mean return, which is the run's score.
        steps: Transitions until the judged policy.
        seconds: Of training until then, without evaluations.
    """

    seed: int
    run: str
    solved: bool | None
    mean: float
    steps: int
    seconds: float


def row_of(run: Run, verdict: Verdict) -> SeedRow:
    """What a finished run's verdict says, which holds against all of its files."""
    steps = verdict.candidate.timesteps
    seconds = [row[Metric.SECONDS] for row in run.metrics() if row[Metric.TIMESTEPS] == steps]
    seed, mean = run.recipe.seed, verdict.proof.mean
    return SeedRow(seed, str(run.source), verdict.solved, mean, steps, seconds[-1])


def cost_of(rows: Sequence[SeedRow], budget: int, is_race: bool) -> float:
    """What the best trial has least of.

    Args:
        rows: What its trainings came to.
        budget: The most timesteps of each.
        is_race: Whether they were to solve something, and the soonest is the best: the mean steps
            until that, where each that did not counts more than all steps of the others together,
            and the more the lower their mean return. Else it is the mean return alone.
    """
    if not is_race:
        return -fmean(row.mean for row in rows)
    unsolved = [row.mean for row in rows if not row.solved]
    lost = float(sum(min(row.steps, budget) for row in rows if row.solved))
    if unsolved:
        mean = fmean(unsolved)
        lost += budget * len(unsolved) * (1.0 - mean / (1.0 + abs(mean))) / 2.0
    return 2.0 * budget * len(unsolved) + lost / len(rows)


class Rows:
    """At least one run, a row of each, and what they come to."""

    runs: tuple[Run, ...]
    rows: tuple[SeedRow, ...]

    @property
    def scores(self) -> list[float]:
        """The mean return of each run's proof."""
        return [row.mean for row in self.rows]

    @cached_property
    def aggregates(self) -> Aggregates:
        """Mean, median and interquartile mean of the scores, with 95% intervals."""
        return aggregates(self.scores)

    @property
    def solvers(self) -> list[SeedRow]:
        """The rows of the runs that are solved."""
        return [row for row in self.rows if row.solved]

    @property
    def racers(self) -> list[SeedRow]:
        """The solvers, where a run ends once it is solved: what it took says how soon that was.

        A run that spends its budget is judged by its best policy, of whenever that is.
        """
        ends = all(run.recipe.until == "solved" for run in self.runs)
        return self.solvers if ends else []

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "runs": [row._asdict() for row in self.rows],
            "solved": None if self._is_unjudged else len(self.solvers),
            **{name: each._asdict() for name, each in self.aggregates._asdict().items()},
            "steps_to_solve": _spread(row.steps for row in self.racers),
            "seconds_to_solve": _spread(row.seconds for row in self.racers),
        }

    def sentences(self) -> list[str]:
        """All of it in words."""
        found, runs = self.aggregates, len(self.rows)
        said = [
            f"{name}: {with_interval(each)}"
            for name, each in zip(
                ("Mean return", "Median", "Interquartile mean"), found, strict=True
            )
        ]
        if self._is_unjudged:
            return [f"{how_many(runs, 'run')}, no threshold", *said]
        said.insert(0, f"Solved and verified: {len(self.solvers)} of {runs}")
        if self.racers:
            steps = _words(self.as_dict()["steps_to_solve"], ",.0f")
            seconds = _words(self.as_dict()["seconds_to_solve"], ",.2f")
            said += [f"Steps to solve: {steps}", f"Seconds to solve: {seconds}, of training"]
        return said

    @property
    def _is_unjudged(self) -> bool:
        return all(row.solved is None for row in self.rows)


class SeedRuns(Rows):
    """Several seeds of one recipe, trained.

    Attributes:
        runs: Those that came to a verdict, in the order of their seeds.
        failures: Why others came to none, by seed.
    """

    def __init__(
        self, runs: Sequence[Run], rows: Sequence[SeedRow], failures: Mapping[int, str]
    ) -> None:
        self.runs, self.rows, self.failures = tuple(runs), tuple(rows), dict(failures)

    @classmethod
    def of(cls, every: Iterable[SeedProgress], opened: Callable[[Path], Run]) -> Self:
        """What `train_seeds` came to.

        Args:
            every: What it returned.
            opened: Opens a run's folder.

        Raises:
            UprightError: Not one of them came to a verdict.
        """
        runs, rows, failures = [], [], {}
        for one in every:
            if one.verdict is not None and one.folder is not None:
                runs.append(opened(one.folder))
                rows.append(row_of(runs[-1], one.verdict))
            else:
                failures[one.seed] = one.error
        if not runs:
            seed, error = next(iter(failures.items()))
            many = f"None of {len(failures)} trainings came to its end; "
            raise UprightError(f"{many if len(failures) > 1 else ''}seed {seed} failed: {error}")
        return cls(runs, rows, failures)

    def __repr__(self) -> str:
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"<{len(self.runs)} runs{failed}: {'; '.join(self.sentences())}>"


def with_interval(found: Estimate) -> str:
    """A number and its interval."""
    return f"{found.value:z,.1f} (95% interval {found.low:z,.1f} to {found.high:z,.1f})"


def _spread(values: Iterable[float]) -> dict[str, float] | None:
    """Median, least and most; None where there is no value."""
    found = sorted(values)
    return {"median": median(found), "least": found[0], "most": found[-1]} if found else None


def _words(spread: dict[str, float], form: str) -> str:
    middle, least, most = (format(each, form) for each in spread.values())
    return middle if least == most else f"{middle} in the median ({least} to {most})"
