"""What will hurt a training in an environment, in plain words, from random play alone.

The limits were chosen so that CartPole-v1 is fine in every respect, with any seed.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property

import gymnasium as gym
import numpy as np

from upright.envs.codec import Codec
from upright.envs.conformance import Answer, Outcome, gymnasiums_answer
from upright.envs.history import episodes_repeat, episodes_stand_alone
from upright.envs.making import fastest_backend, make_envs
from upright.envs.random_play import Played, play_at_random
from upright.envs.sources import EnvSource, is_gymnasiums_own, make_env
from upright.ground import UprightError

# The default discount factor of every algorithm.
GAMMA = 0.99
# A critic's output starts near 0 and learns to be about so large without a value_scale.
LARGE_WORTH = 100.0
# First layers are made for inputs of about 1; tanh is flat beyond a few of them.
LARGE_INPUT, SMALL_INPUT = 10.0, 0.1
# Each value of a Discrete is an input or an output of its own, learned about by itself.
MANY_VALUES = 1000
# Half of the longest time limit of Gymnasium's own, 2,000 steps.
LONG_EPISODE = 1000
# Microseconds: below, messages between processes take longer than the steps that they spare.
WORTH_A_PROCESS, SLOW = 1_000.0, 10_000.0


@dataclass(frozen=True)
class Check:
    """One look at an environment, and what it found.

    Attributes:
        name: What was looked at, as programs may ask for it.
        outcome: "fine"; "hurts" (training is worse or slower); "wrong" (it breaks, or a promise).
        sentence: What was seen, with its numbers.
        hint: What to do about it; empty where it is fine.
    """

    name: str
    outcome: Outcome
    sentence: str
    hint: str


class Subject:
    """The environment that is looked at.

    Args:
        env: What names or makes it.
        seed: Where everything random derives from.
        steps: Of random play.

    Attributes:
        time_limit: Steps after which a wrapper cuts an episode off; None without.

    Raises:
        UprightError: It cannot be made.
    """

    def __init__(self, env: EnvSource, seed: int, steps: int) -> None:
        self.source, self.seed, self.steps = env, seed, steps
        made = make_env(env)
        self.observation_space, self.action_space = made.observation_space, made.action_space
        self.time_limit = _time_limit(made)
        self.is_nondeterministic = made.spec is not None and made.spec.nondeterministic
        with suppress(Exception, SystemExit):
            made.close()

    @cached_property
    def played(self) -> Played:
        """What random play showed; played when it is first asked for."""
        return play_at_random(make_env(self.source), self.seed, self.steps)


def _time_limit(env: gym.Env) -> int | None:  # type: ignore[type-arg]
    """The smallest of the limits around an environment, in steps."""
    limits = []
    while isinstance(env, gym.Wrapper):
        if isinstance(env, gym.wrappers.TimeLimit):
            limits.append(int(env._max_episode_steps))
        env = env.env
    return min(limits, default=None)


def check(env: EnvSource, seed: int, steps: int) -> list[Check]:
    """What will hurt training, and what is fine, in the order of `LOOKS`.

    Nothing is trained and nothing is written. Where spaces or steps are wrong, what needs random
    play is left out.

    Args:
        env: What names or makes the environment.
        seed: Where the seeds of all episodes and actions derive from.
        steps: Of random play, at least 1.

    Raises:
        UprightError: The environment cannot be made.
    """
    return list(_looked_at(Subject(env, seed, steps)))


def _looked_at(subject: Subject) -> Iterator[Check]:
    for name, look in LOOKS.items():
        try:
            answer = look(subject)
        except UprightError as error:
            answer = Answer("wrong", error.message, error.hint)
        if answer is None:
            continue
        yield Check(name, *answer)
        if answer.outcome == "wrong" and name in DECISIVE:
            return


def _gymnasium(subject: Subject) -> Answer:
    """Gymnasium's own checker, on the bare environment as it asks for."""
    with closing(make_env(subject.source)) as made:
        return gymnasiums_answer(made.unwrapped, subject.seed)


