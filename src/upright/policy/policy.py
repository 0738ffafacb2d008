"""The policy: observation -> distribution over actions, and value."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import gymnasium as gym
import numpy as np

from upright.envs import Codec, Column, MaskLayout
from upright.ground import Array, Bools, UprightError, in_a_line
from upright.policy.devices import torch_part
from upright.policy.distribution import Distribution
from upright.policy.distributions import distribution_over
from upright.policy.layers import Lookup
from upright.policy.masking import masked
from upright.policy.networks import MLP, Network, Weights, portions
from upright.policy.normalizer import RunningNormalizer
from upright.settings import Settings

if TYPE_CHECKING:
    from upright.policy.torch_network import ModuleFactory
    from upright.policy.torch_policy import TorchPolicy


PIXEL = np.float32(255)  # what the brightest one is


class Policy:
    """pi(a|s) and V(s): an observation normaliser (or none), a network, and a distribution.

    Args:
        observation_space: Space of one observation.
        action_space: Space of one action.
        settings: Sizes, activation, initialisation and what else shapes the network; where they
            say that nothing learns a value, there is no critic and values are 0.
        seed: Seed of the first weights; None leaves them unset, for weights that are loaded.
        device: Where the network's arithmetic is done, "cpu" or "cuda".
        make_module: Makes a module of PyTorch in the place of the dense network, from the
            observation space and P: forward(obs [B, ...]) -> (params [B, P], values [B]).

    Attributes:
        mask: Whether who uses it is to ask the environment for action masks, "auto" or "off".
        return_unit: The environment's return per unit of V(s); None where no number says it.

    Raises:
        UprightError: A space is not supported, the sizes are beyond any memory, or PyTorch is
            needed and not there.

    Example:
        >>> from upright.settings import SETTINGS
        >>> numbers, two = gym.spaces.Box(-1.0, 1.0, (4,)), gym.spaces.Discrete(2)
        >>> policy = Policy(numbers, two, SETTINGS["ppo"](), seed=0)
        >>> obs = np.zeros((8, 4), np.float32)
        >>> policy.params(obs).shape, policy.values(obs).shape
        ((8, 2), (8,))
    """

    def __init__(
        self,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
        settings: Settings,
        seed: int | None = 0,
        device: str = "cpu",
        make_module: "ModuleFactory | None" = None,
    ) -> None:
        self.observation_space, self.action_space = observation_space, action_space
        self.observations, self.actions = Codec(observation_space), Codec(action_space)
        self.distribution = distribution_over(action_space, settings)
        self.mask = settings.mask
        self.value_scale, self.has_critic = settings.value_scale, settings.has_critic
        self.return_unit = settings.return_unit
        columns = self.observations.columns
        normalizes = settings.normalize_obs and columns
        self.normalizer = RunningNormalizer(columns, settings.clip_obs) if normalizes else None
        network, flat = _network(
            self.observations, self.distribution, settings, seed, device, make_module
        )
        self.network: Network = network
        self._flat = flat
        self._rng = np.random.default_rng()

    @property
    def weights(self) -> Weights:
        """Everything that is saved, by name: views of what acts, not copies."""
        statistics = {} if self.normalizer is None else self.normalizer.weights
        named = {f"normalizer.{name}": array for name, array in statistics.items()}
        return named | self.network.weights

    def load(self, weights: Weights) -> None:
        """Take over weights of the same names and shapes."""
        for name, array in self.weights.items():
            array[...] = weights[name]
        self.network.written()

    def forward(self, obs: Array, masks: Bools | None = None) -> tuple[Array, Array]:
        """The distribution's parameters [B, P] and the values [B] of obs [B, ...].

        Values are in units of the return that is learned. What `backward` needs is
        remembered. Here and below masks [B, P] say which actions are allowed; None allows all.
        """
        params, values = self.network.forward(self._seen(obs))
        return masked(params, masks), values * self.value_scale

    def backward(self, d_params: Array, d_values: Array) -> None:
        """Fill the network's gradient from the derivatives of what `forward` last returned."""
        self.network.backward(d_params, d_values * self.value_scale)

    def params(self, obs: Array, masks: Bools | None = None) -> Array:
        """The distribution's parameters alone, to act on, [B, P] for obs [B, ...]."""
        return masked(self._looked_at(self.network.params, obs), masks)

    def values(self, obs: Array) -> Array:
        """V(s) in units of the return that is learned, shape [B] for obs [B, ...]."""
        return self._looked_at(self.network.values, obs) * self.value_scale

    def log_probs(self, obs: Array, actions: Array, masks: Bools | None = None) -> Array:
        """Log pi(a|s) of actions [B, ...] at obs [B, ...], shape [B]."""
        return self.distribution.evaluate(self.params(obs, masks), actions).log_probs

    def act(self, obs: Array, noise: Array | float, masks: Bools | None = None) -> Array:
        """Actions [N, ...] of obs [N, ...]; noise is a row of `distribution.noise`, 0 the mode.

        What the environment is given for them is `distribution.bounded`.
        """
        return self.distribution.sample(self.params(obs, masks), noise)

    def decide(
        self, observation: Any, noise: Array | float = 0.0, mask: Bools | None = None
    ) -> Any:
        """What the environment is to be given for one observation, both as its spaces have them.

        The mask is [P], or None.
        """
        masks = None if mask is None else mask[None]
        actions = self.act(self.observations.row(observation)[None], noise, masks)
        return self.actions.value(self.distribution.bounded(actions)[0])

    def to_torch(self) -> "TorchPolicy":
        """A module of PyTorch with the same numbers: obs [B, ...] -> (params [B, P], values [B]).

        It knows of no masks: its params are those of all actions.

        Raises:
            UprightError: PyTorch is not installed.
        """
        parts = (self.network, self.normalizer, self.value_scale, self.observations)
        return cast("TorchPolicy", torch_part("torch_policy", "to_torch").TorchPolicy(*parts))

    def _looked_at(self, look: Callable[[Array], Array], obs: Array) -> Array:
        """What the network says of obs; pixels become numbers portion by portion."""
        if not self._flat or not self.observations.pictures:
            return look(self._seen(obs))
        return np.concatenate([look(self._seen(portion)) for portion in portions(obs)])

    def _seen(self, obs: Array) -> Array:
        """What the network meets: a vector of numbers, or the row as it is for a module."""
        if self.observations.pictures:
            return self._seen_pictured(obs)
        if obs.dtype != np.float32 and obs.dtype != np.int64 and self._flat:
            obs = obs.astype(np.float32)
        if obs.ndim != 2 and self._flat:
            obs = obs.reshape(len(obs), -1)
        return obs if self.normalizer is None else self.normalizer(obs)

    def _seen_pictured(self, obs: Array) -> Array:
        """Likewise, of rows with pictures: in a vector they are behind the numbers, from 0 to 1."""
        codec = self.observations
        numbers = codec.numbers(obs)
        standard = numbers if self.normalizer is None else self.normalizer(numbers)
        if self._flat:
            pixels = [each.reshape(len(obs), -1) for each in codec.pictures_of(obs)]
            return np.concatenate([standard, *(each / PIXEL for each in pixels)], axis=1)
        if self.normalizer is None:
            return obs
        rows = obs.copy()
        codec.numbers(rows)[...] = standard
        return rows

    def predict(
        self,
        observation: Array,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
        action_masks: Any = None,
    ) -> tuple[Any, Any]:
        """Actions in Stable-Baselines3's manner, for one observation or a batch of them.

        Args:
            observation: Of the space, or B of them, batched as Gymnasium's vector environments do.
            state: Returned as it came; these policies have no memory.
            episode_start: Ignored, for the same reason.
            deterministic: The most probable action instead of a drawn one.
            action_masks: What is allowed: one mask as the environment gives it, or [B, P].

        Returns:
            What the environment is to be given, of its action space; and `state`.

        Raises:
            ValueError: There is no such observation or no such mask, in words.

        Example:
            >>> run = upright.train("CartPole-v1", seed=0, total_timesteps=3_000)
            >>> obs = np.array([[0.0, 0.0, 0.1, 0.5], [0.0, 0.0, -0.1, -0.5]])  # two of them
            >>> actions, _ = run.policy.predict(obs, deterministic=True)
            >>> actions.shape
            (2,)
        """
        single = self.observations.holds(observation)
        read = self.observations.row if single else self.observations.rows
        batch = read(observation).reshape(-1, *self.observations.shape)
        if not self.observations.within(batch):
            raise ValueError(f"an observation is not in {self.observation_space}")
        noise: Array | float = 0.0
        if not deterministic:
            noise = self.distribution.noise(self._rng, (len(batch),))
        masks = None if action_masks is None else self._allowed(action_masks, single)
        given = self.distribution.bounded(self.act(batch, noise, masks))
        if single:
            return self.actions.value(given[0]), state
        return self.actions.values(given), state

    def _allowed(self, action_masks: Any, single: bool) -> Bools:
        """Masks that somebody gave, [B, P]."""
        layout, is_array = MaskLayout(self.actions), isinstance(action_masks, np.ndarray)
        if not single:
            return layout.rows(np.asarray(action_masks))
        return layout.row(action_masks.ravel() if is_array else action_masks)[None]


