"""The lesson's two training loops in the lesson's own manner, as a yardstick of speed.

Written anew after the lesson: one environment, one state at a time through the network, traces in
lists, returns built by inserting at the front. What had to change for Gymnasium is the pair of
flags in the place of `done`; what was left out is the window and the printing, which only cost
time. Its defects are left in: the terminal transition is dropped, a time limit counts as a fall,
and with a critic the environment is reset twice.
"""

from itertools import count
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

GAMMA = 0.99
ALPHA = 1e-4
EPS = 1e-4
Env = gym.Env[Any, Any]
Trace = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], int]


def prepare(env: str, seed: int) -> Env:
    """The environment, and all of the loops' global generators, from one seed."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the lesson draws from the global generator
    made = gym.make(env)
    made.reset(seed=seed)
    return made


def policy_network() -> nn.Sequential:
    """Four numbers in, two probabilities out, 128 units between, no biases."""
    return nn.Sequential(
        nn.Linear(4, 128, bias=False), nn.ReLU(), nn.Linear(128, 2, bias=False), nn.Softmax(dim=1)
    )


def play(env: Env, model: nn.Module, limit: int = 10_000) -> Trace:
    """States, actions, probabilities and rewards of one episode, and how many steps it took."""
    states, actions, probabilities = [], [], []
    rewards: list[Any] = []
    state, _ = env.reset()
    steps = 0
    for _ in range(limit):
        output = model(torch.from_numpy(np.expand_dims(state, 0)))[0]
        weights = np.squeeze(output.detach().numpy())
        action = np.random.choice(2, p=weights)  # noqa: NPY002 - likewise
        following, reward, terminated, truncated, _ = env.step(action)
        steps += 1
        if terminated or truncated:
            break
        states.append(state)
        actions.append(action)
        probabilities.append(output.detach().numpy())
        rewards.append(reward)
        state = following
    return (
        np.vstack(states),
        np.vstack(actions),
        np.vstack(probabilities),
        np.vstack(rewards),
        steps,
    )


def normalized_returns(rewards: NDArray[Any]) -> NDArray[Any]:
    """Discounted returns [T, 1] of rewards [T, 1], less their mean, over their deviation."""
    returns: list[NDArray[Any]] = []
    running = np.zeros(1)
    for reward in rewards[::-1]:
        running = reward + GAMMA * running
        returns.insert(0, running)
    normalized: NDArray[Any] = (returns - np.mean(returns)) / (np.std(returns) + EPS)
    return normalized


def reinforce(env: Env, episodes: int) -> int:
    """Train by policy gradient for so many episodes; the environment steps that it took."""
    model = policy_network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    total = 0
    for _ in range(episodes):
        states, actions, probabilities, rewards, steps = play(env, model)
        chosen = np.eye(2)[actions.T][0]
        gradients = (chosen - probabilities) * normalized_returns(rewards)
        target = ALPHA * np.vstack([gradients]) + probabilities
        optimizer.zero_grad()
        predicted = model(torch.from_numpy(states))
        loss = -torch.mean(torch.log(predicted) * torch.from_numpy(target))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += steps
    return total


class Body(nn.Module):
    """4-128-256-outputs with ReLU between: what the lesson's actor and critic have alike."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(4, 128)
        self.second = nn.Linear(128, 256)
        self.third = nn.Linear(256, outputs)

    def outputs(self, state: Tensor) -> Tensor:
        """The last layer's numbers."""
        hidden = nn.functional.relu(self.first(state))
        hidden = nn.functional.relu(self.second(hidden))
        result: Tensor = self.third(hidden)
        return result


class Actor(Body):
    """State to a distribution over the actions."""

    def forward(self, state: Tensor) -> torch.distributions.Categorical:
        """pi(.|s)."""
        weights = nn.functional.softmax(self.outputs(state), dim=-1)
        return torch.distributions.Categorical(weights)


class Critic(Body):
    """State to a value."""

    def forward(self, state: Tensor) -> Tensor:
        """V(s), shape [1]."""
        return self.outputs(state)


def bootstrapped_returns(last: Tensor, rewards: list[Tensor], masks: list[Tensor]) -> list[Tensor]:
    """Discounted returns as a list of [1] tensors, from the value behind the last step."""
    running = last
    returns: list[Tensor] = []
    for step in reversed(range(len(rewards))):
        running = rewards[step] + GAMMA * running * masks[step]
        returns.insert(0, running)
    return returns


def actor_critic(env: Env, episodes: int) -> int:
    """Train actor and critic for so many episodes; the environment steps that it took."""
    actor, critic = Actor(2), Critic(1)
    optimizers = [torch.optim.Adam(model.parameters()) for model in (actor, critic)]
    total = 0
    for _ in range(episodes):
        state, _ = env.reset()
        log_probs, values, rewards, masks = [], [], [], []
        entropy: Tensor | float = 0.0
        env.reset()
        for number in count():
            observed = torch.FloatTensor(state)
            distribution, value = actor(observed), critic(observed)
            action = distribution.sample()
            following, reward, terminated, truncated, _ = env.step(action.cpu().numpy())
            done = terminated or truncated
            entropy = entropy + distribution.entropy().mean()
            log_probs.append(distribution.log_prob(action).unsqueeze(0))
            values.append(value)
            rewards.append(torch.tensor([reward], dtype=torch.float))
            masks.append(torch.tensor([1 - done], dtype=torch.float))
            state = following
            if done:
                total += number + 1
                break
        last = critic(torch.FloatTensor(state))
        returns = torch.cat(bootstrapped_returns(last, rewards, masks)).detach()
        advantages = returns - torch.cat(values)
        losses = (
            -(torch.cat(log_probs) * advantages.detach()).mean(),
            advantages.pow(2).mean(),
        )
        for optimizer in optimizers:
            optimizer.zero_grad()
        for loss in losses:
            loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
    return total
