"""What a learning curve is made of: the points of a run, smoothed, and of several runs, joined."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from upright.envs import reward_threshold
from upright.ground import Array, UprightError, did_you_mean
from upright.judging import bootstrap_band
from upright.runs import Run

AXES = {
    "timesteps": "environment steps",
    "seconds": "training time (seconds)",
    "episodes": "episodes",
}
EPISODE_RETURN = "episode return"
MEAN_RETURN = "rollout/ep_rew_mean"
EVALUATION = "eval/mean_reward"
GRID = 200
_COLUMNS = {
    "timesteps": "time/total_timesteps",
    "seconds": "time/time_elapsed",
    "episodes": "time/total_episodes",
}
_NOTHING = (np.empty(0), np.empty(0))


class NothingYetError(UprightError):
    """A run that has nothing to draw so far."""


class Verified(NamedTuple):
    """Where a run was judged: its place on the x axis, the proof's mean and 95% interval."""

    x: float
    mean: float
    interval: tuple[float, float]
    solved: bool | None


@dataclass(frozen=True)
class Curve:
    """One run's points.

    Attributes:
        algo: The algorithm.
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

    algo: str
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
    episodes = run.episodes() if metric is None else []
    returns = metric in (None, MEAN_RETURN, EVALUATION)
    if metric is None and not episodes and any(MEAN_RETURN in row for row in rows):
        metric = MEAN_RETURN
    if metric is None:
        x, raw = _episode_points(episodes, rows, axis)
        window = smooth or min(100, max(10, len(raw) // 20))
    else:
        x, raw = _metric_points(run, rows, metric, axis)
        window = smooth or 1
    window = min(window, max(1, len(raw)))
    verified = _verified(run, rows, axis) if returns else None
    evaluations = _evaluations(rows, axis) if returns and metric != EVALUATION else _NOTHING
    if not len(x) and not len(evaluations[0]) and verified is None:
        raise NothingYetError(no_episode(run))
    recipe = run.recipe
    return Curve(
        algo=recipe.algo,
        seed=recipe.seed,
        settings={"env": recipe.env, "algo": recipe.algo} | recipe.settings.model_dump(mode="json"),
        x=x,
        raw=raw,
        smooth=moving_mean(raw, window),
        window=window,
        metric=metric or EPISODE_RETURN,
        axis=axis,
        threshold=_threshold(run) if returns else None,
        verified=verified,
        evaluations=evaluations,
    )


def no_episode(run: Run) -> str:
    """What is said of a run without a point."""
    return f"{run.source}: no training episode has finished yet."


def moving_mean(values: Array, window: int) -> Array:
    """The mean of the last `window` values, of as many as there are at the start; [n] -> [n]."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - window, 0)
    return np.asarray((sums[last] - sums[first]) / (last - first))


def overlap(curves: Sequence[Curve]) -> bool:
    """Whether two of at least two curves share a stretch from where all of them have begun."""
    return len(curves) > 1 and max(c.x[0] for c in curves) < sorted(c.x[-1] for c in curves)[-2]


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
    if not episodes:
        return _NOTHING
    raw = np.array([row["return"] for row in episodes], np.float64)
    if axis == "episodes":
        return np.arange(1.0, len(raw) + 1.0), raw
    ends = np.array([row["timesteps"] for row in episodes], np.float64)
    x = _spread(ends)
    return (x if axis == "timesteps" else _at_seconds(x, rows)), raw


def _spread(ends: Array) -> Array:
    """An iteration's episodes, evenly between the iteration before that had any and its own end.

    The log says in which iteration an episode ended, not at which of its steps.
    """
    stops, counts = np.unique(ends, return_counts=True)
    starts = np.concatenate([[0.0], stops[:-1]])
    pieces = [
        start + (stop - start) * np.arange(1, count + 1) / count
        for start, stop, count in zip(starts, stops, counts, strict=True)
    ]
    return np.concatenate(pieces)


def _metric_points(
    run: Run, rows: list[dict[str, Any]], metric: str, axis: str
) -> tuple[Array, Array]:
    found = [row for row in rows if metric in row]
    if not found:
        names = sorted({name for row in rows for name in row})
        otherwise = f"There are {', '.join(names)}."
        raise UprightError(
            f"{run.source} has no metric '{metric}'.", did_you_mean(metric, names, otherwise)
        )
    key = _COLUMNS[axis]
    if any(key not in row for row in found):
        raise UprightError(f"{run.source} did not record its {axis}.", "Use --x timesteps.")
    x = np.array([row[key] for row in found], np.float64)
    return x, np.array([row[metric] for row in found], np.float64)


def _evaluations(rows: list[dict[str, Any]], axis: str) -> tuple[Array, Array]:
    found = [row for row in rows if EVALUATION in row and _COLUMNS[axis] in row]
    x = np.array([row[_COLUMNS[axis]] for row in found], np.float64)
    return x, np.array([row[EVALUATION] for row in found], np.float64)


def _at_seconds(timesteps: Array, rows: list[dict[str, Any]]) -> Array:
    known = np.array(
        [[r["time/total_timesteps"], r["time/time_elapsed"]] for r in rows], np.float64
    )
    return np.interp(timesteps, *np.vstack([np.zeros((1, 2)), known]).T)


def _verified(run: Run, rows: list[dict[str, Any]], axis: str) -> Verified | None:
    """The verdict as a point; a record that does not hold is no verdict."""
    try:
        verdict = run.verdict()
    except UprightError:
        return None
    at = float(verdict.candidate.timesteps)
    if axis == "seconds":
        at = float(_at_seconds(np.array([at]), rows)[0])
    elif axis == "episodes":
        counts = [(r["time/total_timesteps"], r.get("time/total_episodes", 0)) for r in rows]
        at = float(np.interp(at, *np.array(counts, np.float64).T))
    return Verified(at, verdict.proof.mean, verdict.proof.interval, verdict.solved)


def _threshold(run: Run) -> float | None:
    """The environment's own; none where it cannot be asked."""
    try:
        return reward_threshold(run.env)
    except UprightError:
        return None
