"""Whole iterations beside the same ones written with torch.nn, autograd and torch.optim.Adam."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from upright.learning.trainer import Trainer
from upright.policy.networks import MLP
from upright.policy.torch_mlp import TorchMLP
from upright.rollout.rollout import Rollout
from upright.settings.resolving import resolve


def transitions(rollout: Rollout, module: TorchMLP, settings: Any) -> tuple[Tensor, ...]:
    """obs, actions, log-probs, advantages and returns, by a loop over time."""
    with torch.no_grad():
        values = module(torch.tensor(rollout.obs).flatten(0, 1))[1] * settings.value_scale
        values = values.view(rollout.obs.shape[:2]).double()
        next_values = values[1:].clone()
        if len(rollout.final_index):
            final = module(torch.tensor(rollout.final_obs))[1] * settings.value_scale
            next_values[tuple(torch.tensor(rollout.final_index).T)] = final.double()
    rewards, terminated, truncated = (
        torch.tensor(each).double()
        for each in (rollout.rewards, rollout.terminated, rollout.truncated)
    )
    running, advantages = torch.zeros(rewards.shape[1]).double(), torch.zeros_like(rewards)
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + settings.gamma * (1 - terminated[t]) * next_values[t] - values[t]
        going = (1 - terminated[t]) * (1 - truncated[t])
        running = delta + settings.gamma * settings.gae_lambda * going * running
        advantages[t] = running
    valid = torch.tensor(rollout.valid)
    obs, actions = torch.tensor(rollout.obs[:-1])[valid], torch.tensor(rollout.actions)[valid]
    with torch.no_grad():
        log_probs = torch.distributions.Categorical(logits=module(obs)[0]).log_prob(actions)
    advantages, returns = advantages[valid], (advantages + values[:-1])[valid]
    return obs, actions, log_probs, advantages.float(), returns.float()


def ppo_iteration(
    rollout: Rollout, module: TorchMLP, adam: torch.optim.Adam, rng: Any, settings: Any, rate: float
) -> None:
    """One update of PPO as anybody would write it in PyTorch."""
    obs, actions, old, advantages, returns = transitions(rollout, module, settings)
    advantages = (advantages - advantages.mean()) / (advantages.std(correction=0) + 1e-8)
    for group in adam.param_groups:
        group["lr"] = rate
    for _ in range(settings.num_epochs):
        for index in torch.split(torch.tensor(rng.permutation(len(obs))), settings.minibatch_size):
            params, values = module(obs[index])
            policy = torch.distributions.Categorical(logits=params)
            ratio = (policy.log_prob(actions[index]) - old[index]).exp()
            held = ratio.clamp(1 - settings.clip_range.start, 1 + settings.clip_range.start)
            loss = -torch.minimum(ratio * advantages[index], held * advantages[index]).mean()
            errors = values - returns[index] / settings.value_scale
            loss = loss + settings.vf_coef * errors.square().mean()
            loss = loss - settings.ent_coef * policy.entropy().mean()
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(module.parameters(), settings.max_grad_norm)
            adam.step()


@pytest.mark.parametrize("backend", ["vector", "sync"])
@pytest.mark.parametrize("shared", [False, True])
def test_ten_iterations_of_ppo_end_where_pytorchs_modules_and_adam_do(
    shared: bool, backend: str
) -> None:
    recipe = resolve(
        "CartPole-v1",
        "ppo",
        preset="default",
        seed=5,
        backend=backend,
        num_envs=4,
        num_steps=64,
        num_epochs=3,
        minibatch_size=64,
        ent_coef=0.01,
        value_scale=10.0,
        hidden_sizes=(16, 16),
        shared_network=shared,
    )
    trainer = Trainer(recipe, "CartPole-v1")
    network = trainer.policy.network
    assert isinstance(network, MLP)
    module = TorchMLP(network)
    rate = recipe.settings.learning_rate.start
    adam = torch.optim.Adam(module.parameters(), rate, eps=recipe.settings.adam_eps)
    rng = np.random.default_rng()
    first = network.flat.copy()
    for _ in range(10):
        rng.bit_generator.state = trainer.algorithm.rng.bit_generator.state
        rollout = trainer.collector.collect()
        trainer.algorithm.update(rollout, 0.0)
        ppo_iteration(rollout, module, adam, rng, recipe.settings, rate)
    trainer.close()
    ours, theirs = network.weights, TorchMLP(network)
    assert max(np.abs(network.flat - first)) > 100 * 1e-5
    for (name, one), (_, other) in zip(
        theirs.named_parameters(), module.named_parameters(), strict=True
    ):
        difference = (one - other).abs().max().item()
        assert difference < 1e-5, name
    assert ours.keys() == dict(module.named_parameters()).keys()
