"""What will hurt a training in an environment, in plain words, from random play alone.

The limits were chosen so that CartPole-v1 is fine in every respect.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from upright.envs.composition import EnvSource
from upright.envs.conformance import Answer, Outcome
from upright.envs.looks import (
    look_at_contract,
    look_at_replay,
    look_at_seed,
    look_at_spaces,
    look_at_speed,
    look_at_steps,
)
from upright.envs.looks_at_play import (
    look_at_endings,
    look_at_length,
    look_at_masks,
    look_at_observations,
    look_at_rewards,
    look_at_signal,
    look_at_size,
    look_at_worth,
)
from upright.envs.subject import Subject
from upright.ground import UprightError


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


def check(env: EnvSource, seed: int, steps: int) -> list[Check]:
    """What will hurt training, and what is fine, in the order of `LOOKS`.

    Nothing is trained and nothing is written. Where spaces, masks or steps are wrong, what needs
    random play is left out.

    Args:
        env: What names or makes the environment.
        seed: Where the seeds of all episodes and actions derive from.
        steps: Of random play, at least 1.

    Raises:
        UprightError: The environment cannot be made.

    Example:
        >>> {found.outcome for found in check("CartPole-v1", seed=0, steps=500)}
        {'fine'}
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


# What is looked at, in the order in which it is told. None: there is nothing to look at.
LOOKS: dict[str, Callable[[Subject], Answer | None]] = {
    "gymnasium": look_at_contract,
    "spaces": look_at_spaces,
    "action-masks": look_at_masks,
    "steps": look_at_steps,
    "observations": look_at_observations,
    "observation-scale": look_at_size,
    "same-seed": look_at_seed,
    "replay": look_at_replay,
    "episode-length": look_at_length,
    "endings": look_at_endings,
    "rewards": look_at_rewards,
    "reward-scale": look_at_worth,
    "reward-signal": look_at_signal,
    "speed": look_at_speed,
}
# Where one of these is wrong, nothing can be played.
DECISIVE = ("spaces", "action-masks", "steps")
