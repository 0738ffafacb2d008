"""One PPO gradient step: this project's NumPy beside PyTorch, JAX, and the bare products.

    python benchmarks/update.py

Forward, loss, backward, clipping of the norm and Adam, on one minibatch that does not change, of
two separate tanh networks. Every contender in turn, many times, one thread, float32. PyTorch runs
eager, with its fused Adam, and compiled; JAX runs compiled, where it is installed. The floor is the
bare matrix products and hyperbolic tangents of the step. The report is written anew each time.
"""

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import machine
from report import Ratios, Requirement, requirements_table, spread, table
from upright.ground import limit_threads
from upright.learning import ALGORITHMS
from upright.learning.batch import Batch
from upright.policy import Policy
from upright.policy.gaussian import DiagonalGaussian
from upright.policy.networks import MLP
from upright.settings import PPOSettings

ROWS = (64, 256, 1024, 4096)
SIZES = (64, 256)
KINDS = {"categorical": (8, 4), "gaussian": (17, 6)}
CLIP, VF_COEF, ENT_COEF, MAX_NORM, RATE, EPS = 0.2, 0.5, 0.01, 0.5, 3e-4, 1e-5
OURS, EAGER, COMPILED, JAX, FLOOR = "Upright", "PyTorch", "torch.compile", "JAX jit", "floor"
# For 64x64, at each number of rows: parts of eager PyTorch's time, and multiples of the floor.
OF_EAGER, OF_FLOOR = (0.3, 0.45, 0.65, 0.65), (4.0, 2.5, 2.2, 2.2)
Step = Callable[[], Any]


class Data(NamedTuple):
    """A minibatch: obs [B, inputs], actions, the rest [B]."""

    obs: NDArray[Any]
    actions: NDArray[Any]
    old_log_probs: NDArray[Any]
    advantages: NDArray[Any]
    returns: NDArray[Any]


def make_data(kind: str, rows: int) -> Data:
    """A minibatch that no ratio leaves far behind."""
    inputs, n = KINDS[kind]
    rng = np.random.default_rng(rows)
    actions: NDArray[Any] = rng.integers(n, size=rows)
    old = np.full(rows, -np.log(n))
    if kind == "gaussian":
        actions = rng.normal(size=(rows, n)).astype(np.float32)
        old = (-0.5 * actions**2 - 0.5 * np.log(2 * np.pi)).sum(axis=1)
    numbers = (rng.normal(size=(rows, inputs)), old, *rng.normal(size=(2, rows)))
    obs, old_log_probs, advantages, returns = (each.astype(np.float32) for each in numbers)
    return Data(obs, actions, old_log_probs, advantages, returns)


def upright_step(kind: str, size: int, data: Data) -> Step:
    """This project's own step."""
    inputs, n = KINDS[kind]
    settings = PPOSettings(
        hidden_sizes=(size, size),
        clip_range=CLIP,
        vf_coef=VF_COEF,
        ent_coef=ENT_COEF,
        max_grad_norm=MAX_NORM,
        learning_rate=RATE,
        adam_eps=EPS,
    )
    space = gym.spaces.Box(-np.inf, np.inf, (inputs,), np.float32)
    policy = Policy(space, gym.spaces.Discrete(n), settings)
    if kind == "gaussian":
        policy.distribution = DiagonalGaussian(gym.spaces.Box(-1.0, 1.0, (n,)))
        policy.network = MLP(inputs, 2 * n, (size, size), free_params=n)
        policy.network.initialize("orthogonal", np.random.default_rng(0))
    algorithm = ALGORITHMS["ppo"](policy, settings, np.random.default_rng(0))
    batch = Batch(
        data.obs, data.actions, data.advantages, data.returns, data.returns, data.old_log_probs
    )

    def step() -> None:
        algorithm.gradient(batch, 0.0)
        algorithm.step(0.0)

    return step


