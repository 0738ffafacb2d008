"""Looks at what random play showed: observations, ends of episodes, rewards."""

from collections import Counter

import gymnasium as gym
import numpy as np

from upright.envs.codec import Codec
from upright.envs.conformance import Answer
from upright.envs.masks import MaskError
from upright.envs.random_play import place_of
from upright.envs.sources import is_gymnasiums_own
from upright.envs.subject import Subject
from upright.ground import how_many

# The default discount factor of every algorithm.
GAMMA = 0.99
# A critic's output starts near 0 and learns to be about so large without a value_scale.
LARGE_WORTH = 100.0
# First layers are made for inputs of about 1; tanh is flat beyond a few of them. PPO's default
# settings bring CartPole-v1 to 500 in 60,000 steps, to about 60 with observations divided by 50,
# and to about 94 with the position multiplied by 300; with normalize_obs to 500 and 469.
LARGE_INPUT, SMALL_INPUT = 10.0, 0.1
# Half of the longest time limit of Gymnasium's own, 2,000 steps.
LONG_EPISODE = 1000


def look_at_observations(subject: Subject) -> Answer:
    """Finite, and within their bounds."""
    played = subject.played
    if played.nonfinite is not None:
        return Answer(
            "wrong",
            f"An observation after step {played.nonfinite:,} is not finite (NaN or infinite): "
            "training stops there.",
            "Look for a division by 0 or a number that grows without end.",
        )
    if played.outside:
        own = is_gymnasiums_own(subject.source)
        return Answer(
            "hurts" if own else "wrong",
            f"An observation is outside its space: {played.outside}."
            f"{'' if own else ' Training stops there.'}",
            "Mend observation_space or what step returns; --outside-space accept trains all the "
            "same.",
        )
    return Answer("fine", "Every observation is finite and within its space.")


def look_at_masks(subject: Subject) -> Answer | None:
    """Whether what an environment says of allowed actions will do, and what it leaves of them."""
    played = subject.played
    if isinstance(played.fault, MaskError):
        raise played.fault
    if not played.allowed:
        return None
    shares = played.allowed
    what = "actions" if isinstance(subject.action_space, gym.spaces.Discrete) else "actions' values"
    return Answer(
        "fine",
        f"Action masks, from {played.mask_source}, are right in all {len(shares):,} random steps: "
        f"they allow {np.mean(shares):.0%} of the {what}, {min(shares):.0%} where it is least.",
    )


def look_at_size(subject: Subject) -> Answer | None:
    """Whether what a network is shown is of about the size that it is made for."""
    played, space = subject.played, subject.observation_space
    measured = [column.categories == 0 for column in Codec(space).columns]
    if not played.rms.size or not any(measured):
        return None
    rms, span = played.rms, played.high - played.low
    large = np.flatnonzero(measured & (rms > LARGE_INPUT))
    small = np.flatnonzero(measured & (span > 0.0) & (span < SMALL_INPUT))
    if not large.size and not small.size:
        size = f"{rms[measured].min():.2g} to {rms[measured].max():.2g}"
        return Answer("fine", f"Observations are of a good size for a network: {size}.")
    if large.size:
        worst = int(large[rms[large].argmax()])
        size = f"{rms[worst]:,.3g}"
        said = f"{place_of(space, worst)} is about {size}, so large that others hardly count"
    else:
        worst = int(small[span[small].argmin()])
        said = (
            f"{place_of(space, worst)} moves only between {played.low[worst]:.3g} and "
            f"{played.high[worst]:.3g}, and a network hardly sees it"
        )
    more = large.size + small.size - 1
    others = f" ({more:,} more like it)" if more else ""
    return Answer(
        "hurts",
        f"Observations are of an awkward size: {said}{others}.",
        "Train with --normalize-obs, or scale them in the environment to about -1 to 1.",
    )


