"""What is unusual about a run, as a person types for it."""

import json
import shutil
from pathlib import Path

import pytest

import upright
from cli.conftest import Typed

COLLAPSED = ("train", "CartPole-v1", "--algo", "ppo", "--preset", "default", "--num-steps", "32")
FAST = ("--learning-rate", "0.3", "--total-timesteps", "4096", "--no-media")
RUN = "runs/CartPole-v1/ppo-s0"


def test_a_finding_is_one_line_with_what_to_try(inside: Typed) -> None:
    trained = inside(*COLLAPSED, *FAST)
    assert trained.code == 0
    outcome = inside("diagnose", RUN)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    (collapsed,) = (line for line in lines if "stopped exploring" in line)
    assert "Try a smaller learning_rate (now 0.3)" in collapsed
    verdict, *rest = trained.out.splitlines()
    assert verdict.startswith("Not solved")
    assert rest[: len(lines)] == [f"Note: {line}" for line in lines]
    assert rest[len(lines)].startswith("Run: ")
    ended = json.loads(inside("diagnose", RUN, "--json").out)
    assert [f"{each['sentence']} {each['hint']}" for each in ended["findings"]] == lines
    assert {"entropy-collapsed"} <= {each["name"] for each in ended["findings"]}


def test_a_solved_run_has_nothing_unusual_and_its_end_says_nothing_of_it(inside: Typed) -> None:
    trained = inside("train", "CartPole-v1", "--no-media")
    assert "Solved and verified" in trained.out
    assert "Note: " not in trained.out
    outcome = inside("diagnose", RUN)
    assert (outcome.code, outcome.out) == (0, "Nothing unusual.\n")
    assert json.loads(inside("diagnose", RUN, "--json").out)["findings"] == []


def test_a_run_that_still_trains_is_judged_by_the_rows_that_are_there(
    inside: Typed, run_copy: Path
) -> None:
    (run_copy / "evaluation.json").unlink()
    record = json.loads((run_copy / "run.json").read_text())
    (run_copy / "run.json").write_text(json.dumps(record | {"status": "running"}))
    with (run_copy / "metrics.jsonl").open("a") as file:
        file.write('{"iteration": 4, "time/tot')
    outcome = inside("diagnose", run_copy)
    assert (outcome.code, outcome.out) == (0, "Nothing unusual.\n")


def test_a_bundle_is_diagnosed_as_its_folder_is(
    inside: Typed, finished_run: Path, tmp_path: Path
) -> None:
    assert inside("bundle", finished_run, "--out", tmp_path / "a.zip").code == 0
    told = inside("diagnose", finished_run).out
    assert inside("diagnose", tmp_path / "a.zip").out == told


def test_a_run_without_settings_or_metrics_is_refused_in_a_sentence(
    inside: Typed, finished_run: Path, tmp_path: Path
) -> None:
    for name in ("settings.toml", "metrics.jsonl"):
        folder = Path(shutil.copytree(finished_run, tmp_path / name.split(".")[0]))
        (folder / name).unlink()
        outcome = inside("diagnose", folder)
        assert outcome.code == 2
        assert outcome.err.count("\n") <= 3


def test_python_tells_the_same(inside: Typed) -> None:
    inside(*COLLAPSED, *FAST, "--quiet")
    found = upright.load(RUN).diagnose()
    told = inside("diagnose", RUN).out.splitlines()
    assert [f"{each.sentence} {each.hint}" for each in found] == told


FAULTY = """
import gymnasium as gym
import numpy as np

class Faulty(gym.Env):
    observation_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)
    steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        Faulty.steps += 1
        reward = float("nan") if Faulty.steps > LIMIT else 1.0
        return np.zeros(1, np.float32), reward, self.np_random.random() < 0.1, False, {}
"""


@pytest.mark.parametrize(("limit", "after"), [(0, 0), (40, 32)])
def test_that_a_training_failed_is_not_passed_over(
    inside: Typed, tmp_path: Path, limit: int, after: int
) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY.replace("LIMIT", str(limit)))
    small = ("--num-envs", "2", "--num-steps", "16", "--preset", "default", "--no-media")
    assert inside("train", "faulty.py:Faulty", "--out", "out", *small).code == 2
    (folder,) = (tmp_path / "out").glob("*/*")
    outcome = inside("diagnose", folder, "--trust-code")
    assert outcome.code == 0
    assert outcome.out.startswith(f"The training failed after {after} timesteps. `upright resume`")
    told = json.loads(inside("diagnose", folder, "--trust-code", "--json").out)["findings"]
    assert told[0]["name"] == "failed"