class Networks(nn.Module):
    """Actor and critic, as one writes them in PyTorch."""

    def __init__(self, kind: str, size: int) -> None:
        super().__init__()
        inputs, n = KINDS[kind]
        self.actor, self.critic = (
            nn.Sequential(
                *(nn.Linear(inputs, size), nn.Tanh(), nn.Linear(size, size), nn.Tanh()),
                nn.Linear(size, outputs),
            )
            for outputs in (n, 1)
        )
        self.log_std = nn.Parameter(torch.zeros(n)) if kind == "gaussian" else None

    def forward(self, obs: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probs, entropy and values."""
        params, values = self.actor(obs), self.critic(obs).squeeze(-1)
        if self.log_std is None:
            log_p = torch.log_softmax(params, -1)
            log_probs = log_p.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
            return log_probs, -(log_p.exp() * log_p).sum(-1), values
        half = 0.5 * float(np.log(2 * np.pi))
        z = (actions - params) * (-self.log_std).exp()
        log_probs = (-0.5 * z.square() - self.log_std - half).sum(-1)
        return log_probs, (self.log_std + half + 0.5).sum(), values


def torch_step(kind: str, size: int, data: Data, compiled: bool) -> Step:
    """PyTorch's step: eager, or its forward pass and loss compiled."""
    torch.manual_seed(0)
    networks = Networks(kind, size)
    obs, actions, old, advantages, returns = (torch.from_numpy(each) for each in data)
    adam = torch.optim.Adam(networks.parameters(), RATE, eps=EPS, fused=True)

    def loss_of(obs: Tensor, actions: Tensor, old: Tensor, adv: Tensor, returns: Tensor) -> Any:
        log_probs, entropy, values = networks(obs, actions)
        ratio = (log_probs - old).exp()
        policy = -torch.minimum(ratio * adv, ratio.clamp(1 - CLIP, 1 + CLIP) * adv).mean()
        critic = nn.functional.mse_loss(values, returns)
        return policy + VF_COEF * critic - ENT_COEF * entropy.mean()

    function = torch.compile(loss_of) if compiled else loss_of

    def step() -> None:
        adam.zero_grad()
        loss: Any = function(obs, actions, old, advantages, returns)
        loss.backward()
        nn.utils.clip_grad_norm_(networks.parameters(), MAX_NORM)
        adam.step()

    return step


def jax_step(kind: str, size: int, data: Data) -> Step:
    """JAX's step, all of it compiled as one."""
    os.environ.setdefault(
        "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    )
    import jax
    import jax.numpy as jnp

    inputs, n = KINDS[kind]
    rng = np.random.default_rng(0)

    def layers(outputs: int) -> list[Any]:
        units = [inputs, size, size, outputs]
        return [
            (rng.normal(0, a**-0.5, (a, b)).astype(np.float32), np.zeros(b, np.float32))
            for a, b in pairwise(units)
        ]

    weights = {"actor": layers(n), "critic": layers(1), "log_std": np.zeros(n, np.float32)}

    def apply(stack: Any, x: Any) -> Any:
        for weight, bias in stack[:-1]:
            x = jnp.tanh(x @ weight + bias)
        return x @ stack[-1][0] + stack[-1][1]

    def loss_of(weights: Any, obs: Any, actions: Any, old: Any, adv: Any, returns: Any) -> Any:
        params, values = apply(weights["actor"], obs), apply(weights["critic"], obs)[:, 0]
        if kind == "categorical":
            log_p = jax.nn.log_softmax(params)
            log_probs = jnp.take_along_axis(log_p, actions[:, None], 1)[:, 0]
            entropy = -(jnp.exp(log_p) * log_p).sum(-1)
        else:
            half, log_std = 0.5 * jnp.log(2 * jnp.pi), weights["log_std"]
            z = (actions - params) * jnp.exp(-log_std)
            log_probs = (-0.5 * z**2 - log_std - half).sum(-1)
            entropy = (log_std + half + 0.5).sum()
        ratio = jnp.exp(log_probs - old)
        policy = -jnp.minimum(ratio * adv, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * adv).mean()
        return policy + VF_COEF * ((values - returns) ** 2).mean() - ENT_COEF * entropy.mean()

    def update(state: Any, *batch: Any) -> Any:
        weights, mean, square, steps = state
        grad = jax.grad(loss_of)(weights, *batch)
        norm = jnp.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(grad)))
        scale = jnp.minimum(1.0, MAX_NORM / norm)
        grad = jax.tree.map(lambda g: g * scale, grad)
        steps = steps + 1
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, grad)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, grad)
        weights = jax.tree.map(
            lambda w, m, v: (
                w - RATE * (m / (1 - 0.9**steps)) / (jnp.sqrt(v / (1 - 0.999**steps)) + EPS)
            ),
            weights,
            mean,
            square,
        )
        return weights, mean, square, steps

    zeros = jax.tree.map(np.zeros_like, weights)
    state = [jax.device_put((weights, zeros, zeros, 0.0))]
    batch = [jax.device_put(each) for each in data]
    jitted = jax.jit(update, donate_argnums=0)

    def step() -> None:
        state[0] = jax.block_until_ready(jitted(state[0], *batch))

    return step


