"""Which environments can be trained, in words."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from upright.envs import (
    Codec,
    family_of_spaces,
    is_atari,
    is_older_game,
    make_env,
    missing_extra,
    register_atari,
    reward_threshold,
)
from upright.ground import UprightError
from upright.settings import Result, presets_of

ATARI = "ALE/..."  # stands for all the games


@dataclass(frozen=True)
class Listed:
    """One environment, in words.

    Attributes:
        id: As it is registered.
        trainable: "yes", "no", "needs EXTRA" (one of Upright's own), "needs an extra" (another's)
            or "does not start".
        observation_space: In a few characters; "?" where it was not made.
        action_space: Likewise.
        threshold: The mean return from which it counts as solved, if it names one.
        presets: Which tables of settings are recorded, and for which algorithms; where none is
            taken by itself, of which family the environment is.
        solved: How seeds went with what `upright train ID` takes, where that is recorded.
    """

    id: str
    trainable: str
    observation_space: str
    action_space: str
    threshold: float | None
    presets: str
    solved: str


def find_environments(word: str = "") -> Iterator[Listed]:
    """The newest version of every registered environment whose id contains `word`, by name.

    The hundred games of Atari are one line where no word was given.
    """
    with suppress(ImportError):
        register_atari()
    newest: dict[str, str] = {}
    for spec in sorted(gym.registry.values(), key=lambda spec: spec.version or 0):
        if not is_older_game(spec):
            newest[f"{spec.namespace or ''}/{spec.name}"] = spec.id
    names = sorted(newest.values(), key=str.lower)
    games = [name for name in names if is_atari(name)]
    if not word or (not games and (is_atari(word) or word.lower() in ATARI.lower())):
        yield _games(len(games))
    for name in names:
        if word.lower() in name.lower() and (word or not is_atari(name)):
            yield _look_at(name)


def _games(number: int) -> Listed:
    trainable = "yes" if number else "needs atari"
    name = f"{ATARI} ({number} games)" if number else ATARI
    return Listed(name, trainable, "?", "?", None, "", "")


def _look_at(name: str) -> Listed:
    threshold = None
    with suppress(UprightError):  # it is no number
        threshold = reward_threshold(name)
    known = presets_of(name)
    tables, solved = known.tables, describe_result(known.usual_result)
    recorded = ", ".join(f"{preset}: {'/'.join(algos)}" for preset, algos in tables.items())
    try:
        env = make_env(name)
    except (Exception, SystemExit) as error:
        return Listed(name, _why_not(error), "?", "?", threshold, recorded, solved)
    obs, action = env.observation_space, env.action_space
    env.close()
    trainable = "yes" if is_supported(obs, action) else "no"
    if trainable == "yes" and not known.is_tuned(known.default_algorithm):
        recorded = ", ".join(filter(None, (recorded, f"family: {family_of_spaces(obs, action)}")))
    return Listed(name, trainable, describe(obs), describe(action), threshold, recorded, solved)


def _why_not(error: BaseException) -> str:
    causes = (ImportError, gym.error.DependencyNotInstalled)
    if isinstance(error, causes) or isinstance(error.__cause__, causes):
        return f"needs {missing_extra(error) or 'an extra'}"
    return "does not start"


def describe_result(result: Result | None) -> str:
    """How the seeds of a preset went, in a few words; nothing where that is not recorded."""
    if result is None:
        return ""
    steps = f"{result.timesteps[0]:,} steps"
    seconds = f", {result.seconds[0]:.2g} s" if result.seconds else ""
    return f"{result.solved} of {result.tried} at {result.bar:g}, {steps}{seconds}"


def is_supported(observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> bool:
    """Whether a policy can be made for these spaces."""
    try:
        Codec(observation_space)
        Codec(action_space)
    except UprightError:
        return False
    return True


def describe(space: gym.Space[Any]) -> str:
    """A space in a few characters, such as Box(4) or Discrete(2)."""
    if isinstance(space, gym.spaces.Discrete):
        return f"Discrete({space.n})"
    return f"{type(space).__name__}{space.shape or ''}".replace(",)", ")")
