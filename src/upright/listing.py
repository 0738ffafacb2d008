"""What there is: environments that can be trained, runs that were."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import gymnasium as gym

from upright import presets
from upright.envs import is_code, make_env, reward_threshold
from upright.errors import UprightError
from upright.files import checkpoints
from upright.lock import status_of
from upright.reading import read_json


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
    tables = presets.load(name).tables
    recorded = ", ".join(f"{preset}: {'/'.join(algos)}" for preset, algos in tables.items())
    try:
        env = make_env(name)
    except Exception as error:
        missing = "needs an extra" if _is_missing(error) else "does not start"
        return Listed(name, missing, "?", "?", threshold, recorded)
    obs, action = env.observation_space, env.action_space
    env.close()
    trainable = "yes" if is_supported(obs, action) else "not yet"
    return Listed(name, trainable, describe(obs), describe(action), threshold, recorded)


def _is_missing(error: Exception) -> bool:
    causes = (ImportError, gym.error.DependencyNotInstalled)
    return isinstance(error, causes) or isinstance(error.__cause__, causes)


def is_supported(observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> bool:
    """Whether a policy can be made for these spaces."""
    from upright.distributions import distribution_over
    from upright.networks import observation_size

    try:
        observation_size(observation_space)
        distribution_over(action_space)
    except UprightError:
        return False
    return True


def describe(space: gym.Space[Any]) -> str:
    """A space in a few characters, such as Box(4) or Discrete(2)."""
    if isinstance(space, gym.spaces.Discrete):
        return f"Discrete({space.n})"
    return f"{type(space).__name__}{space.shape or ''}".replace(",)", ")")


def find_runs(folder: str | Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Path and facts of the runs at or below `folder`, by path; what is none is passed over.

    Raises:
        UprightError: There is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UprightError(f"There is no folder {folder}.", "Runs go to ./runs by default.")
    for path in sorted(root.rglob("run.json")):
        try:
            info = read_json(path)
        except UprightError:
            continue
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if "schema" in info and not hidden:
            newest = next(iter(checkpoints(path.parent / "checkpoints")), None)
            info = info | {"status": status_of(path.parent, info.get("status"))}
            if newest is not None and info["status"] in ("running", "died"):
                info["timesteps"] = int(newest.name)
            yield path.parent, info | _judged(path.parent, info.get("env"))


def _judged(folder: Path, env: object) -> dict[str, Any]:
    """Mean return and verdict as the recorded episodes have them, whatever run.json says.

    `upright verify` also holds them against the weights, and plays them again.
    """
    try:
        record = read_json(folder / "evaluation.json")
        means = [fmean(record[part]["returns"]) for part in ("selection", "proof")]
        threshold = record["threshold"]
        solved = None if threshold is None else min(means) >= threshold
    except (UprightError, KeyError, TypeError, ValueError, OverflowError):
        return {"mean_return": None, "solved": None}
    if isinstance(env, str) and not is_code(env):
        with suppress(UprightError):  # of an environment that is not known here
            solved = solved if threshold == reward_threshold(env) else None
    return {"mean_return": means[1], "solved": solved}
