"""Every derivative that is written down, against autograd and against central differences."""

import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from upright.envs.parts import Column
from upright.learning.losses import (
    clipped_surrogate,
    clipped_value_loss,
    policy_gradient,
    value_loss,
)
from upright.policy.discrete import Bernoulli, Categorical
from upright.policy.distributions import distribution_over
from upright.policy.joint import Joint
from upright.policy.layers import Lookup
from upright.policy.networks import MLP
from upright.settings.hyperparameters import PPOSettings

Array = NDArray[Any]
CLIP, VALUE_CLIP, VF_COEF, ENT_COEF = 0.2, 0.3, 0.5, 0.01
KINK = 1e-3  # nearer to where a function has no derivative, differences say nothing


class Case(NamedTuple):
    """One network, one distribution and one batch, all drawn from a seed."""

    mlp: MLP
    distribution: Any
    obs: Array
    spread: Array  # obs, each number that is one out of n as n numbers
    actions: Array
    old_log_probs: Array
    advantages: Array
    old_values: Array
    returns: Array
    clipped: bool
    value_clipped: bool

    def policy_loss(self, log_probs: Array) -> tuple[float, Array]:
        if self.clipped:
            return clipped_surrogate(log_probs, self.old_log_probs, self.advantages, CLIP)
        return policy_gradient(log_probs, self.advantages)

    def value_loss(self, values: Array) -> tuple[float, Array]:
        if self.value_clipped:
            return clipped_value_loss(values, self.old_values, self.returns, VALUE_CLIP)
        return value_loss(values, self.returns)

    def loss(self) -> float:
        params, values = self.mlp.forward(self.obs)
        said = self.distribution.evaluate(params, self.actions)
        policy, critic = self.policy_loss(said.log_probs)[0], self.value_loss(values)[0]
        return float(policy + VF_COEF * critic - ENT_COEF * said.entropy.mean())

    def gradient(self) -> Array:
        """The derivative of `loss`, in closed form."""
        params, values = self.mlp.forward(self.obs)
        said = self.distribution.evaluate(params, self.actions)
        d_log_probs = self.policy_loss(said.log_probs)[1]
        d_values = VF_COEF * self.value_loss(values)[1]
        d_entropy = -ENT_COEF / len(self.obs)
        d_params = self.distribution.gradient(said.memory, d_log_probs, d_entropy)
        self.mlp.backward(d_params, d_values)
        return self.mlp.grad.copy()

    def kinks(self) -> float:
        """How near the loss is to a point without a derivative."""
        params, values = self.mlp.forward(self.obs)
        ratio = np.exp(self.distribution.evaluate(params, self.actions).log_probs)
        ratio = ratio / np.exp(self.old_log_probs)
        moved = np.abs(values - self.old_values)
        held = self.old_values + np.clip(values - self.old_values, -VALUE_CLIP, VALUE_CLIP)
        tie = np.abs((values - self.returns) ** 2 - (held - self.returns) ** 2)
        near = [np.abs(ratio - 1.0 - CLIP), np.abs(ratio - 1.0 + CLIP), np.abs(moved - VALUE_CLIP)]
        near.append(tie[moved > VALUE_CLIP])
        if self.mlp.actor.activation == "relu":
            near += [np.abs(before).ravel() for before in self._before_activations()]
        return float(min((each.min() for each in near if each.size), default=np.inf))

    def _before_activations(self) -> list[Array]:
        torso, found = self.spread, []
        for stack in (self.mlp.torso, self.mlp.actor, self.mlp.critic):
            x = torso
            for index, layer in enumerate(stack.layers):
                x = x @ layer.weight + (0.0 if layer.bias is None else layer.bias)
                if index < len(stack.layers) - 1 or stack.activate_last:
                    found.append(x)
                    x = np.tanh(x) if stack.activation == "tanh" else np.maximum(x, 0.0)
            if stack is self.mlp.torso:
                torso = x
        return found


