"""Suites that others keep: their environments train by `--import`, where they are installed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import upright
from upright.cli import main
from upright.ground.errors import UprightError

# Neither light nor silent, so not in the test extra: tried where somebody installed them.
HEAVY = (pytest.mark.long, pytest.mark.filterwarnings("ignore"))
MINIGRID = "MiniGrid-Empty-5x5-v0"
SUITES: list[Any] = [
    pytest.param("minigrid", MINIGRID, "minigrid.wrappers:ImgObsWrapper", {"max_steps": 10}),
    pytest.param("minigrid", MINIGRID, "minigrid.wrappers:FlatObsWrapper", {"max_steps": 10}),
    pytest.param(
        "highway_env",
        "highway-fast-v0",
        "gymnasium.wrappers:FlattenObservation",
        {"config": {"duration": 3, "vehicles_count": 5}},
        marks=HEAVY,
    ),
    pytest.param(
        "gymnasium_robotics",
        "PointMaze_UMaze-v3",
        "gymnasium.wrappers:FlattenObservation",
        {"max_episode_steps": 10},
        marks=HEAVY,
    ),
]
SMALL: dict[str, Any] = {
    "preset": "default",
    "num_envs": 2,
    "num_steps": 8,
    "num_epochs": 1,
    "hidden_sizes": (8,),
}
ONE, TWO = 16, 32  # timesteps of so many iterations


@pytest.mark.parametrize(("suite", "env", "wrapper", "kwargs"), SUITES)
def test_an_environment_of_a_suite_is_trained_evaluated_resumed_verified_and_reloaded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suite: str,
    env: str,
    wrapper: str,
    kwargs: dict[str, Any],
) -> None:
    pytest.importorskip(suite)
    monkeypatch.setattr("upright.judging.judge.NUM_EPISODES", 2)
    chosen = SMALL | {
        "media": False,
        "imports": [suite],
        "wrapper": [wrapper],
        "env_kwargs": kwargs,
    }
    whole = upright.train(env, "ppo", out=tmp_path / "whole", total_timesteps=TWO, **chosen)
    cut = upright.train(env, "ppo", out=tmp_path / "cut", total_timesteps=ONE, **chosen)
    with pytest.raises(UprightError, match=rf"The (wrapper|import) {suite}.* is code"):
        upright.resume(cut.path, total_timesteps=TWO)
    upright.resume(cut.path, total_timesteps=TWO, trust_code=True, media=False)
    again = upright.load(cut.path, trust_code=True)
    assert again.info["timesteps"] == TWO
    for name, array in whole.policy_at("last").weights.items():
        found = again.policy_at("last").weights[name]
        np.testing.assert_array_equal(array, found, err_msg=name)
    assert np.isfinite(again.evaluate(episodes=2).returns).all()
    assert upright.verify(again).identical


def test_a_minigrid_without_a_wrapper_is_refused_with_one_that_would_do(tmp_path: Path) -> None:
    pytest.importorskip("minigrid")
    with pytest.raises(UprightError, match="MissionSpace") as caught:
        upright.train(MINIGRID, "ppo", imports=["minigrid"], out=tmp_path / "runs", **SMALL)
    said = 'gymnasium.wrappers:FilterObservation(filter_keys=["direction", "image"])'
    assert said in caught.value.hint
    assert not (tmp_path / "runs").exists()
    trainer = upright.Trainer(MINIGRID, "ppo", imports="minigrid", wrapper=said, **SMALL)
    assert next(trainer).timesteps == ONE
    trainer.close()


def test_what_a_suite_registers_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("minigrid")
    assert main(["envs", MINIGRID, "--import", "minigrid"]) == 0
    assert MINIGRID in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_a_robot_trains_or_is_refused_in_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("gymnasium_robotics")
    chosen = SMALL | {"media": False, "imports": ["gymnasium_robotics"], "out": tmp_path / "runs"}
    said = ""
    try:
        assert upright.train("FetchReach-v4", "ppo", total_timesteps=ONE, **chosen).policy
    except UprightError as error:  # a MuJoCo that it does not know yet
        said = error.message
    assert (tmp_path / "runs").exists() == (said == "")
    assert said == "" or said.startswith("Cannot make FetchReach-v4: ")
