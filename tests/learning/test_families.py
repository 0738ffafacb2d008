"""Families start to learn without tuning: environments on which nothing of them was chosen."""

from pathlib import Path
from typing import Any

import pytest

import upright

SEED = 101
# It has a preset now, of a search that knew nothing of the family's values, nor they of it.
CLIFF = {
    "preset": "tabular",
    "env_kwargs": {"max_episode_steps": 200},
    "reward_threshold": -17.0,
}
GRID = {
    "imports": ["minigrid"],
    "wrapper": ["minigrid.wrappers:FlatObsWrapper"],
    "reward_threshold": 0.95,
}
# By family, with what one of them needs; docs/environments.md has the other seeds.
UNTUNED: list[Any] = [
    pytest.param("tabular", None, "CliffWalking-v1", CLIFF),
    pytest.param("discrete", "minigrid", "MiniGrid-Empty-5x5-v0", GRID, marks=pytest.mark.long),
    pytest.param("continuous", "mujoco", "InvertedPendulum-v5", {}, marks=pytest.mark.long),
]


@pytest.mark.learning
@pytest.mark.parametrize(("family", "needs", "env", "given"), UNTUNED)
def test_what_nobody_tuned_for_is_solved_and_verified(
    tmp_path: Path, family: str, needs: str | None, env: str, given: dict[str, Any]
) -> None:
    if needs:
        pytest.importorskip(needs)
    run = upright.train(env, seed=SEED, out=tmp_path, media=False, **given)
    assert run.recipe.preset == family
    assert run.info["solved"] is True
    assert upright.verify(upright.load(run.path, trust_code=True)).identical
