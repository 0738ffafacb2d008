"""What a learning curve is made of: the points of a run, smoothed, and of several runs, joined."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from upright.ground import Array, UprightError, did_you_mean
from upright.judging import bootstrap_band
from upright.runs import Metric, Run
from upright.settings import ENVIRONMENT, Recipe

# What stands at an axis, and where metrics.jsonl counts it.
AXES = {
    "timesteps": ("environment steps", Metric.TIMESTEPS),
    "seconds": ("training time (seconds)", Metric.SECONDS),
    "episodes": ("episodes", Metric.EPISODES),
}
EPISODE_RETURN = "episode return"
GRID = 200


class NothingYetError(UprightError):
    """A run that has nothing to draw so far."""


class Verified(NamedTuple):
    """Where a run was judged: its place on the x axis, the proof's mean and 95% interval."""

    x: float
    mean: float
    interval: tuple[float, float]
    solved: bool | None


@dataclass(frozen=True, eq=False)  # one curve is itself: arrays of two lengths do not compare
class Curve:
    """One run's points.

    Attributes:
        seed: The run's.
        settings: What runs that become one mean have in common: environment, algorithm and the
            algorithm's settings.
        x: Shape [n], ascending, in the units of `axis`; n is 0 before the first episode's end.
        raw: Shape [n]; one value per episode, or per row of metrics.
        smooth: Shape [n]; the mean of the last `window` values.
        window: How many values a smoothed one is the mean of; no more than there are.
        metric: What the values are.
        axis: A key of `AXES`.
        threshold: From where the environment counts as solved, if it says so.
        verified: The verdict, if there is a sound one and the values are returns.
        evaluations: x and mean return of the greedy policy, each [m], where the values are the
            returns of training episodes.
    """

    seed: int
    settings: dict[str, Any]
    x: Array
    raw: Array
    smooth: Array
    window: int
    metric: str
    axis: str
    threshold: float | None
    verified: Verified | None
    evaluations: tuple[Array, Array]


class Mean(NamedTuple):
    """Several curves as one, over a stretch on which the same runs are in it.

    Attributes:
        x: Shape [points].
        mean: Over the runs that reach the stretch's end, at least two; shape [points].
        low: Lower bound of the mean's 95% bootstrap interval, [points].
        high: Upper bound, [points].
        missing: How many runs ended before (often because they were solved early).
    """

    x: Array
    mean: Array
    low: Array
    high: Array
    missing: int


