"""The policy: observation -> distribution over actions, and value."""

from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn

from upright.ground import Array, UprightError
from upright.policy.distributions import distribution_over
from upright.policy.networks import MLP, initialize, observation_size
from upright.policy.normalizer import RunningNormalizer
from upright.settings import Settings

Weights = dict[str, Tensor]
Behaviour = Callable[[Array, "Array | float"], Array]


class Evaluated(NamedTuple):
    """What a policy says of given actions, each of shape [B]."""

    log_probs: Tensor
    entropy: Tensor
    values: Tensor


class Policy(nn.Module):
    """pi(a|s) and V(s): an observation normaliser, a shared torso (or none), actor and critic.

    Args:
        observation_space: Space of one observation.
        action_space: Space of one action.
        settings: Sizes, activation, initialisation and what else shapes the networks; where they
            say that nothing learns a value, there is no critic and values are 0.
        seed: Seed of the first weights; None leaves them unset, for weights that are loaded.

    Raises:
        UprightError: A space is not supported.
    """

    def __init__(
        self,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
        settings: Settings,
        seed: int | None = 0,
    ) -> None:
        super().__init__()
        self.observation_space, self.action_space = observation_space, action_space
        self.distribution = distribution_over(action_space)
        self.value_scale = settings.value_scale
        size, hidden = observation_size(observation_space), settings.hidden_sizes
        style = (settings.activation, settings.bias)
        torso, heads = ([size, *hidden], [hidden[-1] if hidden else size])
        if not settings.shared_network:
            torso, heads = [], [size, *hidden]
        self.normalizer = RunningNormalizer(size) if settings.normalize_obs else None
        self.torso = MLP(torso, *style, activate_last=True)
        self.actor = MLP([*heads, self.distribution.num_params], *style)
        self.critic = MLP([*heads, 1], *style) if settings.has_critic else None
        if seed is None:
            return
        generator = torch.Generator().manual_seed(seed)
        for network, last_gain in ((self.torso, 2.0**0.5), (self.actor, 0.01), (self.critic, 1.0)):
            if network is not None:
                initialize(network, settings.initialization, last_gain, generator)

    @classmethod
    def outline(
        cls, observation_space: gym.Space[Any], action_space: gym.Space[Any], settings: Settings
    ) -> "Policy":
        """A policy with shapes but no memory behind them, to be filled by `load_state_dict`.

        Raises:
            UprightError: A space is not supported, or the sizes are beyond any memory.
        """
        try:
            with torch.device("meta"):
                return cls(observation_space, action_space, settings, seed=None)
        except (OverflowError, RuntimeError, TypeError) as error:
            raise UprightError(f"No policy can have these sizes: {error}.") from error

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.actor.parameters()).device

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """The distribution's parameters [B, num_params] and the values [B] of obs [B, ...]."""
        features = self.torso(obs if self.normalizer is None else self.normalizer(obs))
        return self.actor(features), self._value(features)

    def values(self, obs: Tensor) -> Tensor:
        """V(s) in units of the return, shape [...] for obs [..., size]."""
        return self._value(self.torso(obs if self.normalizer is None else self.normalizer(obs)))

    def _value(self, features: Tensor) -> Tensor:
        if self.critic is None:
            return features.new_zeros(features.shape[:-1])
        value: Tensor = self.critic(features).squeeze(-1)
        return value * self.value_scale

    def evaluate_actions(self, obs: Tensor, actions: Tensor) -> Evaluated:
        """Log pi(a|s), H(pi(.|s)) and V(s) of a batch, each [B]."""
        params, values = self(obs)
        log_probs, entropy = self.distribution.log_prob_and_entropy(params, actions)
        return Evaluated(log_probs, entropy, values)

    def behaviour(self) -> Behaviour:
        """The policy of this moment as a function of arrays: (obs [N, ...], noise) -> actions [N].

        Noise is a row of `distribution.noise`; 0 gives the mode. The function reads the weights in
        place and is good until they move to another device.
        """
        if self.device.type != "cpu":
            return self._behaviour_on_device
        parts = [part for part in (self.normalizer, self.torso, self.actor) if part is not None]
        functions = [part.array_function() for part in parts]

        def act(obs: Array, noise: Array | float) -> Array:
            for function in functions:
                obs = function(obs)
            return self.distribution.sample(obs, noise)

        return act

    @torch.no_grad()
    def _behaviour_on_device(self, obs: Array, noise: Array | float) -> Array:
        params, _ = self(torch.as_tensor(obs, device=self.device))
        return self.distribution.sample(params.cpu().numpy(), noise)

    def predict(
        self,
        observation: Array,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[Array, Any]:
        """Actions in Stable-Baselines3's manner, for one observation or a batch of them.

        Args:
            observation: Shape [...] of the space, or [B, ...].
            state: Returned as it came; these policies have no memory.
            episode_start: Ignored, for the same reason.
            deterministic: The most probable action instead of a drawn one.
        """
        obs = np.asarray(observation, np.float32)
        single = obs.shape == self.observation_space.shape
        batch = obs[None] if single else obs
        noise: Array | float = 0.0
        if not deterministic:
            noise = self.distribution.noise(self._predict_rng, (len(batch),))
        actions = self.behaviour()(batch, noise)
        return (actions[0] if single else actions), state

    @property
    def _predict_rng(self) -> np.random.Generator:
        if not hasattr(self, "_rng"):
            self._rng = np.random.default_rng()
        return self._rng


def choose_device(requested: str) -> tuple[torch.device, str]:
    """Where to train, and why, in one line.

    Raises:
        UprightError: CUDA was asked for and is not there.
    """
    available = torch.cuda.is_available()
    if requested == "cuda" and not available:
        raise UprightError("CUDA was asked for, but PyTorch sees no GPU.", "Use --device cpu.")
    if requested == "auto":
        return torch.device("cpu"), "cpu: networks this small are faster there than on a GPU"
    return torch.device(requested), f"{requested}: as asked"