def _spaces(subject: Subject) -> Answer:
    """Whether a policy can be made for them, and what of them is hard."""
    observations, actions = Codec(subject.observation_space), Codec(subject.action_space)
    for what, codec in (("Observations are", observations), ("Actions are", actions)):
        most = max(column.categories for column in codec.columns)
        if most > MANY_VALUES:
            return Answer(
                "hurts",
                f"{what} one of {most:,} values, and each is learned about by itself.",
                "Say the same in a few numbers (a Box or a MultiDiscrete) if they mean something.",
            )
    free = subject.action_space
    if isinstance(free, gym.spaces.Box) and not free.is_bounded("both"):
        return Answer(
            "hurts",
            "Actions have no bounds, so the first ones are of size 1, whatever size they should "
            "be of.",
            "Give action_space the bounds that make sense: actions are scaled to lie in them.",
        )
    return Answer("fine", f"Observations {_told(observations)}, actions {_told(actions)}.")


def _told(codec: Codec) -> str:
    categories = [column.categories for column in codec.columns]
    if len(categories) == 1 and categories[0]:
        return f"are one of {categories[0]:,} values"
    return f"are {len(categories):,} number{'s' if len(categories) > 1 else ''}"


def _steps(subject: Subject) -> Answer:
    """What reset and step return."""
    played, space = subject.played, subject.observation_space
    if played.fault is not None:
        raise played.fault
    if played.dtypes:
        return Answer(
            "hurts",
            f"Observations are {' and '.join(sorted(played.dtypes))} where their space says "
            f"{space.dtype}: each is converted, which takes time and can lose digits.",
            f"Return np.array(..., dtype=np.{space.dtype}).",
        )
    return Answer(
        "fine", f"{played.steps:,} random steps returned what reset and step should return."
    )


def _observations(subject: Subject) -> Answer:
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


def _observation_scale(subject: Subject) -> Answer | None:
    """Whether what a network is shown is of about the size that it is made for."""
    played = subject.played
    measured = [column.categories == 0 for column in Codec(subject.observation_space).columns]
    if not played.rms.size or not any(measured):
        return None
    rms, span = played.rms, played.high - played.low
    large = np.flatnonzero(measured & (rms > LARGE_INPUT))
    small = np.flatnonzero(measured & (span > 0.0) & (span < SMALL_INPUT))
    if not large.size and not small.size:
        size = f"{rms[measured].min():.2g} to {rms[measured].max():.2g}"
        return Answer("fine", f"Numbers of an observation are of a good size for a network, {size}.")
    if large.size:
        worst = int(large[rms[large].argmax()])
        said = f"number {worst} is about {rms[worst]:,.3g}, so large that others hardly count"
    else:
        worst = int(small[span[small].argmin()])
        said = (
            f"number {worst} moves only between {played.low[worst]:.3g} and "
            f"{played.high[worst]:.3g}, and a network hardly sees it"
        )
    more = large.size + small.size - 1
    others = f" ({more:,} more like it)" if more else ""
    return Answer(
        "hurts",
        f"Observations are of an awkward size: {said}{others}.",
        "Train with --normalize-obs, or scale them in the environment to about -1 to 1.",
    )


def _same_seed(subject: Subject) -> Answer:
    """Whether an episode repeats in one environment."""
    envs = make_envs(subject.source, 1, subject.seed, "sync")
    with closing(envs):
        if episodes_repeat(envs, subject.seed):
            return Answer("fine", "The same seed and actions give the same episode again.")
    return Answer(
        "hurts" if subject.is_nondeterministic else "wrong",
        "The same seed and actions give another episode the second time: no run can be repeated.",
        "Begin reset with super().reset(seed=seed), and draw chance from self.np_random alone.",
    )


def _fresh_environment(subject: Subject) -> Answer:
    """Whether an episode is the same in a new environment."""
    used, new = (make_envs(subject.source, 1, subject.seed, "sync") for _ in range(2))
    with closing(used), closing(new):
        if episodes_stand_alone(used, new, subject.seed):
            return Answer("fine", "A new environment plays the same episode as a used one.")
    return Answer(
        "hurts",
        "An episode differs in a new environment: something outlives reset. A resumed run goes on "
        "differently from one that was never stopped.",
        "Set everything that an episode depends on in reset.",
    )


