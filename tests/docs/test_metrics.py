"""The page of metrics has every column that runs write, and no other."""

from pathlib import Path

import upright
from docs.pages import columns_of_metrics
from upright.settings import SETTINGS

OF_ONES_OWN = "train/loss"  # where the loss is the user's


def test_the_page_of_metrics_has_every_column_that_runs_write(tmp_path: Path) -> None:
    short = {"total_timesteps": 2_000, "num_envs": 4, "until": "budget"}
    short |= {"eval_every": 2_000, "eval_episodes": 2}
    seen = {OF_ONES_OWN}
    for env in ("CartPole-v1", "Pendulum-v1"):
        for algo in SETTINGS:
            number = {"num_episodes": 8} if algo == "reinforce" else {"num_steps": 64}
            run = upright.train(env, algo, preset="default", out=tmp_path, **short, **number)
            seen |= {name for row in run.metrics() for name in row}
    assert columns_of_metrics() == seen
