"""`upright seeds`: its table, its object, its exit codes, and what it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import upright
from cli.conftest import Typed
from cli.test_bad_input import assert_refused
from upright.cli.verbs import seeds as verb
from upright.runs.run import Run

SMALL = (
    "--preset", "default", "--num-envs", "4", "--num-steps", "32", "--num-epochs", "1",
    "--total-timesteps", "256", "--eval-episodes", "10", "--no-media",
)  # fmt: skip


def test_a_table_and_the_statistics_end_stdout(inside: Typed, tmp_path: Path) -> None:
    said = inside("seeds", "CartPole-v1", "--seeds", "2,0", "--jobs", "2", *SMALL)
    assert said.code == 0
    header, second, first, empty, *sentences = said.out.splitlines()
    assert tuple(header.split()) == verb.HEADER_OF_SEEDS
    assert second.split()[:4] == ["2", "runs/CartPole-v1/ppo-s2", "not", "solved"]
    assert first.split()[:4] == ["0", "runs/CartPole-v1/ppo-s0", "not", "solved"]
    assert empty == ""
    assert [each.partition(":")[0] for each in sentences] == [
        "Solved and verified", "Mean return", "Median", "Interquartile mean",
    ]  # fmt: skip
    lines = said.err.splitlines()
    assert lines[:2] == [
        "Upright: training 2 seeds of CartPole-v1 ...", "ppo (preset default), 2 seeds",
    ]  # fmt: skip
    assert "(2 of 2)" in lines[-1]
    again = inside("seeds", "CartPole-v1", "--seeds", "2,0", "--quiet", *SMALL)
    assert again.out == said.out
    assert again.err == ""


def test_json_ends_stdout_with_one_object_and_nothing_else(inside: Typed) -> None:
    said = inside("seeds", "CartPole-v1", "--seeds", "3", "--json", *SMALL)
    told = json.loads(said.out)
    assert (told["env"], told["algo"], told["failed"]) == ("CartPole-v1", "ppo", [])
    assert told["runs"][0]["run"] == "runs/CartPole-v1/ppo-s3"
    mean = told["runs"][0]["mean"]
    assert told["iqm"] == told["median"] == {"value": mean, "low": mean, "high": mean}
    assert told["solved"] == 0
    assert told["steps_to_solve"] is None


def test_what_solves_is_told_with_its_steps_and_seconds(inside: Typed) -> None:
    words = ("--reward-threshold", "5", "--seeds", "0-1", "--eval-every", "128")
    said = inside("seeds", "CartPole-v1", *words, *SMALL)
    assert "Solved and verified: 2 of 2" in said.out
    assert "Steps to solve: " in said.out
    assert ", of training" in said.out
    told = json.loads(inside("seeds", "CartPole-v1", *words, *SMALL, "--json").out)
    steps = sorted(row["steps"] for row in told["runs"])
    assert told["steps_to_solve"] == {
        "median": sum(steps) / 2, "least": steps[0], "most": steps[1],
    }  # fmt: skip


def test_without_a_threshold_no_run_is_called_unsolved(inside: Typed) -> None:
    words = ("--seeds", "0", "--num-envs", "4", "--num-steps", "32", "--total-timesteps", "256")
    said = inside("seeds", "probes.envs:ObsReward", *words, "--algo", "ppo", "--no-media")
    assert "1 run, no threshold" in said.out
    assert "solved" not in said.out


BROKEN = """
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

class Broken(CartPoleEnv):
    def step(self, action):
        raise RuntimeError("the pole broke")
