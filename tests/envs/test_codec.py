"""Spaces and rows: there and back, one and many, and what is no value of a space."""

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector.utils import concatenate, create_empty_array
from hypothesis import given
from hypothesis import strategies as st

from probes.any_spaces import illustrated, nested, same
from upright.envs.codec import Codec
from upright.envs.parts import picture_axes
from upright.ground.errors import UprightError


@given(space=illustrated, seed=st.integers(0, 2**31))
def test_any_nested_space_goes_there_and_back(space: gym.Space[Any], seed: int) -> None:
    codec = Codec(space)
    space.seed(seed)
    values = [space.sample() for _ in range(3)]
    rows = np.array([codec.row(value) for value in values])
    assert rows.shape == (3, *codec.shape)
    assert rows.dtype == codec.dtype
    pixels = sum(map(math.prod, codec.pictures))
    assert codec.numbers(rows).reshape(3, -1).shape == (3, len(codec.columns))
    assert rows[0].nbytes == pixels + codec.numbers(rows[0]).nbytes
    for value, row in zip(values, rows, strict=True):
        back = codec.value(row)
        assert space.contains(back)
        assert same(back, value)
        assert codec.holds(value)
    batch = concatenate(space, values, create_empty_array(space, 3))
    np.testing.assert_array_equal(codec.rows(batch), rows)
    assert same(codec.values(rows), batch)


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


def picture(*shape: int) -> gym.Space[Any]:
    return gym.spaces.Box(0, 255, shape, np.uint8)


def test_pictures_beside_numbers_are_kept_in_bytes_and_read_and_written_in_place() -> None:
    camera, speed = picture(4, 5, 3), gym.spaces.Box(-np.inf, np.inf, (2,))
    codec = Codec(gym.spaces.Dict(camera=camera, gear=gym.spaces.Discrete(3), speed=speed))
    assert (codec.shape, codec.dtype) == ((4 * 3 + 60,), np.uint8)
    seen = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    rows = np.stack([codec.row({"camera": seen, "gear": 2, "speed": [0.5, -3e30]})] * 2)
    np.testing.assert_array_equal(codec.numbers(rows[None])[0, 1], np.float32([2, 0.5, -3e30]))
    (shown,) = codec.pictures_of(rows)
    np.testing.assert_array_equal(shown, [seen, seen])
    codec.numbers(rows)[1] = [1, 7, 8]
    assert codec.value(rows[1])["gear"] == 1
    assert [len(bound) for bound in codec.bounds()] == [3, 3]
    assert codec.within(rows)
    codec.numbers(rows)[0, 0] = 3
    assert not codec.within(rows)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((210, 160, 3), (False, 3, 210, 160)),
        ((3, 64, 48), (True, 3, 64, 48)),
        ((7, 7, 3), (False, 3, 7, 7)),
        ((84, 84), (True, 1, 84, 84)),
        ((4, 84, 84), (True, 4, 84, 84)),
        ((4, 210, 160, 3), (False, 12, 210, 160)),
        ((4, 3, 64, 48), (True, 12, 64, 48)),
        ((4, 84, 84, 1), (False, 4, 84, 84)),
    ],
)
def test_the_channels_of_a_picture_are_found(shape: tuple[int, ...], axes: Any) -> None:
    assert picture_axes(shape) == axes
    assert Codec(picture(*shape)).pictures == (shape,)


@pytest.mark.parametrize(
    "space",
    [
        picture(2),
        picture(7, 9),
        picture(2, 2, 2),
        gym.spaces.Box(0, 1, (10, 10, 4), np.uint8),
        gym.spaces.Box(0, 255, (10, 10, 3), np.float32),
        gym.spaces.MultiBinary([10, 10, 3]),
    ],
    ids=str,
)
def test_what_is_no_picture_is_numbers(space: gym.Space[Any]) -> None:
    assert Codec(space).pictures == ()
    assert Codec(space).columns


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
    (gym.spaces.Tuple([picture(3, 3, 1)]), (np.full((3, 3, 1), 0.5),)),
    (gym.spaces.Tuple([picture(3, 3, 1)]), (np.full((3, 3, 1), 256),)),
    (gym.spaces.Tuple([picture(3, 3, 1)]), (np.full((3, 3), 1, np.uint8),)),
]


@pytest.mark.parametrize(("space", "value"), WRONG, ids=str)
def test_what_is_no_value_is_refused(space: gym.Space[Any], value: Any) -> None:
    with pytest.raises(ValueError, match=r"where|not in|has no"):
        Codec(space).row(value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": 1}, "it has no part 'b'"),
        ({"a": 1, "b": (1, 1), "c": 1}, "it has a part 'c', which its space has not"),
        ({"a": 1, "c": (1, 1)}, "it has no part 'b'"),
        ({"a": 1, "b": (1,)}, "it has no part 1"),
        ({"a": 1, "b": (1, 1, 1)}, "it has a part 2, which its space has not"),
    ],
)
def test_a_part_that_is_missing_or_one_too_many_is_named(value: Any, said: str) -> None:
    space = gym.spaces.Dict(a=DISCRETE, b=gym.spaces.Tuple([DISCRETE, DISCRETE]))
    with pytest.raises(ValueError, match=f"^{said}$"):
        Codec(space).row(value)


def test_a_part_that_no_record_could_name_is_refused() -> None:
    numbered: Any = {1: DISCRETE, 2: DISCRETE}
    with pytest.raises(UprightError, match="has the key 1, which is no text") as caught:
        Codec(gym.spaces.Tuple([gym.spaces.Dict(numbered)]))
    assert caught.value.hint.startswith("A run is recorded in JSON")


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


@pytest.mark.parametrize("pixel", [0.5, 300.0, -1.0])
def test_pixels_that_are_no_bytes_are_refused_one_picture_or_many(pixel: float) -> None:
    codec = Codec(gym.spaces.Box(0, 255, (8, 8, 3), np.uint8))
    for read, shape in ((codec.row, (8, 8, 3)), (codec.rows, (2, 8, 8, 3))):
        assert read(np.full(shape, 7.0)).dtype == np.uint8
        with pytest.raises(ValueError, match="that are no bytes where"):
            read(np.full(shape, pixel))
