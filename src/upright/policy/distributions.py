"""Action space -> distribution over it. A new kind of action is a new class and a new row here."""

from collections.abc import Callable
from typing import Any

from gymnasium import Space, spaces

from upright.envs import Codec
from upright.ground import UprightError
from upright.policy.discrete import Bernoulli, Categorical
from upright.policy.distribution import Distribution
from upright.policy.gaussian import DiagonalGaussian
from upright.policy.joint import Joint
from upright.settings import Settings


def _discrete(space: spaces.Discrete, settings: Settings) -> Distribution:
    return Categorical(int(space.n), int(space.start))


def _multi_discrete(space: spaces.MultiDiscrete, settings: Settings) -> Distribution:
    codec = Codec(space)
    parts: list[Distribution] = [Categorical(*column) for column in codec.columns]
    return Joint(parts, codec.shape, codec.dtype)


def _multi_binary(space: spaces.MultiBinary, settings: Settings) -> Distribution:
    return Bernoulli(space.shape)


def _box(space: spaces.Box, settings: Settings) -> Distribution:
    return DiagonalGaussian(space, settings.squash_actions)


def _parts(space: Any, settings: Settings) -> Distribution:
    named = space.spaces
    parts = named.values() if isinstance(space, spaces.Dict) else named
    codec = Codec(space)
    if codec.pictures:
        raise UprightError(f"The action space {space} has pictures among its parts.")
    made = [distribution_over(part, settings) for part in parts]
    return Joint(made, codec.shape, codec.dtype)


DISTRIBUTIONS: dict[type[Space[Any]], Callable[[Any, Settings], Distribution]] = {
    spaces.Discrete: _discrete,
    spaces.MultiDiscrete: _multi_discrete,
    spaces.MultiBinary: _multi_binary,
    spaces.Box: _box,
    spaces.Tuple: _parts,
    spaces.Dict: _parts,
}


def distribution_over(space: Space[Any], settings: Settings) -> Distribution:
    """The distribution for an action space.

    Raises:
        UprightError: The kind of space is not supported.
    """
    Codec(space)  # says what is wrong with a space
    return next(
        make(space, settings) for kind, make in DISTRIBUTIONS.items() if isinstance(space, kind)
    )