ACTIONS: dict[str, Callable[[int, int], gym.Space[Any]]] = {
    "categorical": lambda n, start: gym.spaces.Discrete(n, start=start),
    "gaussian": lambda n, _: gym.spaces.Box(-1.0, 1.0, (n,)),
    "bernoulli": lambda n, _: gym.spaces.MultiBinary(n),
    "categoricals": lambda n, start: gym.spaces.MultiDiscrete([n, 3], start=[start, 0]),
    "joint": lambda n, start: gym.spaces.Dict(
        {
            "a": gym.spaces.Box(-1.0, np.inf, (n,)),
            "b": gym.spaces.Tuple([gym.spaces.MultiBinary(2), gym.spaces.Box(-2.0, 1.0, (1,))]),
            "c": gym.spaces.Discrete(n, start=start),
        }
    ),
}
# Two losses for each weight of each example are slow; `make test-long` asks for more.
EXAMPLES = int(os.environ.get("UPRIGHT_EXAMPLES", "25"))
each_kind = pytest.mark.parametrize("kind", ACTIONS)


def observations(
    rng: np.random.Generator, columns: list[Column], rows: int, dtype: Any
) -> tuple[Array, Array]:
    """Random observations [B, D], and the same with the categories spread out."""
    numbers, spread = [], []
    for n, start in columns:
        if n:
            index = rng.integers(n, size=rows)
            numbers.append(index + start)
            spread += list(np.eye(n)[index].T)
        else:
            numbers.append(rng.normal(size=rows))
            spread.append(numbers[-1])
    return np.array(numbers, dtype).T.copy(), np.array(spread, dtype).T.copy()


def make_case(dtype: Any, draw: Callable[[Any], Any], kind: str) -> Case:
    """A case of sizes that Hypothesis chooses; numbers come from the seed that it chooses."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, n = (draw(st.integers(1, most)) for most in (9, 4))
    distribution = distribution_over(ACTIONS[kind](n, draw(st.integers(-2, 2))), PPOSettings())
    columns = draw(st.lists(st.sampled_from([Column(), Column(3, -1), Column(2)]), min_size=1))
    lookup = Lookup(columns) if any(column.categories for column in columns) else None
    obs, spread = observations(rng, columns, rows, dtype)
    mlp = MLP(
        spread.shape[1],
        distribution.num_params,
        draw(st.lists(st.integers(1, 6), max_size=3)),
        activation=draw(st.sampled_from(["tanh", "relu"])),
        bias=draw(st.booleans()),
        shared=draw(st.booleans()),
        critic=draw(st.booleans()),
        free_params=distribution.free_params,
        lookup=lookup,
        dtype=dtype,
    )
    mlp.flat[:] = rng.normal(0.0, 0.7, mlp.flat.shape)
    params, values = mlp.forward(obs)
    actions = distribution.sample(params, distribution.noise(rng, (rows,)).astype(dtype))
    log_probs = distribution.evaluate(params, actions).log_probs
    noise = rng.normal(0.0, 0.3, (4, rows)).astype(dtype)
    return Case(
        mlp=mlp,
        distribution=distribution,
        obs=obs,
        spread=spread,
        actions=actions,
        old_log_probs=log_probs + noise[0],
        advantages=(noise[1] * 3.0).astype(dtype),
        old_values=values + noise[2],
        returns=values + noise[3] * dtype(3.0),
        clipped=draw(st.booleans()),
        value_clipped=draw(st.booleans()),
    )


def torch_layers(case: Case, named: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """One stack, written with PyTorch's own functions from the stored weights."""
    stack = getattr(case.mlp, name)
    for index, layer in enumerate(stack.layers):
        stored = named[f"{name}.{2 * index}.weight"]
        inputs, outputs = layer.weight.shape
        weight = stored if outputs <= inputs else stored.t()
        x = nn.functional.linear(x, weight, named.get(f"{name}.{2 * index}.bias"))
        if index < len(stack.layers) - 1 or stack.activate_last:
            x = torch.tanh(x) if stack.activation == "tanh" else torch.relu(x)
    return x


