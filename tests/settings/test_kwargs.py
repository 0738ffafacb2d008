"""Arguments of environments and wrappers as text: what is read, refused and written."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from upright.ground.errors import UprightError
from upright.settings.command import command_line
from upright.settings.kwargs import parse_pairs, parse_value, parse_wrapper, write_value
from upright.settings.resolving import read_recipe, resolve

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.booleans() | NUMBERS | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=2)
    ),
    max_leaves=4,
)
ENV = "LunarLander-v3"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("-5.0", -5.0),
        ("3", 3),
        ("8x8", "8x8"),
        ('"8"', "8"),
        ("[1, 2]", [1, 2]),
        ("{a = 1}", {"a": 1}),
        ("1, 2", "1, 2"),
    ],
)
def test_a_value_has_the_type_that_toml_gives_it(text: str, value: Any) -> None:
    found = parse_value(text)
    assert (found, type(found)) == (value, type(value))


@given(VALUES)
def test_what_is_written_of_a_value_is_read_as_that_value(value: Any) -> None:
    found = parse_value(write_value(value))
    assert repr(found) == repr(value)


def test_a_wrapper_is_taken_apart_and_nothing_in_it_is_run() -> None:
    call = parse_wrapper('mine.things:Noisy(scale=0.5, name="a, b)", sizes=[1, 2])')
    assert call == ("mine.things", "Noisy", {"scale": 0.5, "name": "a, b)", "sizes": [1, 2]})
    assert parse_wrapper("file.py:Noisy") == ("file.py", "Noisy", {})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("module:Wrapper(", "not closed"),
        ("module:Wrapper(1)", "key=value"),
        ("module:Wrapper(a=print(1))", "TOML"),
        ("module.Wrapper", "perhaps module:Wrapper"),
        ("module:", "module:Wrapper"),
        ("a b:Wrapper", "module:Wrapper"),
    ],
)
def test_what_is_no_wrapper_is_refused_in_a_sentence(text: str, why: str) -> None:
    with pytest.raises(UprightError, match=why) as refused:
        resolve(ENV, wrapper=[text])
    assert refused.value.message.startswith("wrapper: ")


@pytest.mark.parametrize(
    ("kwargs", "why"),
    [
        ({"a": float("nan")}, "no finite number"),
        ({"a": 2**70}, "64 bits"),
        ({"a": None}, "NoneType"),
        ({"a": [[[[[[1]]]]]]}, "nested"),
        ({"a b": 1}, "no name of an argument"),
        ({"a": "x" * 20_000}, "too long"),
        ("gravity", "key=value"),
        (["a=1", "a=2"], "twice"),
    ],
)
def test_arguments_that_no_file_could_hold_are_refused_in_a_sentence(kwargs: Any, why: str) -> None:
    with pytest.raises(UprightError, match=why) as refused:
        resolve(ENV, env_kwargs=kwargs)
    assert refused.value.message.startswith("env_kwargs: ")


def test_a_recipe_with_arguments_and_wrappers_reads_back_and_can_be_typed_again(
    tmp_path: Path,
) -> None:
    recipe = resolve(
        ENV,
        env_kwargs=["gravity=-5.0", "enable_wind=true"],
        wrapper=["gymnasium.wrappers:TimeLimit(max_episode_steps=50)", "file.py:Mine"],
        imports=["minigrid"],
        frame_stack=3,
        eval_env="LunarLander-v3",
        eval_env_kwargs={"gravity": -9.0},
    )
    path = tmp_path / "settings.toml"
    path.write_text(tomli_w.dumps(recipe.flat()))
    assert read_recipe(path) == resolve(config=path) == recipe
    words = shlex.split(command_line(recipe))
    assert words[words.index("--env-kwargs") :][:3] == [
        "--env-kwargs",
        "gravity=-5.0",
        "enable_wind=true",
    ]
    assert [words[at + 1] for at, word in enumerate(words) if word == "--wrapper"] == [
        *recipe.wrapper
    ]
    assert parse_pairs(words[words.index("--eval-env-kwargs") + 1 :][:1]) == {"gravity": -9.0}
    assert words[words.index("--import") + 1] == "minigrid"
    assert words[words.index("--frame-stack") + 1] == "3"