def _network(
    codec: Codec,
    distribution: Distribution,
    settings: Settings,
    seed: int | None,
    device: str,
    make_module: "ModuleFactory | None",
) -> tuple[Network, bool]:
    """The network that the settings, or the user, ask for; whether it takes a vector, not a row.

    Raises:
        UprightError: A CNN is asked for, and there is nothing for it to look at; or as `Policy`.
    """
    if make_module is not None:
        torch_side = torch_part("torch_network", "A policy of your own")
        own = (make_module, codec.space, distribution.num_params, device, seed)
        return torch_side.module_network(*own), bool(codec.pictures) and codec.is_composite
    if settings.network == "cnn" and not codec.pictures:
        raise UprightError(
            in_a_line(f"There is no picture in {codec.space} for a CNN."),
            "A picture is a Box of uint8 from 0 to 255, of height, width and channels in any order "
            "and at least 3 by 3 pixels, or 8 by 8 of grey; --network auto takes a CNN where there "
            "is one.",
        )
    if codec.pictures and settings.network != "mlp":
        pictured = torch_part("torch_cnn", "A CNN for pictures", "; --network mlp does without")
        params = (distribution.num_params, distribution.free_params)
        return pictured.picture_network(codec, *params, settings, device, seed), False
    pixels = sum(map(math.prod, codec.pictures))
    mlp = _mlp((*codec.columns, *[Column()] * pixels), distribution, settings, seed)
    if device == "cpu":
        return mlp, True
    return torch_part("torch_mlp", f"The device {device}").on_device(mlp, device), True


def _mlp(
    columns: Sequence[Column], distribution: Distribution, settings: Settings, seed: int | None
) -> MLP:
    """The dense network that the settings describe."""
    lookup = Lookup(columns) if any(column.categories for column in columns) else None
    network = MLP(
        len(columns) if lookup is None else lookup.inputs,
        distribution.num_params,
        settings.hidden_sizes,
        activation=settings.activation,
        bias=settings.bias,
        shared=settings.shared_network,
        critic=settings.has_critic,
        free_params=distribution.free_params,
        lookup=lookup,
    )
    if seed is not None:
        rng = np.random.default_rng(seed)
        network.initialize(settings.initialization, rng, settings.log_std_init)
    return network
