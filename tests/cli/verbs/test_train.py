"""A setting is resolved once, wherever it comes from."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import upright
from upright.recipes import train_recipe
from upright.runs.run import Run
from upright.settings.resolving import resolve

# None of these is a default: whoever trains with other settings than he was given is seen.
GIVEN = (
    'env = "CartPole-v1"\nalgo = "reinforce"\npreset = "default"\nseed = 5\nuntil = "budget"\n'
    "total_timesteps = 300\neval_every = 300\nnum_envs = 3\nnum_episodes = 6\ngamma = 0.875\n"
    'hidden_sizes = [3]\nactivation = "relu"\nkeep = 2\n'
)


def by_command_line(config: str, out: Path, descriptor: int) -> Path:
    words = ["train", "--config", config, "--out", str(out), "--no-media", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "upright", *words],
        check=True,
        pass_fds=[descriptor],
        timeout=120,
    )
    return out / "CartPole-v1" / "reinforce-s5"


def by_python(config: str, out: Path, descriptor: int) -> Path:
    return upright.train(config=config, out=out, media=False).path


def by_trainer(config: str, out: Path, descriptor: int) -> Path:
    trainer = upright.Trainer(config=config)
    next(trainer)
    trainer.close()
    return train_recipe(trainer.recipe, trainer.env, out=out, media=False).path


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="pipes have no names here")
@pytest.mark.parametrize("way", [by_command_line, by_python, by_trainer])
def test_settings_from_a_pipe_are_those_that_are_trained_with(
    way: Callable[[str, Path, int], Path], tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe:
        pipe.write(GIVEN)
    try:
        folder = way(f"/dev/fd/{reader}", tmp_path, reader)
    finally:
        os.close(reader)
    recipe = Run(folder).recipe
    (tmp_path / "given.toml").write_text(GIVEN)
    assert recipe == resolve(config=tmp_path / "given.toml")
    assert recipe.settings.hidden_sizes == (3,)
    assert recipe.settings.gamma == 0.875
    first = Run(folder).policy_at(0).network.actor.layers[0]
    assert sorted(first.weight.shape) == [3, 4]


def test_a_pipe_that_names_code_is_not_trusted_either(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe:
        pipe.write('env = "os.path:join"\nalgo = "ppo"\n')
    try:
        with pytest.raises(upright.UprightError, match=r"names the environment os\.path:join"):
            upright.train(config=f"/dev/fd/{reader}", out=tmp_path)
    finally:
        os.close(reader)
    assert list(tmp_path.iterdir()) == []
