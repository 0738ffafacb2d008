"""What is recorded comes back as it was, or is refused."""

import json
from typing import Any

import numpy as np
import pytest

from upright.ground.errors import UprightError
from upright.ground.state import State, generator_state, restore_generator


def test_joined_states_come_apart_as_they_were() -> None:
    inner = State({"a": 1}, {"x": np.arange(3), "y.z": np.ones(2)})
    other = State({"b": [1, 2]}, {"x": np.zeros(1)})
    whole = State.joined({"outer": State.joined({"one": inner, "two": other}), "empty": State()})
    assert set(whole.arrays) == {"outer.one.x", "outer.one.y.z", "outer.two.x"}
    for name, part in (("one", inner), ("two", other)):
        again = whole.part("outer").part(name)
        assert again.values == part.values
        assert again.arrays.keys() == part.arrays.keys()
        assert all((again.arrays[key] == part.arrays[key]).all() for key in part.arrays)
    assert whole.part("empty") == State()


def test_a_part_is_not_taken_for_another_that_begins_alike() -> None:
    whole = State.joined({"a": State(), "ab": State({}, {"x": np.ones(1)})})
    assert whole.part("a").arrays == {}


def test_a_part_that_is_not_there_is_refused() -> None:
    for values in ({}, {"run": 3}, {"run": None}, {"run": []}):
        with pytest.raises(UprightError, match="no valid 'run'"):
            State(values).part("run")


@pytest.mark.parametrize(
    ("value", "kind"), [(1, int), (1.5, float), (2, float), ("a", str), (True, bool), ([], list)]
)
def test_a_value_of_its_kind_is_returned(value: Any, kind: type) -> None:
    found = State({"v": value}).value("v", kind)
    assert found == value
    assert type(found) is kind


@pytest.mark.parametrize(
    ("value", "kind"),
    [(1.0, int), (True, int), ("1", int), (None, int), (True, float), (1, bool), ({}, list)],
)
def test_a_value_of_another_kind_is_refused(value: Any, kind: type) -> None:
    with pytest.raises(UprightError, match="The recorded state has no valid 'v'"):
        State({"v": value}).value("v", kind)
    with pytest.raises(UprightError, match="no valid 'w'"):
        State({"v": value}).value("w", kind)


def test_an_integer_that_is_no_float_is_refused() -> None:
    with pytest.raises(UprightError, match="no valid 'v'"):
        State({"v": 10**400}).value("v", float)


def test_a_count_is_an_integer_of_at_least_0() -> None:
    assert State({"n": 0}).count("n") == 0
    assert State({"n": 2**63 - 1}).count("n") == 2**63 - 1
    for wrong in (-1, 2**63, 1.0, True, None, "1"):
        with pytest.raises(UprightError, match="no valid 'n'"):
            State({"n": wrong}).count("n")


def test_an_array_of_its_shape_and_type_is_returned_itself() -> None:
    array = np.zeros((2, 3), np.float32)
    state = State({}, {"x": array})
    assert state.array("x", (2, 3), np.float32) is array
    assert state.array("x", (None, 3), "float32") is array
    assert state.array("x", (None, None), np.float32) is array


@pytest.mark.parametrize(
    ("shape", "dtype", "said"),
    [
        ((2, 4), np.float32, r"holds float32 \[2, 3\] as 'x', not float32 \[2, 4\]"),
        ((2,), np.float32, r"not float32 \[2\]"),
        ((2, 3, 1), np.float32, r"not float32 \[2, 3, 1\]"),
        ((None, 4), np.float32, r"not float32 \['any', 4\]"),
        ((2, 3), np.float64, r"not float64 \[2, 3\]"),
    ],
)
def test_an_array_of_another_shape_or_type_is_refused(shape: Any, dtype: Any, said: str) -> None:
    with pytest.raises(UprightError, match=said):
        State({}, {"x": np.zeros((2, 3), np.float32)}).array("x", shape, dtype)


def test_an_array_that_is_not_there_is_refused() -> None:
    with pytest.raises(UprightError, match=r"holds nothing as 'x', not bool \[4\]"):
        State().array("x", (4,), np.bool_)


def test_a_generator_goes_on_where_its_state_was_taken_also_through_json() -> None:
    rng = np.random.default_rng(3)
    rng.random(5)
    rng.integers(10, dtype=np.int32)  # leaves half a word behind
    state = json.loads(json.dumps(generator_state(rng)))
    expected = rng.integers(10, size=7, dtype=np.int32), rng.normal(size=9)
    other = np.random.default_rng(99)
    restore_generator(other, state)
    again = other.integers(10, size=7, dtype=np.int32), other.normal(size=9)
    assert all((one == two).all() for one, two in zip(expected, again, strict=True))


def test_a_state_does_not_follow_the_generator() -> None:
    rng = np.random.default_rng(3)
    state = generator_state(rng)
    before = json.dumps(state)
    rng.random(100)
    assert json.dumps(state) == before


def spoilt(**changes: Any) -> dict[str, Any]:
    return {**generator_state(np.random.default_rng(0)), **changes}


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"state": {}},
        spoilt(state=None),
        spoilt(state=[1, 2]),
        spoilt(state={"state": 1.5, "inc": 1}),
        spoilt(state={"state": -1, "inc": 1}),
        spoilt(state={"state": 2**128, "inc": 1}),
        spoilt(state={"state": 1}),
        spoilt(state={"state": True, "inc": 1}),
        spoilt(has_uint32="1"),
        spoilt(uinteger=2**70),
        spoilt(uinteger=None),
        spoilt(bit_generator="MT19937"),
        spoilt(bit_generator=3),
        dict(np.random.MT19937(0).state),
    ],
    ids=repr,
)
def test_a_state_of_no_such_generator_is_refused(state: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(UprightError, match="The recorded random generator is not valid"):
        restore_generator(rng, state)
