"""What is unusual about a training, in plain words, from what its rows of metrics say.

The limits were chosen so that healthy trainings on CartPole-v1 are silent after every one of their
iterations: 28 were looked at, of all three algorithms, with tuned, default and Stable-Baselines3's
settings, until they were solved or until the budget was spent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from upright.judging.course import Course
from upright.judging.verdict import Verdict
from upright.learning import Metric

if TYPE_CHECKING:
    from upright.settings import Recipe

# Before so many updates nothing is said of all of them.
FEWEST_UPDATES = 20
# Five times the longest time limit of Gymnasium's own: 2,000 steps, BipedalWalkerHardcore-v3's.
ENDLESS_STEPS = 10_000


@dataclass(frozen=True)
class Finding:
    """Something unusual about a training.

    Attributes:
        name: What it is, as programs may ask for it.
        sentence: What was seen, with its numbers.
        hint: What to try.

    Example:
        >>> short = {"total_timesteps": 10_000, "eval_every": 10_000}
        >>> run = upright.train("MountainCar-v0", preset="default", **short)
        >>> [finding.name for finding in run.diagnose()]
        ['no-signal']
    """

    name: str
    sentence: str
    hint: str


class Said(NamedTuple):
    """What a check says of what it saw."""

    sentence: str
    hint: str


def diagnose(
    recipe: "Recipe", rows: Sequence[Mapping[str, Any]], verdict: Verdict | None
) -> list[Finding]:
    """What is unusual about a training, finished or not; nothing where nothing is.

    Args:
        recipe: What was trained.
        rows: Those of metrics.jsonl, first to last. What a row lacks is not judged.
        verdict: Says the threshold, and whether it is reached; None before there is one.
    """
    course = Course(recipe, rows, verdict)
    said = ((name, check(course)) for name, check in CHECKS.items())
    return [Finding(name, *found) for name, found in said if found is not None]


def _no_signal(course: Course) -> Said | None:
    """Every finished episode has the same return, and that return does not solve it."""
    if course.is_solved or not course.rewards_are_equal:
        return None
    return Said(
        f"All {course.column(Metric.EPISODES)[-1]:,.0f} episodes had the same return, "
        f"{course.returns[-1]:g}: none was ever rewarded differently from another, and the "
        "gradient carries no signal.",
        "Reward what comes nearer to the goal, let episodes start nearer to it, or let them last "
        "longer. A longer training helps only if chance can reach what is rewarded.",
    )


def _endless(course: Course) -> Said | None:
    """No episode ended for `ENDLESS_STEPS` steps of each environment."""
    episodes, timesteps = course.column(Metric.EPISODES), course.column(Metric.TIMESTEPS)
    if not len(episodes) == len(timesteps) > 0:
        return None
    ended = timesteps[np.argmax(episodes == episodes[-1])] if episodes[-1] else 0.0
    quiet = (timesteps[-1] - ended) / course.settings.num_envs
    if quiet < ENDLESS_STEPS:
        return None
    return Said(
        f"No episode has ended for {quiet:,.0f} steps of each environment.",
        "Give the environment a time limit: gymnasium.wrappers.TimeLimit, or max_episode_steps "
        "where it is registered.",
    )


def _unlike_scales(course: Course) -> Said | None:
    """Some numbers of an observation vary 50 times as much as others, and returns are poor.

    With PPO's default settings CartPole-v1 comes to a mean of 170 in 60,000 steps; where its
    position is multiplied by 30 the ratio is about 55, and it comes to 80. Gymnasium's own
    environments of classic control have ratios of 5 to 15, Acrobot-v1 at first 70.
    """
    ratio = course.late(Metric.OBS_SCALE)
    if ratio is None or ratio < 50.0 or course.settings.normalize_obs:
        return None
    if len(course.column(Metric.OBS_SCALE)) < FEWEST_UPDATES or not course.is_poor:
        return None
    if course.rewards_are_equal:
        return None
    return Said(
        f"Observations are of very different scales: one of their numbers varies {ratio:,.0f} "
        "times as much as another, which the network hardly sees.",
        "Try normalize_obs, or scale them in the environment to about -1 to 1.",
    )


def _pinned_actions(course: Course) -> Said | None:
    """Nine tenths of the Box actions are at a bound over the second half, and returns are poor.

    Of a standard normal, the first policy, it is a third. Some tasks are solved from bound to
    bound; hence the returns.
    """
    pinned, settings = course.late(Metric.AT_BOUNDS), course.settings
    if pinned is None or pinned < 0.9 or not course.is_poor or course.rewards_are_equal:
        return None
    if len(course.column(Metric.AT_BOUNDS)) < FEWEST_UPDATES:
        return None
    return Said(
        f"Actions are pinned to their bounds: {pinned:.0%} of them over the second half, so the "
        "policy hardly measures them out.",
        f"Try a smaller learning_rate ({_learning_rate(course)}), a log_std_init below "
        f"{settings.log_std_init:g}, or normalize_obs where observations are large.",
    )


def _entropy_collapsed(course: Course) -> Said | None:
    """Actions are hardly drawn any more, and what they earn is poor.

    The limit is a twentieth of the first entropy, or 0.01 nats: the other one of two actions is
    taken once in 800 times then. Healthy trainings stayed above a sixth of the first entropy.
    An entropy below 0 is that of a density, which has no such floor.
    """
    entropy, late = course.column(Metric.ENTROPY), course.late(Metric.ENTROPY, 0.1)
    if late is None or (entropy < 0.0).any() or not course.is_poor:
        return None
    limit = max(entropy[0] / 20, 0.01)
    if late > limit or entropy[0] <= limit:  # or there was no choice from the first
        return None
    bonus = course.settings.ent_coef
    return Said(
        f"The policy stopped exploring: its entropy is {late:.2g} nats, it was {entropy[0]:.2g} at "
        f"first, and the mean return is {course.returns[-1]:z.1f}.",
        f"Try a smaller learning_rate ({_learning_rate(course)}), or an ent_coef above {bonus:g}.",
    )


def _large_kl(course: Course) -> Said | None:
    """More than a quarter of the updates moved the policy by more than 0.1 nats.

    KL(old || new) is about that where every probability ratio is off by a half, and a clip_range
    wants them within 0.2 or 0.3. In healthy trainings it was 0.03 in the median at most, and above
    0.1 in no more than a tenth of the updates.
    """
    kl = course.column(Metric.KL)
    large = int((kl > 0.1).sum())
    if large * 4 <= len(kl) or len(kl) < FEWEST_UPDATES:
        return None
    settings = course.settings
    epochs = getattr(settings, "num_epochs", 1)
    return Said(
        f"The policy leaps: {large:,} of {len(kl):,} updates moved it by more than 0.1 nats of KL "
        f"(the largest by {kl.max():.2g}).",
        f"Try a smaller learning_rate ({_learning_rate(course)}), fewer num_epochs ({epochs}), or "
        "a target_kl of 0.02.",
    )


def _value_explains_nothing(course: Course) -> Said | None:
    """The explained variance is at most 0.05 in the median of the second half, and returns poor.

    With its default settings PPO's critic ends there on CartPole-v1 and the policy solves it all
    the same; hence the returns. Where those do not differ there is nothing to explain.
    """
    late, settings = course.late(Metric.EXPLAINED), course.settings
    if late is None or late > 0.05 or not settings.has_critic or not course.is_poor:
        return None
    if len(course.column(Metric.EXPLAINED)) < FEWEST_UPDATES or not course.late(
        Metric.EPISODE_DEVIATION
    ):
        return None
    if settings.vf_coef == 0.0:
        hint = "vf_coef is 0, so it never learns: leave it at its default."
    else:
        hint = (
            "Returns far from 0 are out of its reach at first: try a value_scale of their size "
            f"({settings.value_scale:g}), normalize_rewards, or a larger learning_rate "
            f"({_learning_rate(course)})."
        )
    return Said(
        f"The value function explains nothing: its explained variance is {late:.2f} over the "
        "second half, where 1 is perfect and 0 no better than a constant.",
        hint,
    )


def _returns_fell(course: Course) -> Said | None:
    """The mean return rose beyond chance, and has lost more than half of what it won."""
    rise, settings = course.rise, course.settings
    if rise is None or not rise.beyond_chance or not rise.fell:
        return None
    return Said(
        f"Returns fell after they had risen: from {rise.start:z.1f} to {rise.best:z.1f}, and now "
        f"{rise.now:z.1f}.",
        f"The best policy is kept. Try a learning_rate that falls ({_learning_rate(course)}; "
        f"{settings.learning_rate.start:g}:0 does), or more environments (num_envs, "
        f"{settings.num_envs}).",
    )


def _far_from_threshold(course: Course) -> Said | None:
    """No mean return came a tenth of the way to the threshold, in training or in evaluations.

    Each kind is held against its own first one: a greedy policy can be far better from the start.
    """
    threshold, returns, evaluated = (
        course.threshold,
        course.returns,
        course.column(Metric.EVALUATION),
    )
    if threshold is None or course.is_solved or course.rewards_are_equal:
        return None
    if not len(returns) or not len(evaluated):
        return None
    for means in (returns, evaluated):
        start, best = means[0], means.max()
        if best >= threshold or best - start >= (threshold - start) / 10:
            return None
    return Said(
        f"Nothing has approached the threshold, {threshold:g}: the mean return went from "
        f"{returns[0]:z.1f} to {returns.max():z.1f} at best in training, and from "
        f"{evaluated[0]:z.1f} to {evaluated.max():z.1f} in evaluations.",
        f"Train for longer (total_timesteps, {course.settings.total_timesteps:,}) if it still "
        f"rises; else try another learning_rate ({_learning_rate(course)}). `upright envs` lists "
        "what has tuned settings.",
    )


def _learning_rate(course: Course) -> str:
    """The setting as it is, for a hint."""
    start, end = course.settings.learning_rate
    return f"now {start:g}" if start == end else f"now {start:g}:{end:g}"


# What is looked for, in the order in which it is told.
CHECKS: dict[str, Callable[[Course], Said | None]] = {
    "no-signal": _no_signal,
    "endless-episodes": _endless,
    "unlike-scales": _unlike_scales,
    "pinned-actions": _pinned_actions,
    "entropy-collapsed": _entropy_collapsed,
    "large-kl": _large_kl,
    "value-explains-nothing": _value_explains_nothing,
    "returns-fell": _returns_fell,
    "far-from-threshold": _far_from_threshold,
}
