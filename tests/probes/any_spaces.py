"""Spaces as Hypothesis draws them, nested too, and an environment over any two of them."""

from typing import Any

import gymnasium as gym
import numpy as np
from hypothesis import strategies as st

Space = gym.Space[Any]

sizes = st.integers(1, 3)
leaves = st.one_of(
    st.builds(lambda n, start: gym.spaces.Discrete(n, start=start), sizes, st.integers(-5, 5)),
    st.builds(lambda n: gym.spaces.MultiDiscrete([n, 3], start=[-1, n]), sizes),
    st.builds(lambda n, m: gym.spaces.MultiBinary([n, m]), sizes, sizes),
    st.builds(
        lambda n, m, kind: gym.spaces.Box(-3, 3, (n, m), kind),
        sizes,
        sizes,
        st.sampled_from([np.float32, np.float64, np.int16]),
    ),
    st.builds(lambda n: gym.spaces.Box(-np.inf, np.inf, (n,)), sizes),
    st.just(gym.spaces.Box(0, 255, (), np.uint8)),
)
pictures = st.sampled_from([(4, 3, 3), (3, 5, 4), (8, 9), (2, 3, 4, 1), (2, 1, 3, 3)]).map(
    lambda shape: gym.spaces.Box(0, 255, shape, np.uint8)
)


def nested_of(leaves: st.SearchStrategy[Space]) -> st.SearchStrategy[Space]:
    return st.recursive(leaves, several, max_leaves=5)


def several(inner: st.SearchStrategy[Space]) -> st.SearchStrategy[Space]:
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(gym.spaces.Tuple),
        st.dictionaries(st.text("abc", min_size=1), inner, min_size=1, max_size=3).map(
            gym.spaces.Dict
        ),
    )


nested = nested_of(leaves)
illustrated = nested_of(st.one_of(leaves, pictures))


def same(one: Any, other: Any) -> bool:
    """Whether two values of a space are the same but for rounding."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(np.allclose(one, other, rtol=1e-6))


class AnySpaces(gym.Env[Any, Any]):
    """Observations are drawn from their space, rewards too; an episode has one to nine steps."""

    def __init__(self, observations: Space, actions: Space) -> None:
        self.observation_space, self.action_space = observations, actions

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.observation_space.seed(int(self.np_random.integers(2**31)))
        self.left = int(self.np_random.integers(1, 10))
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), f"{action!r} is not in {self.action_space}"
        self.left -= 1
        over, reward = self.left == 0, float(self.np_random.normal())
        return self.observation_space.sample(), reward, over and reward > 0, over, {}