def look_at_length(subject: Subject) -> Answer:
    """Whether every episode ends."""
    played, limit = subject.played, subject.time_limit
    longest = max([*(each.length for each in played.ended), played.unfinished])
    most, ends = how_many(longest, "step"), how_many(len(played.ended), "random episode") + " ended"
    if played.ended:
        ends += f", the longest after {most}"
    if limit is not None:
        cut = how_many(limit, "step")
        return Answer("fine", f"A time limit cuts episodes off after {cut}; {ends}.")
    if played.ended and longest <= LONG_EPISODE:
        return Answer("fine", f"There is no time limit, and none is missed: {ends}.")
    seen = f"one went on for {longest:,}" if played.ended else f"none ended in {most}"
    return Answer(
        "hurts",
        f"There is no time limit, and {seen}: a policy can get stuck for ever.",
        "Wrap it in gymnasium.wrappers.TimeLimit, or register it with max_episode_steps.",
    )


def look_at_endings(subject: Subject) -> Answer | None:
    """How episodes end; a time limit that is called an end of the task teaches a wrong value."""
    ended = subject.played.ended
    if not ended:
        return None
    count, done = len(ended), sum(each.terminated for each in ended)
    first, length = ended[0], ended[0].length
    if count > 2 and done == count and length > 9 and {each.length for each in ended} == {length}:
        return Answer(
            "hurts",
            f"All {count:,} episodes terminated after exactly {length:,} steps, as if by a time "
            "limit; then what comes after counts as worth nothing.",
            "Where it is a time limit, return truncated and not terminated (TimeLimit does).",
        )
    how = "terminated" if first.terminated else "truncated"
    return Answer(
        "fine",
        f"The first episode was {how} after {how_many(length, 'step')}; in all, "
        f"{done:,} terminated (the task ended) and {count - done:,} were truncated (cut off).",
    )


def look_at_rewards(subject: Subject) -> Answer:
    """Finite."""
    rewards = np.array(subject.played.rewards)
    bad = np.flatnonzero(~np.isfinite(rewards))
    if bad.size:
        return Answer(
            "wrong",
            f"The reward of step {bad[0] + 1:,} is {rewards[bad[0]]}: training stops there.",
            "Look for a division by 0, or the logarithm of one.",
        )
    return Answer("fine", f"Rewards are finite, {rewards.min():g} to {rewards.max():g}.")


def look_at_worth(subject: Subject) -> Answer | None:
    """Whether a critic can reach what it has to learn."""
    worths = subject.played.worths(GAMMA)
    if not np.isfinite(worths).all():
        return None
    size = float(np.sqrt(np.mean(worths * worths)))
    told = f"From a step on, an episode's rewards add up to about {size:,.3g} (gamma {GAMMA:g})"
    if size <= LARGE_WORTH:
        return Answer("fine", f"{told}, which a critic can learn.")
    return Answer(
        "hurts",
        f"{told}; a critic begins near 0 and takes long to get there.",
        f"Train with --value-scale {float(f'{size:.1g}'):g}, or make rewards smaller.",
    )


def look_at_signal(subject: Subject) -> Answer | None:
    """Whether chance finds anything that is rewarded differently."""
    ended, rewards = subject.played.ended, subject.played.rewards
    returns = [each.episode_return for each in ended] if len(ended) > 1 else rewards
    if not np.isfinite(returns).all():
        return None
    low, high = min(returns), max(returns)
    whose = how_many(len(returns), f"random {'episode' if len(ended) > 1 else 'step'}")
    if low < high:
        usual, times = Counter(returns).most_common(1)[0]
        rare = f"; {len(returns) - times:,} of them not the usual {usual:g}"
        told = rare if times * 2 > len(returns) else ": some do better than others"
        return Answer("fine", f"{whose} earned from {low:g} to {high:g}{told}.")
    return Answer(
        "hurts",
        f"All {whose} earned the same, {low:g}: until something earns more, there is nothing to "
        "learn from.",
        "Reward what comes nearer to the goal, let episodes start nearer to it, or let them last "
        "longer. More --steps show whether chance ever gets there.",
    )
