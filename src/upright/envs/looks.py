"""Looks at an environment as a program: contract, spaces, seeds, speed."""

from typing import Any

import gymnasium as gym
import numpy as np

from upright.envs.codec import Codec
from upright.envs.conformance import SEED_HINT, Answer, gymnasiums_answer
from upright.envs.making import fastest_backend
from upright.envs.parts import size_of
from upright.envs.sources import close_quietly, make_env
from upright.envs.subject import Subject
from upright.ground import how_many

# Each value of a Discrete is an input or an output of its own, learned about by itself.
MANY_VALUES = 1000
# Microseconds: below, acting and learning take longer than the steps that workers would take.
WORTH_WORKERS, SLOW = 20.0, 10_000.0
# What Upright does itself of what such wrappers are for.
INSTEAD = {
    "observations": "To standardise observations, train with --normalize-obs: Upright keeps the "
    "statistics itself, and exactly.",
    "rewards": "To scale rewards, train with --normalize-rewards: Upright keeps the statistics "
    "itself, and exactly.",
}


def look_at_contract(subject: Subject) -> Answer:
    """Gymnasium's own checker, on the bare environment as it asks for."""
    made = make_env(subject.source)
    answer = gymnasiums_answer(made.unwrapped, subject.seed, subject.played.is_finite)
    close_quietly(made)
    return answer


def look_at_spaces(subject: Subject) -> Answer:
    """Whether a policy can be made for them, and what of them is hard."""
    observations, actions = Codec(subject.observation_space), Codec(subject.action_space)
    for what, codec in (("Observations are", observations), ("Actions are", actions)):
        most = max((column.categories for column in codec.columns), default=0)
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
            "Actions are not bounded on every side, so the first ones are of size 1, whatever size "
            "they should be of.",
            "Give action_space the bounds that make sense: actions are scaled to lie in them.",
        )
    return Answer("fine", f"Observations {_told(observations)}, actions {_told(actions)}.")


def _told(codec: Codec) -> str:
    categories = [column.categories for column in codec.columns]
    if len(categories) == 1 and categories[0] and not codec.pictures:
        return f"are one of {categories[0]:,} values"
    parts = [how_many(len(categories), "number")] if categories else []
    return f"are {' and '.join([*parts, *_pictures(codec)])}"


def _pictures(codec: Codec) -> list[str]:
    """What is said of an observation's pictures, if it has any."""
    sizes = " and ".join(map(size_of, codec.pictures))
    return [f"{how_many(len(codec.pictures), 'picture')} of {sizes} pixels"] if sizes else []


def look_at_steps(subject: Subject) -> Answer:
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
        "fine",
        f"reset and step return what they should, in all {how_many(played.steps, 'random step')}.",
    )


def look_at_seed(subject: Subject) -> Answer:
    """Whether an episode repeats."""
    if subject.repeats:
        return Answer("fine", "The same seed and actions give the same episode again.")
    return Answer(
        "hurts" if subject.is_nondeterministic else "wrong",
        "The same seed and actions give another episode the second time: no run can be repeated.",
        SEED_HINT,
    )


def look_at_replay(subject: Subject) -> Answer | None:
    """Whether an episode is the same whatever was played before it."""
    if not subject.repeats:
        return None  # then it differs in any case
    what = subject.remembers()
    if not what:
        return Answer("fine", "An episode can be replayed, whatever was played before it.")
    culprit = subject.remembering()
    sentence = (
        f"{_called(culprit)} remembers something from one episode to the next: the same seed and "
        f"actions give other {what} after other episodes. So a resumed run goes on differently "
        "from one that was never stopped, and `upright verify` can find other returns."
    )
    if isinstance(culprit, gym.Wrapper):
        return Answer(
            "hurts",
            sentence,
            f"Leave that wrapper out, or forget all of it in reset. {INSTEAD[what]}",
        )
    return Answer("hurts", sentence, "Set everything that an episode depends on in reset.")


def _called(layer: gym.Env[Any, Any] | None) -> str:
    if layer is None:
        return "The environment, or a wrapper around it,"
    kind = "wrapper" if isinstance(layer, gym.Wrapper) else "environment"
    return f"The {kind} {type(layer).__name__}"


def look_at_speed(subject: Subject) -> Answer:
    """How long a step takes, and what runs several environments fastest."""
    micros = 1e6 * float(np.median(subject.played.seconds))
    unit = "microsecond" if round(micros) == 1 else "microseconds"
    told = f"A step takes {micros:,.0f} {unit} (median)"
    if fastest_backend(subject.source) == "vector":
        return Answer("fine", f"{told}; training uses its vector form, which is faster still.")
    if micros < WORTH_WORKERS:
        return Answer("fine", f"{told}: so quick that worker processes would hardly help.")
    if micros < SLOW:
        return Answer("fine", f"{told}: worker processes may be faster (--shards 4 --workers 2).")
    return Answer(
        "hurts",
        f"{told}: a million of them take {micros / 3600:,.1f} hours.",
        "Try --shards with as many --workers as there are cores, or a faster simulation.",
    )