def floor_step(kind: str, size: int, data: Data) -> Step:
    """The matrix products and tangents that no such step can do without, into memory at hand."""
    inputs, n = KINDS[kind]
    rng, rows = np.random.default_rng(0), len(data.obs)
    jobs: list[tuple[Any, ...]] = []
    for outputs in (n, 1):
        units = [inputs, size, size, outputs]
        for index, (a, b) in enumerate(pairwise(units)):
            shapes = ((rows, a), (a, b), (rows, b))
            x, weight, d = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
            room = [np.empty(shape, np.float32) for shape in ((rows, b), (a, b), (rows, a))]
            jobs.append((index, x, weight, d, *room))

    def step() -> None:
        for index, x, weight, d, out, d_weight, d_x in jobs:
            np.dot(x, weight, out=out)
            if index < 2:
                np.tanh(out, out=out)
            np.dot(x.T, d, out=d_weight)
            if index:
                np.dot(d, weight.T, out=d_x)

    return step


def contenders(kind: str, size: int, data: Data) -> dict[str, Step]:
    """Everybody's step, by name."""
    steps = {
        FLOOR: floor_step(kind, size, data),
        OURS: upright_step(kind, size, data),
        EAGER: torch_step(kind, size, data, compiled=False),
        COMPILED: torch_step(kind, size, data, compiled=True),
    }
    if importlib.util.find_spec("jax"):
        steps[JAX] = jax_step(kind, size, data)
    return steps


def measure(steps: dict[str, Step], repeats: int, seconds: float) -> dict[str, list[float]]:
    """Milliseconds of a step, every contender in turn; a repeat takes about so many seconds."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    counts: dict[str, int] = {}
    for name, step in steps.items():
        began = time.perf_counter()
        for _ in range(5):
            step()
        counts[name] = max(3, round(5 * seconds / (time.perf_counter() - began)))
    for _ in range(repeats):
        for name, step in steps.items():
            began = time.perf_counter()
            for _ in range(counts[name]):
                step()
            times[name].append((time.perf_counter() - began) / counts[name] * 1e3)
    return times


def requirements(
    size: int, rows: int, kind: str, times: dict[str, list[float]]
) -> list[Requirement]:
    """What is promised of this project's step."""
    what = f"{kind}, {size}x{size}, {rows:,} rows"
    eager, floor = (Ratios.between(times[OURS], times[name]) for name in (EAGER, FLOOR))
    limit = OF_EAGER[ROWS.index(rows)] if size == 64 else 1.0
    found = [
        Requirement(
            f"{what}: at most {limit} of eager PyTorch", str(eager), eager.of_medians <= limit
        )
    ]
    if size == 64:
        most = OF_FLOOR[ROWS.index(rows)]
        within = floor.of_medians <= most
        found.append(Requirement(f"{what}: at most {most} times the floor", str(floor), within))
    return found


def report(repeats: int, seconds: float, kinds: list[str]) -> str:
    """Measure everything; the report on it."""
    head = machine.head("update.py", "One gradient step")
    names = [OURS, EAGER, COMPILED, JAX, FLOOR]
    rows_of_table, promises = [], []
    compiling: dict[str, list[float]] = {}
    for kind in kinds:
        for size in SIZES:
            for rows in ROWS:
                print(f"{kind} {size}x{size} {rows}", file=sys.stderr, flush=True)
                torch.compiler.reset()
                steps = contenders(kind, size, make_data(kind, rows))
                for name in (COMPILED, JAX):
                    if name in steps:
                        began = time.perf_counter()
                        steps[name]()
                        compiling.setdefault(name, []).append(time.perf_counter() - began)
                times = measure(steps, repeats, seconds)
                cells = [spread(times[name], ".3f") if name in times else "" for name in names]
                rows_of_table.append((kind, f"{size}x{size}", f"{rows:,}", *cells))
                promises += requirements(size, rows, kind, times)
    compiled = "; ".join(
        f"{name}: {spread(each, '.2f')} s before its first step" for name, each in compiling.items()
    )
    return f"""{head}

Milliseconds of one PPO gradient step, forward pass to Adam, of two separate tanh networks; median
(least to greatest) of {repeats} turns, one thread. Compiling is not counted: {compiled}.

{table(("actions", "network", "rows", *names), rows_of_table)}

{requirements_table(promises)}
"""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.2, help="of one contender's turn")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("update.md"))
    arguments = parser.parse_args()
    limit_threads(1)
    if hasattr(os, "sched_setaffinity"):  # JAX heeds no limit on its threads but this
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    text = report(arguments.repeats, arguments.seconds, arguments.kinds.split(","))
    print(text)
    arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
