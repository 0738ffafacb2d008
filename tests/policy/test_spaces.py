"""Spaces survive being written down."""

import json
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from upright.ground.errors import UprightError
from upright.policy.spaces import space_from_json, space_to_json


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Discrete(2),
        gym.spaces.Discrete(3, start=5),
        gym.spaces.Discrete(3, start=-5, dtype=np.int32),
        gym.spaces.MultiDiscrete([2, 3], dtype=np.int32),
        gym.spaces.Box(-1.0, 1.0, (3,), np.float32),
        gym.spaces.Box(-np.inf, np.inf, (2,), np.float32),
        gym.spaces.Box(np.array([-4.8, -np.inf], np.float32), np.array([4.8, np.inf], np.float32)),
        gym.spaces.Box(0, 255, (2, 2), np.uint8),
        gym.spaces.MultiDiscrete([[2, 3], [4, 5]], start=[[0, -1], [2, 0]]),
        gym.spaces.MultiBinary([2, 3]),
        gym.spaces.Tuple([gym.spaces.Discrete(2), gym.spaces.Tuple([gym.spaces.MultiBinary([1])])]),
        gym.spaces.Dict(z=gym.spaces.Discrete(2), a=gym.spaces.Dict(b=gym.spaces.Discrete(3))),
    ],
    ids=str,
)
def test_a_space_reads_back_as_it_was(space: gym.Space[Any]) -> None:
    record = json.loads(json.dumps(space_to_json(space), allow_nan=False))
    assert space_from_json(record) == space


def test_a_float64_box_keeps_its_bounds() -> None:
    space = gym.spaces.Box(-0.1, 1e300, (1,), np.float64)
    assert space_from_json(json.loads(json.dumps(space_to_json(space)))) == space


def test_another_kind_of_space_is_not_recorded() -> None:
    with pytest.raises(UprightError, match="cannot be recorded"):
        space_to_json(gym.spaces.Text(3))


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"type": "Dict"},
        {"type": "Discrete"},
        {"type": "Discrete", "n": -1, "start": 0},
        {"type": "Discrete", "n": "two", "start": 0},
        {"type": "MultiBinary", "n": [2**40]},
        {"type": "MultiBinary", "n": [-1]},
        {"type": "MultiDiscrete", "dtype": "int64", "nvec": [0], "start": [0]},
        {"type": "MultiDiscrete", "dtype": "int64", "nvec": [2.5], "start": [0]},
        {"type": "Discrete", "n": 2, "start": 0, "dtype": "object"},
        {"type": "Tuple", "spaces": 3},
        {"type": "Tuple", "spaces": [{"type": "Discrete"}]},
        {"type": "Dict", "spaces": [["a"]]},
        {"type": "Box", "dtype": "float32", "low": [0.0], "high": "x"},
        {"type": "Box", "dtype": "object", "low": [0.0], "high": [1.0]},
        {"type": "Box", "dtype": "no such", "low": [0.0], "high": [1.0]},
    ],
    ids=str,
)
def test_a_record_that_is_none_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(UprightError, match="recorded space"):
        space_from_json(record)


def test_spaces_nested_beyond_what_can_be_read_are_refused() -> None:
    record: dict[str, Any] = {"type": "Discrete", "n": 2, "start": 0}
    for _ in range(100_000):
        record = {"type": "Tuple", "spaces": [record]}
    with pytest.raises(UprightError, match="recorded space"):
        space_from_json(record)
