"""Suites that others keep: their environments train by `--import`, where they are installed."""

from pathlib import Path
from typing import Any

import pytest

import upright

FLAT = 'gymnasium.wrappers:FilterObservation(filter_keys=["direction", "image"])'
SUITES = {
    "minigrid": ("MiniGrid-Empty-5x5-v0", [FLAT]),
    "highway_env": ("highway-fast-v0", ["gymnasium.wrappers:TimeLimit(max_episode_steps=5)"]),
    "gymnasium_robotics": (
        "PointMaze_UMaze-v3",
        ["gymnasium.wrappers:TimeLimit(max_episode_steps=20)"],
    ),
}


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("module", SUITES)
def test_an_environment_of_the_suite_trains_is_resumed_and_verified(
    module: str, tmp_path: Path
) -> None:
    pytest.importorskip(module)
    env, wrapper = SUITES[module]
    chosen: dict[str, Any] = {"preset": "default", "num_envs": 2, "num_steps": 16, "media": False}
    run = upright.train(
        env,
        "ppo",
        imports=[module],
        wrapper=wrapper,
        total_timesteps=64,
        out=tmp_path,
        **chosen,
    )
    assert run.record.timesteps == 64
    run = upright.resume(run.path, total_timesteps=96, trust_code=True, media=False)
    assert run.record.timesteps == 96
    assert upright.verify(upright.load(run.path, trust_code=True)).holds