def _episode_length(subject: Subject) -> Answer:
    """Whether every episode ends."""
    played, limit = subject.played, subject.time_limit
    longest = max([*(each.length for each in played.ended), played.unfinished])
    ends = f"{len(played.ended):,} random episodes ended, the longest after {longest:,} steps"
    if limit is not None:
        return Answer("fine", f"A time limit cuts episodes off after {limit:,} steps; {ends}.")
    if played.ended and longest <= LONG_EPISODE:
        return Answer("fine", f"There is no time limit, and none is missed: {ends}.")
    seen = f"one went on for {longest:,}" if played.ended else f"none ended in {longest:,} steps"
    return Answer(
        "hurts",
        f"There is no time limit, and {seen}: a policy can get stuck for ever.",
        "Wrap it in gymnasium.wrappers.TimeLimit, or register it with max_episode_steps.",
    )


def _endings(subject: Subject) -> Answer | None:
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
        f"The first episode was {how} after {length:,} step{'s' if length > 1 else ''}; in all, "
        f"{done:,} terminated (the task ended) and {count - done:,} were truncated (cut off).",
    )


def _rewards(subject: Subject) -> Answer:
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


def _reward_scale(subject: Subject) -> Answer | None:
    """Whether a critic can reach what it has to learn."""
    worths = subject.played.worths(GAMMA)
    if not np.isfinite(worths).all():
        return None
    size = float(np.sqrt(np.mean(worths * worths)))
    told = f"What is still to come in an episode (discounted by {GAMMA:g}) is about {size:,.3g}"
    if size <= LARGE_WORTH:
        return Answer("fine", f"{told}, which a critic can learn.")
    return Answer(
        "hurts",
        f"{told}; a critic begins near 0 and takes long to get there.",
        f"Train with --value-scale {float(f'{size:.1g}'):g}, or make rewards smaller.",
    )


def _reward_signal(subject: Subject) -> Answer | None:
    """Whether chance finds anything that is rewarded differently."""
    ended, rewards = subject.played.ended, subject.played.rewards
    returns = [each.episode_return for each in ended] if len(ended) > 1 else rewards
    if not np.isfinite(returns).all():
        return None
    low, high = min(returns), max(returns)
    whose = f"{len(returns):,} {'random episodes' if len(ended) > 1 else 'random steps'}"
    if low < high:
        return Answer("fine", f"{whose} earned from {low:g} to {high:g}: there is something to learn.")
    return Answer(
        "hurts",
        f"All {whose} earned the same, {low:g}: where nothing is better than anything else, "
        "nothing can be learned.",
        "Reward what comes nearer to the goal, let episodes start nearer to it, or let them last "
        "longer. More --steps show whether chance ever gets there.",
    )


def _speed(subject: Subject) -> Answer:
    """How long a step takes, and what runs several environments fastest."""
    micros = 1e6 * float(np.median(subject.played.seconds))
    told = f"A step takes {micros:,.0f} microseconds (median)"
    if fastest_backend(subject.source) == "vector":
        return Answer("fine", f"{told}; it has a vector form, which is faster and used by itself.")
    if micros < WORTH_A_PROCESS:
        return Answer("fine", f"{told}: too short for processes of its own, so leave --backend.")
    if micros < SLOW:
        return Answer("fine", f"{told}: --backend async, a process for each, should be faster.")
    return Answer(
        "hurts",
        f"{told}: a million of them take {micros / 3600:,.1f} hours.",
        "Try --backend async with as many --num-envs as there are cores, or a faster simulation.",
    )


# What is looked at, in the order in which it is told. None: there is nothing to look at.
LOOKS: dict[str, Callable[[Subject], Answer | None]] = {
    "gymnasium": _gymnasium,
    "spaces": _spaces,
    "steps": _steps,
    "observations": _observations,
    "observation-scale": _observation_scale,
    "same-seed": _same_seed,
    "fresh-environment": _fresh_environment,
    "episode-length": _episode_length,
    "endings": _endings,
    "rewards": _rewards,
    "reward-scale": _reward_scale,
    "reward-signal": _reward_signal,
    "speed": _speed,
}
# Where one of these is wrong, nothing can be played.
DECISIVE = ("spaces", "steps")
