"""Which environments can be trained, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from upright.envs import Codec, make_env
from upright.ground import UprightError
from upright.settings import presets_of


@dataclass(frozen=True)
class Listed:
    """One environment, in words."""

    id: str
    trainable: str
    observation_space: str
    action_space: str
    threshold: float | None
    presets: str


def find_environments(word: str = "") -> Iterator[Listed]:
    """The newest version of every registered environment whose id contains `word`, by name."""
    newest: dict[str, str] = {}
    for spec in sorted(gym.registry.values(), key=lambda spec: spec.version or 0):
        newest[f"{spec.namespace or ''}/{spec.name}"] = spec.id
    for name in sorted(newest.values(), key=str.lower):
        if word.lower() in name.lower():
            yield _look_at(name)


def _look_at(name: str) -> Listed:
    threshold = gym.spec(name).reward_threshold
    tables = presets_of(name).tables
    recorded = ", ".join(f"{preset}: {'/'.join(algos)}" for preset, algos in tables.items())
    try:
        env = make_env(name)
    except Exception as error:
        missing = "needs an extra" if _is_missing(error) else "does not start"
        return Listed(name, missing, "?", "?", threshold, recorded)
    obs, action = env.observation_space, env.action_space
    env.close()
    trainable = "yes" if is_supported(obs, action) else "no"
    return Listed(name, trainable, describe(obs), describe(action), threshold, recorded)


def _is_missing(error: Exception) -> bool:
    causes = (ImportError, gym.error.DependencyNotInstalled)
    return isinstance(error, causes) or isinstance(error.__cause__, causes)


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