def curve_of(
    run: Run, metric: str | None = None, axis: str = "timesteps", smooth: int = 0
) -> Curve:
    """A run's curve.

    Args:
        run: The run, finished or not.
        metric: A name in metrics.jsonl; None for the return of every training episode.
        axis: "timesteps", "seconds" or "episodes".
        smooth: How many values a smoothed one is the mean of; 0 for a twentieth of the episodes,
            from 10 to 100, or for none where it is a metric.

    Raises:
        NothingYetError: The run has neither an iteration, nor an episode or what stands for it.
        UprightError: There is nothing to draw, or no such metric or axis.
    """
    if axis not in AXES:
        raise UprightError(f"There is no x axis '{axis}'.", did_you_mean(axis, AXES, ""))
    rows = run.metrics()
    if not rows:
        raise NothingYetError(
            f"{run.source} has no finished iteration yet; there is nothing to draw."
        )
    returns = metric in (None, Metric.EPISODE_RETURN, Metric.EVALUATION)
    episodes = run.episodes() if metric is None else []
    if metric is None and not episodes and any(Metric.EPISODE_RETURN in row for row in rows):
        metric = Metric.EPISODE_RETURN
    if metric is None:
        x, raw = _episode_points(episodes, rows, axis)
        window = smooth or min(100, max(10, len(raw) // 20))
    else:
        _refuse_unrecorded(run, rows, metric, axis)
        x, raw = _metric_points(rows, metric, axis)
        window = smooth or 1
    window = min(window, max(1, len(raw)))
    verified = _verified(run, rows, axis) if returns else None
    apart = returns and metric != Metric.EVALUATION
    evaluations = _metric_points(rows if apart else [], Metric.EVALUATION, axis)
    if not len(x) and not len(evaluations[0]) and verified is None:
        raise NothingYetError(no_episode(run))
    threshold, recipe = None, run.recipe
    if returns:
        with suppress(UprightError):  # an environment that cannot be asked has none
            threshold = run.threshold
    return Curve(
        seed=recipe.seed,
        settings=shared_settings(recipe),
        x=x,
        raw=raw,
        smooth=moving_mean(raw, window),
        window=window,
        metric=metric or EPISODE_RETURN,
        axis=axis,
        threshold=threshold,
        verified=verified,
        evaluations=evaluations,
    )


def shared_settings(recipe: Recipe) -> dict[str, Any]:
    """What runs that are drawn as one have alike."""
    flat = recipe.flat()
    own = ("env", "algo", *ENVIRONMENT, *type(recipe.settings).model_fields)
    return {name: flat[name] for name in own if name in flat}


def no_episode(run: Run) -> str:
    """What is said of a run without a point."""
    return f"{run.source}: no training episode has finished yet."


def moving_mean(values: Array, window: int) -> Array:
    """The mean of the last `window` values, of as many as there are at the start; [n] -> [n]."""
    if window == 1:  # a difference of sums is not it to the last bit
        return values
    sums = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - window, 0)
    return np.asarray((sums[last] - sums[first]) / (last - first))


def overlap(curves: Sequence[Curve]) -> bool:
    """Whether two of at least two curves share a stretch from where all of them have begun."""
    if len(curves) < 2 or not all(len(c.x) for c in curves):
        return False
    return bool(max(c.x[0] for c in curves) < sorted(c.x[-1] for c in curves)[-2])


def mean_of(curves: Sequence[Curve]) -> list[Mean]:
    """The mean of at least two runs, as far as two of them go: a stretch up to each run's end."""
    if not overlap(curves):
        return []
    first, ends = max(c.x[0] for c in curves), sorted(c.x[-1] for c in curves)
    stretches, begin = [], first
    for missing, end in enumerate(ends[:-1]):
        if end <= begin:
            continue
        there = [c for c in curves if c.x[-1] >= end]
        points = max(2, round(GRID * (end - begin) / (ends[-2] - first)))
        x = np.linspace(begin, end, points)
        values = np.stack([np.interp(x, curve.x, curve.smooth) for curve in there])
        stretches.append(Mean(x, values.mean(axis=0), *bootstrap_band(values), missing))
        begin = end
    return stretches


def _episode_points(
    episodes: list[dict[str, Any]], rows: list[dict[str, Any]], axis: str
) -> tuple[Array, Array]:
    """Where training episodes ended, and their returns, each [n].

    The log says in which iteration an episode ended, not at which of its steps: they are spread
    evenly between the iteration before that had any and its own end.
    """
    raw = np.array([row["return"] for row in episodes], np.float64)
    number = np.arange(1.0, len(raw) + 1.0)
    if axis == "episodes":
        return number, raw
    ends = np.array([row["timesteps"] for row in episodes], np.float64)
    stops, counts = np.unique(ends, return_counts=True)
    timesteps = np.interp(
        number, np.concatenate([[0], np.cumsum(counts)]), np.concatenate([[0.0], stops])
    )
    return _along(axis, timesteps, rows), raw


def _metric_points(rows: list[dict[str, Any]], metric: str, axis: str) -> tuple[Array, Array]:
    """Where a metric was recorded, and its values, each [n]."""
    _, column = AXES[axis]
    found = [(row[column], row[metric]) for row in rows if metric in row and column in row]
    x, values = np.array(found, np.float64).reshape(-1, 2).T
    return x, values


def _refuse_unrecorded(run: Run, rows: list[dict[str, Any]], metric: str, axis: str) -> None:
    found = [row for row in rows if metric in row]
    if not found:
        names = sorted({name for row in rows for name in row})
        otherwise = f"There are {', '.join(names)}."
        raise UprightError(
            f"{run.source} has no metric '{metric}'.", did_you_mean(metric, names, otherwise)
        )
    if any(AXES[axis][1] not in row for row in found):
        raise UprightError(f"{run.source} did not record its {axis}.", "Use --x timesteps.")


def _along(axis: str, timesteps: Array, rows: list[dict[str, Any]]) -> Array:
    """Where on an axis the run stood after so many timesteps, any shape."""
    if axis == "timesteps":
        return timesteps
    _, column = AXES[axis]
    known = [(0.0, 0.0), *((row[Metric.TIMESTEPS], row.get(column, 0)) for row in rows)]
    return np.interp(timesteps, *np.array(known, np.float64).T)


def _verified(run: Run, rows: list[dict[str, Any]], axis: str) -> Verified | None:
    """The verdict as a point; a record that does not hold is no verdict."""
    try:
        verdict = run.verdict()
    except UprightError:
        return None
    x = float(_along(axis, np.array(verdict.candidate.timesteps, np.float64), rows))
    return Verified(x, verdict.proof.mean, verdict.proof.interval, verdict.solved)
