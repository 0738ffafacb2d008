"""Spaces and rows: there and back, one and many, and what is no value of a space."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector.utils import concatenate, create_empty_array
from hypothesis import given, settings
from hypothesis import strategies as st

from upright.envs.codec import Codec
from upright.ground.errors import UprightError

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
nested = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(gym.spaces.Tuple),
        st.dictionaries(st.text("abc", min_size=1), inner, min_size=1, max_size=3).map(
            gym.spaces.Dict
        ),
    ),
    max_leaves=5,
)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(np.allclose(one, other, rtol=1e-6))


@settings(deadline=None)
@given(space=nested, seed=st.integers(0, 2**31))
def test_any_nested_space_goes_there_and_back(space: gym.Space[Any], seed: int) -> None:
    codec = Codec(space)
    space.seed(seed)
    values = [space.sample() for _ in range(3)]
    rows = np.array([codec.row(value) for value in values])
    assert rows.shape == (3, *codec.shape)
    assert rows.dtype == codec.dtype
    assert len(codec.columns) == rows[0].size
    for value, row in zip(values, rows, strict=True):
        back = codec.value(row)
        assert space.contains(back)
        assert same(back, value)
        assert codec.holds(value)
    batch = concatenate(space, values, create_empty_array(space, 3))
    np.testing.assert_array_equal(codec.rows(batch), rows)
    assert same(codec.values(rows), batch)


@settings(deadline=None)
@given(space=nested, seed=st.integers(0, 2**31))
def test_spread_out_a_row_is_gymnasiums_flatten(space: gym.Space[Any], seed: int) -> None:
    codec = Codec(space)
    space.seed(seed)
    value = space.sample()
    spread: list[float] = []
    for (n, start), number in zip(codec.columns, codec.row(value).ravel().tolist(), strict=True):
        spread += np.eye(n)[int(number) - start].tolist() if n else [number]
    np.testing.assert_allclose(spread, gym.spaces.flatten(space, value), rtol=1e-6)


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Text(3),
        gym.spaces.Sequence(gym.spaces.Discrete(2)),
        gym.spaces.Dict(a=gym.spaces.Tuple([gym.spaces.Text(3)])),
        gym.spaces.Graph(gym.spaces.Discrete(2), None),
    ],
    ids=str,
)
def test_a_space_of_another_kind_is_named(space: gym.Space[Any]) -> None:
    with pytest.raises(UprightError, match=r"The space .* is not supported") as caught:
        Codec(space)
    assert "MultiBinary" in caught.value.hint


def test_a_space_without_a_number_and_a_count_beyond_float32_are_refused() -> None:
    with pytest.raises(UprightError, match="no number"):
        Codec(gym.spaces.Tuple([gym.spaces.Box(0, 1, (0,))]))
    Codec(gym.spaces.Discrete(2**40))
    with pytest.raises(UprightError, match="counts beyond"):
        Codec(gym.spaces.Tuple([gym.spaces.Discrete(2**40)]))


DISCRETE = gym.spaces.Discrete(3)
WRONG: list[tuple[gym.Space[Any], Any]] = [
    (DISCRETE, 3),
    (DISCRETE, 0.5),
    (DISCRETE, "a"),
    (DISCRETE, [1]),
    (gym.spaces.MultiBinary(2), [0, 2]),
    (gym.spaces.MultiDiscrete([2, 2]), [0]),
    (gym.spaces.Tuple([DISCRETE]), (1, 1)),
    (gym.spaces.Tuple([DISCRETE]), 1),
    (gym.spaces.Dict(a=DISCRETE), {"b": 1}),
    (gym.spaces.Dict(a=DISCRETE), (1,)),
]


@pytest.mark.parametrize(("space", "value"), WRONG, ids=str)
def test_what_is_no_value_is_refused(space: gym.Space[Any], value: Any) -> None:
    with pytest.raises(ValueError, match=r"where|not in|has no"):
        Codec(space).row(value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lead", [(), (2,)], ids=["one", "many"])
def test_what_is_beyond_a_bound_is_put_on_it(dtype: Any, lead: tuple[int, ...]) -> None:
    low, high = np.array([[-1, -np.inf, 0.1, 0], [2, 5, 0.3, 1]], dtype)
    codec = Codec(gym.spaces.Box(low, high, dtype=dtype))
    row = np.broadcast_to(np.array([-7, -7, 7, np.nan], np.float32), (*lead, 4))
    value = codec.values(row) if lead else codec.value(row)
    expected = np.array([-1, -7, 0.3, np.nan], dtype)
    assert value.dtype == dtype
    np.testing.assert_array_equal(value, np.broadcast_to(expected, (*lead, 4)))
    assert not np.shares_memory(value, row)