def torch_said(
    distribution: Any, params: Tensor, free: Tensor, actions: Tensor
) -> tuple[Tensor, Tensor]:
    """Log-probs and entropies [B] by torch.distributions, `free` being the parameters apart."""
    flat = actions.reshape(len(params), -1)
    said: Any
    if isinstance(distribution, Categorical):
        said = torch.distributions.Categorical(logits=params)
        return said.log_prob(flat[:, 0] - distribution.start), said.entropy()
    if isinstance(distribution, Joint):
        log_probs = entropy = params.new_zeros(len(params))
        for part in distribution.parts:
            own, width = part.num_params - part.free_params, math.prod(part.shape)
            one, more = torch_said(
                part, params[:, :own], free[:, : part.free_params], flat[:, :width]
            )
            log_probs, entropy = log_probs + one, entropy + more
            params, free, flat = params[:, own:], free[:, part.free_params :], flat[:, width:]
        return log_probs, entropy
    if isinstance(distribution, Bernoulli):
        said = torch.distributions.Bernoulli(logits=params)
    else:
        said = torch.distributions.Normal(params, free.exp())
    return said.log_prob(flat.to(params.dtype)).sum(-1), said.entropy().sum(-1)


def torch_loss(case: Case, named: dict[str, Tensor]) -> Tensor:
    """The same loss as an expression of PyTorch's."""
    features = torch_layers(case, named, "torso", torch.tensor(case.spread))
    params = torch_layers(case, named, "actor", features)
    free = named.get("free_params", params.new_zeros(0)).expand(len(params), -1)
    log_probs, entropy = torch_said(case.distribution, params, free, torch.tensor(case.actions))
    values = features.new_zeros(len(features))
    if case.mlp.critic.layers:
        values = torch_layers(case, named, "critic", features)[:, 0]
    old_log_probs, advantages, old_values, returns = (
        torch.tensor(each)
        for each in (case.old_log_probs, case.advantages, case.old_values, case.returns)
    )
    ratio = (log_probs - old_log_probs).exp()
    policy = -(log_probs * advantages).mean()
    if case.clipped:
        held = ratio.clamp(1.0 - CLIP, 1.0 + CLIP)
        policy = -torch.minimum(ratio * advantages, held * advantages).mean()
    critic = (values - returns).square()
    if case.value_clipped:
        near = old_values + (values - old_values).clamp(-VALUE_CLIP, VALUE_CLIP)
        critic = torch.maximum(critic, (near - returns).square())
    return policy + VF_COEF * critic.mean() - ENT_COEF * entropy.mean()


@each_kind
@given(data=st.data())
def test_the_gradient_is_autograds_for_every_network_distribution_and_loss(
    kind: str, data: st.DataObject
) -> None:
    case = make_case(np.float32, data.draw, kind)
    assume(case.kinks() > KINK)
    named = {
        name: torch.tensor(weight, requires_grad=True) for name, weight in case.mlp.weights.items()
    }
    loss = torch_loss(case, named)
    loss.backward()  # type: ignore[no-untyped-call]
    np.testing.assert_allclose(case.loss(), loss.item(), rtol=1e-4, atol=1e-5)
    ours = case.gradient()
    parts = [torch.zeros_like(each) if each.grad is None else each.grad for each in named.values()]
    autograds = torch.cat([part.ravel() for part in parts]).numpy()
    scale = max(1e-2, float(np.abs(autograds).max()))
    np.testing.assert_allclose(ours, autograds, rtol=1e-4, atol=1e-4 * scale)


@each_kind
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_the_gradient_is_the_limit_of_differences_for_every_network_distribution_and_loss(
    kind: str, data: st.DataObject
) -> None:
    case = make_case(np.float64, data.draw, kind)
    assume(case.kinks() > KINK)
    # The error is the step's square times the third derivative, thousands where an exp is steep.
    ours, flat, step = case.gradient(), case.mlp.flat, 2e-6
    differences = np.empty_like(flat)
    for index in range(len(flat)):
        before = flat[index]
        flat[index] = before + step
        above = case.loss()
        flat[index] = before - step
        differences[index] = (above - case.loss()) / (2.0 * step)
        flat[index] = before
    scale = max(1.0, float(np.abs(differences).max()))
    np.testing.assert_allclose(ours, differences, rtol=0, atol=1e-7 * scale)
