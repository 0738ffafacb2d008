"""What several test files build alike."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleEnv, CartPoleVectorEnv

from upright.experiment import Listener
from upright.ground.files import as_json, write_atomically
from upright.ground.reading import read_json
from upright.ground.state import State
from upright.policy.layers import Stack
from upright.policy.networks import Weights
from upright.policy.policy import Policy
from upright.rollout.rollout import Rollout
from upright.runs.checkpoint import Checkpoint
from upright.runs.run import Run
from upright.settings.hyperparameters import SETTINGS, Settings

CARTPOLE = gym.spaces.Box(-np.inf, np.inf, (4,), np.float32)
TWO_ACTIONS = gym.spaces.Discrete(2)
needs_onnx = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("onnx", "onnxscript", "onnxruntime")),
    reason="the extra 'onnx' is not installed",
)


def make_policy(
    settings: Settings, observation_space: gym.Space[Any] = CARTPOLE, seed: int = 0
) -> Policy:
    return Policy(observation_space, TWO_ACTIONS, settings, seed)


def policy_for(algo: str, seed: int = 0, **settings: Any) -> Policy:
    return make_policy(SETTINGS[algo](**settings), seed=seed)


def weights_of(policy: Policy) -> Weights:
    """Copies of a policy's weights, which its next step leaves as they are."""
    return {name: array.copy() for name, array in policy.weights.items()}


def same_weights(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(
        one[name].tobytes() == other[name].tobytes() for name in one
    )


def out_by_in(weight: np.ndarray) -> np.ndarray:
    """A layer's weight, or its gradient, as PyTorch has it: a matrix [out, in]."""
    return weight.T


def shapes(stack: Stack) -> list[tuple[int, int]]:
    """Outputs and inputs of each layer."""
    return [out_by_in(layer.weight).shape for layer in stack.layers]


def make_rollout(
    obs: Any,
    actions: Any,
    rewards: Any,
    *,
    terminated: Any = None,
    truncated: Any = None,
    valid: Any = None,
    finals: Sequence[tuple[tuple[int, int], Any]] = (),
) -> Rollout:
    """A rollout from lists; masks that are not given are all False, `valid` all True."""
    obs = np.asarray(obs, np.float32)
    rewards = np.asarray(rewards, np.float64)

    def mask(given: Any, otherwise: bool) -> np.ndarray:
        return np.full(rewards.shape, otherwise) if given is None else np.asarray(given, np.bool_)

    return Rollout(
        obs,
        np.asarray(actions, np.int64),
        rewards,
        mask(terminated, False),
        mask(truncated, False),
        mask(valid, True),
        np.array([index for index, _ in finals], np.int64).reshape(-1, 2),
        np.array([final for _, final in finals], np.float32).reshape(-1, *obs.shape[2:]),
        (),
    )


def write_json(path: Path, value: Any) -> None:
    write_atomically(path, as_json(value))


def renamed(folder: Path, env: str) -> None:
    """A run folder's files name another environment."""
    record = read_json(folder / "run.json")
    settings = folder / "settings.toml"
    text = settings.read_text().replace(f'env = "{record["env"]}"', f'env = "{env}"')
    settings.write_text(text)
    write_json(folder / "run.json", record | {"env": env})


def checkpoint_of(timesteps: int, weights: Any, trainer: State | None = None) -> Checkpoint:
    """A checkpoint with a trainer's state, or with none."""
    return Checkpoint(timesteps, weights, State(), trainer or State(), State())


def newest_of(run: Run) -> Checkpoint:
    """The newest whole checkpoint of a run that has one."""
    found, _ = run.newest_checkpoint()
    assert found is not None
    return found


def random_rollout(num_steps: int = 12, num_envs: int = 3, seed: int = 0) -> Rollout:
    """CartPole-shaped noise with a few ends in it; nothing masked."""
    rng = np.random.default_rng(seed)
    shape = (num_steps, num_envs)
    terminated = rng.random(shape) < 0.1
    return make_rollout(
        rng.normal(size=(num_steps + 1, num_envs, 4)),
        rng.integers(2, size=shape),
        rng.normal(size=shape),
        terminated=terminated,
    )


class Steered:
    """A stand-in for the policy: env 0 is balanced by a rule, every other is pushed right."""

    def __init__(self, policy: Policy) -> None:
        self.distribution = policy.distribution

    def act(self, obs: np.ndarray, noise: Any, masks: Any = None) -> np.ndarray:
        balancing = (obs[:, 2] + 0.5 * obs[:, 3] > 0.0).astype(np.int64)
        pushed = np.ones(len(obs), np.int64)
        return np.where(np.arange(len(obs)) == 0, balancing, pushed)


class _ListedStarts:
    """Stands in for a vector environment's generator: the listed first states, in turn."""

    def __init__(self, vector: CartPoleVectorEnv, starts: np.ndarray) -> None:
        self._vector, self._starts = vector, starts
        self._episode = np.zeros(vector.num_envs, np.int64)

    def uniform(self, low: float, high: float, size: tuple[int, int]) -> np.ndarray:
        resetting = self._vector.prev_done
        if not resetting.any():
            resetting = np.full(self._vector.num_envs, size[1] == self._vector.num_envs)
        (lanes,) = resetting.nonzero()
        states = self._starts[lanes, self._episode[lanes]]
        self._episode[lanes] += 1
        return states.T


class ListedCartPoleVector(CartPoleVectorEnv):
    """CartPole's vector form, episode k of lane n starting in the state starts[n, k]."""

    def __init__(self, starts: np.ndarray, max_episode_steps: int) -> None:
        super().__init__(len(starts), max_episode_steps)
        self._listed = _ListedStarts(self, starts)

    @property
    def np_random(self) -> Any:
        return self._listed

    def reset(self, **options: Any) -> Any:
        self.prev_done = np.zeros(self.num_envs, np.bool_)
        return super().reset(**options)


class ListedCartPole(CartPoleEnv):
    """CartPole, its episode k starting in the state starts[k]."""

    def __init__(self, starts: np.ndarray) -> None:
        super().__init__()
        self._starts, self.resets = starts, 0

    def reset(self, **options: Any) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(**options)
        self.state = np.array(self._starts[self.resets], np.float64)
        self.resets += 1
        return np.array(self.state, np.float32), {}


class Recorder(Listener):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.rows: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}

    def started(self, trainer: Any, folder: Path) -> None:
        self.folder = folder

    def iterated(self, iteration: Any, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def concluded(self, verdict: Any, summary: dict[str, Any]) -> None:
        self.summary = summary


def untimed(row: dict[str, Any]) -> dict[str, Any]:
    """A row of metrics without the two that a clock decides."""
    return {
        name: value for name, value in row.items() if name not in ("time/fps", "time/time_elapsed")
    }
