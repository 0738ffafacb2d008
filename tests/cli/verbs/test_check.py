"""An environment looked at before it is trained, as a person types for it."""

import json
import re
from pathlib import Path

from cli.conftest import Typed

MINE = """
import gymnasium as gym
import numpy as np


class Mine(gym.Env):
    observation_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.full(1, 7.0, np.float32), 0.0, True, False, {}
"""


def test_a_healthy_environment_has_a_line_each_and_exit_code_0(
    inside: Typed, tmp_path: Path
) -> None:
    outcome = inside("check", "CartPole-v1")
    assert outcome.code == 0
    *lines, last = outcome.out.splitlines()
    assert len(lines) == 13
    assert all(line.startswith("fine ") for line in lines)
    assert last == "Nothing here will hurt training."
    assert list(tmp_path.iterdir()) == []


def test_what_hurts_comes_last_with_what_to_do(inside: Typed) -> None:
    outcome = inside("check", "MountainCar-v0", "--steps", "2000", "--seed", "3")
    assert outcome.code == 0
    *_, size, normalize, signal, reward, last = outcome.out.splitlines()
    assert size.startswith("hurts  observation-scale")
    assert normalize.split()[:4] == ["try", "Train", "with", "--normalize-obs,"]
    assert signal.startswith("hurts  reward-signal")
    assert reward.split()[:2] == ["try", "Reward"]
    assert last == "2 of these will hurt training."


def test_what_is_wrong_fails_and_a_file_of_ones_own_will_do(inside: Typed, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    outcome = inside("check", "mine.py:Mine", "--steps", "100")
    assert outcome.code == 1
    *_, wrong, hint, last = outcome.out.splitlines()
    assert wrong.startswith("wrong  observations")
    assert "obs[0] was 7, its space says -1 to 1" in wrong
    assert "--outside-space accept" in hint
    assert last == "1 of these is wrong, and 1 will hurt training."
    assert {path.name for path in tmp_path.iterdir()} <= {"mine.py", "__pycache__"}


def test_what_is_looked_at_has_its_arguments_and_its_wrappers(inside: Typed) -> None:
    around = ("--env-kwargs", "max_episode_steps=9", "--wrapper", "probes.envs:Halved")
    outcome = inside("check", "CartPole-v1", "--steps", "200", *around)
    assert outcome.code == 0, outcome.err
    (length,) = (line for line in outcome.out.splitlines() if " episode-length " in line)
    assert "9" in length
    (reward,) = (line for line in outcome.out.splitlines() if " reward-scale " in line)
    found = re.search(r"add up to about ([\d.]+) ", reward)
    assert found is not None
    assert float(found[1]) <= 4.5  # at most nine rewards of 0.5


def test_json_says_the_same(inside: Typed) -> None:
    outcome = inside("check", "probes.envs:EndlessReward", "--steps", "200", "--json")
    assert outcome.code == 0
    said = json.loads(outcome.out)
    assert (said["env"], said["seed"]) == ("probes.envs:EndlessReward", 0)
    (length,) = (each for each in said["checks"] if each["name"] == "episode-length")
    assert length.keys() == {"name", "outcome", "sentence", "hint"}
    assert length["outcome"] == "hurts"


def test_a_shell_sees_no_warning_of_the_checker(shell: Typed) -> None:
    outcome = shell("check", "CartPole-v1", "--steps", "100")
    assert outcome.code == 0
    assert outcome.err == "Playing 100 random steps of CartPole-v1 ...\n"