"""


def test_a_training_that_fails_is_named_and_the_exit_code_is_1(
    inside: Typed, tmp_path: Path
) -> None:
    (tmp_path / "pole.py").write_text(BROKEN.replace("Broken", "Pole"))
    sound = BROKEN.replace("Broken", "Pole").replace('raise RuntimeError("the pole broke")',
                                                    "return super().step(action)")  # fmt: skip
    (tmp_path / "pole.py").write_text(sound)
    assert inside("seeds", "pole.py:Pole", "--seeds", "0", "--algo", "ppo", *SMALL).code == 0
    (tmp_path / "pole.py").write_text(BROKEN.replace("Broken", "Pole"))
    said = inside("seeds", "pole.py:Pole", "--seeds", "0-1", "--algo", "ppo", *SMALL, "--json")
    assert said.code == 1
    told = json.loads(said.out)
    assert [row["seed"] for row in told["runs"]] == [0]
    assert told["failed"][0]["seed"] == 1
    assert "the pole broke" in told["failed"][0]["error"]
    assert "error: seed 1 failed: " in said.err
    every = inside("seeds", "pole.py:Pole", "--seeds", "1", "--algo", "ppo", *SMALL)
    assert_refused(every, "seed 1 failed: ", "the pole broke")


def test_a_config_file_is_read_once_and_parts_no_children(tmp_path: Path) -> None:
    """From a pipe it could not be read twice."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe:
        pipe.write('env = "CartPole-v1"\nalgo = "ppo"\nseed = 9\ngamma = 0.875\n')
    try:
        done = subprocess.run(
            [sys.executable, "-m", "upright", "seeds", "--config", f"/dev/fd/{reader}", "--seeds",
             "0-1", "--out", str(tmp_path), "--quiet", *SMALL],
            check=True, pass_fds=[reader], timeout=120, capture_output=True,
        )  # fmt: skip
    finally:
        os.close(reader)
    assert done.stderr == b""
    runs = [Run(tmp_path / "CartPole-v1" / f"ppo-s{seed}") for seed in (0, 1)]
    assert [run.recipe.settings.gamma for run in runs] == [0.875, 0.875]
    assert [run.recipe.seed for run in runs] == [0, 1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seeds", ""), "No seed was named."),
        (("--seeds", "0,0"), "The seed 0 comes twice."),
        (("--seeds=-4",), "The seed -4 is negative."),
        (("--seeds", "0-5000"), "more than 1,000 seeds"),
        (("--seeds", "all"), "'all' is neither a seed nor a range of seeds."),
        (("--seed", "3"), "Did you mean --seeds"),
        (("--jobs", "0"), "0 is out of range, allowed: 1 to 1000"),
        (("--gamma", "2"), "at least 0 and at most 1"),
        (("--network", "cnn"), "There is no picture"),
    ],
)
def test_bad_input_is_refused_in_a_sentence_and_nothing_is_made(
    words: tuple[str, ...], said: str, inside: Typed, tmp_path: Path
) -> None:
    assert_refused(inside("seeds", "CartPole-v1", *words), said)
    assert list(tmp_path.iterdir()) == []


def test_code_that_only_a_file_names_is_not_trusted(inside: Typed, tmp_path: Path) -> None:
    (tmp_path / "pole.py").write_text(BROKEN)
    (tmp_path / "config.toml").write_text('env = "pole.py:Broken"\nalgo = "ppo"\n')
    refused = inside("seeds", "--config", "config.toml", "--seeds", "0")
    assert_refused(refused, "names the environment pole.py:Broken", "--trust-code")
    assert not (tmp_path / "runs").exists()


def test_help_says_that_the_same_command_goes_on(
    inside: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        inside("seeds", "--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "The same command picks up" in text
    assert "--learning-rate" in text
    assert "--seed N" not in text


def test_pictures_are_left_as_train_leaves_them(
    inside: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("UPRIGHT_NO_MEDIA")
    words = [word for word in SMALL if word != "--no-media"]
    inside("seeds", "CartPole-v1", "--seeds", "0", *words)
    assert (tmp_path / "runs" / "CartPole-v1" / "ppo-s0" / "replay.mp4").is_file()
    assert (tmp_path / "runs" / "CartPole-v1" / "ppo-s0" / "curve.png").is_file()
    upright.load(tmp_path / "runs" / "CartPole-v1" / "ppo-s0")
