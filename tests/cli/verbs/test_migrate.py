"""A script of old gym, migrated as a person types for it."""

import json
from pathlib import Path

import pytest

from cli.conftest import Typed
from upright.cli.arguments import program

OLD = """import gym
env = gym.make("CartPole-v0")  # a pole
obs = env.reset()
kept = env.step(0)
"""
NEW = """import gymnasium as gym
env = gym.make("CartPole-v1")  # a pole
obs, _ = env.reset()
kept = env.step(0)
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.py"
    path.write_text(OLD)
    return path


def test_without_out_it_is_only_pointed_at(inside: Typed, old: Path) -> None:
    outcome = inside("migrate", "old.py")
    assert (outcome.code, outcome.err) == (1, "Reading old.py ...\n")
    assert [path.name for path in old.parent.iterdir()] == ["old.py"]
    assert old.read_text() == OLD
    blocks = outcome.out.split("\n\n")
    assert blocks[1] == (
        "line 2\n"
        '  here   env = gym.make("CartPole-v0")  # a pole\n'
        '  today  env = gym.make("CartPole-v1")  # a pole\n'
        "  why    Today's CartPole-v1 takes the place of CartPole-v0: 500 steps an episode instead "
        "of 200, 475 to be solved instead of 195."
    )
    assert blocks[3].startswith("line 4 (by hand)\n  here   kept = env.step(0)\n  today  obs, rew")
    assert blocks[3].splitlines()[3] == "         done = terminated or truncated"
    assert blocks[4] == (
        f"4 findings; `{program()} migrate old.py --out FILE.py` writes a copy with 3 of them "
        "mended; by hand: line 4.\n"
    )


def test_out_gets_the_copy_and_what_is_left_is_listed(inside: Typed, old: Path) -> None:
    outcome = inside("migrate", "old.py", "--out", "new.py")
    assert outcome.code == 1  # something is left
    assert (old.parent / "new.py").read_text() == NEW
    assert old.read_text() == OLD
    last = outcome.out.splitlines()[-1]
    assert last == "4 findings; 3 of them mended in new.py; by hand: line 4."


def test_nothing_left_is_exit_code_0(inside: Typed, old: Path) -> None:
    old.write_text(OLD.removesuffix("kept = env.step(0)\n"))
    outcome = inside("migrate", "old.py", "--out", "new.py")
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "3 findings; 3 of them mended in new.py."
    assert inside("migrate", "new.py").code == 0


def test_nothing_old_is_said_and_copied(inside: Typed, old: Path) -> None:
    old.write_text("x  =  1")
    outcome = inside("migrate", "old.py", "--out", "new.py")
    assert outcome.code == 0
    assert outcome.out == ("Nothing in old.py is of old gym. new.py is the same, byte for byte.\n")
    assert (old.parent / "new.py").read_bytes() == b"x  =  1"
    assert inside("migrate", "old.py").out == "Nothing in old.py is of old gym.\n"


def test_json_has_a_record_for_each_finding(inside: Typed, old: Path) -> None:
    outcome = inside("migrate", "old.py", "--json")
    assert outcome.code == 1
    said = json.loads(outcome.out)
    assert (said["file"], said["out"]) == ("old.py", None)
    assert said["findings"][2] == {
        "idiom": "reset",
        "cell": None,
        "line": 3,
        "old": "obs = env.reset()",
        "new": "obs, _ = env.reset()",
        "why": "A reset gives the observation and an info.",
        "done": True,
    }
    assert [each["done"] for each in said["findings"]] == [True, True, True, False]


def test_a_name_alone_is_said_to_be_what_it_rests_on(inside: Typed, old: Path) -> None:
    old.write_text("import gym\ndef play(env):\n    obs = env.reset()\n")
    out = inside("migrate", "old.py").out
    assert "A reset gives the observation and an info. env is taken for an environment by" in out


def test_no_terminal_obeys_what_stands_in_a_file(inside: Typed, old: Path) -> None:
    old.write_text("import gym  # \x1b[31m\u202e\n", encoding="utf-8")
    assert "import gym  # \\x1b[31m\\u202e\n" in inside("migrate", "old.py").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("old.py", "--out", "old.py"), "old.py exists already."),
        (("old.py", "--out", "taken.py"), "taken.py exists already."),
        (("old.py", "--out", "new.ipynb"), "new.ipynb is no .py."),
        (("old.py", "--out", "no/new.py"), "There is no folder no."),
        (("no.py",), "Cannot read no.py: No such file or directory."),
        (("no.py", "--out", "new.py"), "Cannot read no.py: No such file or directory."),
        (("taken.txt",), "taken.txt is no .py and no .ipynb."),
        ((".",), ". is no .py and no .ipynb."),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_made(
    inside: Typed, old: Path, words: tuple[str, ...], said: str
) -> None:
    for name in ("taken.py", "taken.txt"):
        (old.parent / name).write_text("mine")
    outcome = inside("migrate", *words)
    assert outcome.code == 2
    assert outcome.out == ""
    assert f"error: {said}" in outcome.err.splitlines()
    assert {path.name for path in old.parent.iterdir()} == {"old.py", "taken.py", "taken.txt"}
    assert (old.parent / "taken.py").read_text() == "mine"
    assert old.read_text() == OLD


def test_a_shell_sees_no_warning(shell: Typed, old: Path) -> None:
    old.write_text(OLD + "print('\\d')\n")
    outcome = shell("migrate", "old.py", "--out", "new.py")
    assert (outcome.code, outcome.err) == (1, "Reading old.py ...\n")
