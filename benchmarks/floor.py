"""The arithmetic's floor: the bare matrix products and environment steps of one training run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np

from upright.envs import fastest_backend
from upright.ground import Array
from upright.policy import Policy, Stack

REPEATS = 3


@dataclass
class Work:
    """What a run had to compute.

    Attributes:
        rollouts: (T, N) of every rollout.
        batches: Rows of every gradient step.
    """

    rollouts: list[tuple[int, int]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Floor:
    """Seconds of the bare calls, the best of several times.

    Attributes:
        env: `step` of the environments themselves, N at a time.
        acting: The actor's matrix products, N rows at a time.
        forward: The matrix products of values and log-probs, a rollout at a time.
        learning: The matrix products of the gradient steps, forward and backward.
        gflop: Multiplications and additions in all products together, in 10^9.
    """

    env: float
    acting: float
    forward: float
    learning: float
    gflop: float


def measure(env: str, policy: Policy, work: Work) -> Floor:
    """The floor of a run of this policy's shape."""
    network: Any = policy.network
    actor = _shapes(network.torso, network.actor)
    everything = actor + _shapes(network.critic)
    acting = [num_envs for steps, num_envs in work.rollouts for _ in range(steps)]
    forward = [(steps + 1) * num_envs for steps, num_envs in work.rollouts]
    size = sum(inputs * outputs for inputs, outputs in actor)
    total_size = sum(inputs * outputs for inputs, outputs in everything)
    products = size * sum(acting) + total_size * (sum(forward) + 3 * sum(work.batches))
    return Floor(
        _best(lambda: _step_all(env, work.rollouts)),
        _best(lambda: _forward_all(actor, acting)),
        _best(lambda: _forward_all(everything, forward)),
        _best(lambda: _learn_all(everything, work.batches)),
        2 * products / 1e9,
    )


def _shapes(*stacks: Stack) -> list[tuple[int, int]]:
    """Inputs and outputs of each layer."""
    weights = [layer.weight for stack in stacks for layer in stack.layers]
    return [(len(weight), len(weight.T)) for weight in weights]


def _best(work: Callable[[], float]) -> float:
    return min(work() for _ in range(REPEATS))


def _step_all(env: str, rollouts: Sequence[tuple[int, int]]) -> float:
    """Seconds of the environments' own `step`, without anything around it."""
    num_envs = rollouts[0][1]
    mode = "vector_entry_point" if fastest_backend(env) == "vector" else "sync"
    vector: Any = gym.make_vec(env, num_envs, vectorization_mode=mode)
    vector.reset(seed=0)
    actions = np.random.default_rng(0).integers(2, size=(64, num_envs))
    count = sum(steps for steps, _ in rollouts)
    began = time.perf_counter()
    for number in range(count):
        vector.step(actions[number % 64])
    seconds = time.perf_counter() - began
    vector.close()
    return seconds


def _forward_all(shapes: Sequence[tuple[int, int]], rows: Sequence[int]) -> float:
    weights = [_ones(*shape) for shape in shapes]
    inputs = {n: [_ones(n, inputs) for inputs, _ in shapes] for n in set(rows)}
    began = time.perf_counter()
    for n in rows:
        for x, weight in zip(inputs[n], weights, strict=True):
            np.matmul(x, weight)
    return time.perf_counter() - began


def _learn_all(shapes: Sequence[tuple[int, int]], rows: Sequence[int]) -> float:
    """Forward, the weights' gradients, and the inputs' but for observations.

    A layer as narrow as the observation counts as a first one: the floor may only be too low.
    """
    weights = [_ones(*shape) for shape in shapes]
    batches = {
        n: [(_ones(n, inputs), _ones(n, outputs)) for inputs, outputs in shapes] for n in set(rows)
    }
    first = shapes[0][0]
    began = time.perf_counter()
    for n in rows:
        for (x, gradient), weight in zip(batches[n], weights, strict=True):
            np.matmul(x, weight)
            np.matmul(x.T, gradient)
            if len(weight) != first:
                np.matmul(gradient, weight.T)
    return time.perf_counter() - began


def _ones(*shape: int) -> Array:
    return np.ones(shape, np.float32)
