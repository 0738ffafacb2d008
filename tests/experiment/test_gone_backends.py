"""Runs of backends that there are no more: they open, are judged, and go on exactly."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kills
import upright
from experiment.test_exactness import Notes, run_folder, started_and_ended
from kills import differences
from upright.experiment.listener import Listener
from upright.ground.errors import UprightError
from upright.runs.run import Run
from upright.settings import resolve
from upright.settings.backends import SUCCESSORS

HOW: dict[str, Any] = {
    "preset": "default", "seed": 4, "total_timesteps": 1500, "checkpoint_every": 100,
    "until": "budget", "eval_every": 500, "media": False,
}  # fmt: skip


def as_it_was(folder: Path, gone: str, now: str) -> None:
    """Let a run be one that the backend `gone` recorded; all else was the same with it."""
    settings, record = folder / "settings.toml", folder / "run.json"
    text = settings.read_text()
    assert f'backend = "{now}"' in text
    settings.write_text(text.replace(f'backend = "{now}"', f'backend = "{gone}"'))
    said = json.loads(record.read_text())
    assert said["backend"] == now
    record.write_text(json.dumps(said | {"backend": gone}))


@pytest.fixture(params=SUCCESSORS.items(), ids=[*SUCCESSORS])
def backends(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A backend of before, and the one in its place."""
    return tuple(request.param)


@pytest.mark.parametrize("algo", kills.algorithms())
def test_a_run_that_was_stopped_goes_on_to_the_bytes_of_one_that_was_not(
    tmp_path: Path, backends: tuple[str, str], algo: str
) -> None:
    gone, now = backends
    how = HOW | kills.small(algo) | {"backend": now}
    whole = upright.train("CartPole-v1", algo, out=tmp_path / "whole", **how)

    def train(listener: Listener) -> Run:
        return upright.train("CartPole-v1", algo, out=tmp_path, listener=listener, **how)

    started_and_ended(train, 3, "abruptly")
    folder, notes = run_folder(tmp_path), Notes()
    as_it_was(folder, gone, now)
    assert upright.load(folder).recipe.settings.backend == now
    resumed = upright.resume(folder, listener=notes, media=False)
    (said,) = [note for note in notes.notes if gone in note]
    assert said == (
        f"The backend {gone} is no more; {now} goes on with the same episodes, byte for byte."
    )
    assert not [note for note in notes.notes if "bit-identical" in note]
    assert set(differences(whole.path, folder)) <= {"settings.toml"}
    assert upright.verify(resumed).identical


def test_one_that_is_finished_opens_and_is_evaluated_and_verified(
    tmp_path: Path, backends: tuple[str, str]
) -> None:
    gone, now = backends
    run = upright.train("CartPole-v1", "ppo", out=tmp_path, backend=now, **HOW)
    as_it_was(run.path, gone, now)
    again = upright.load(run.path)
    assert again.info["backend"] == gone
    assert again.evaluate(5).returns == run.evaluate(5).returns
    assert upright.verify(again).identical
    longer = upright.resume(run.path, total_timesteps=2500, media=False)
    assert f'backend = "{now}"' in (longer.path / "settings.toml").read_text()


REFUSALS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "a keyword": lambda settings: {"backend": "async"},
    "a file": lambda settings: {"config": settings},
}


@pytest.mark.parametrize("how", REFUSALS.values(), ids=REFUSALS)
def test_a_new_run_is_told_what_does_it_now(
    tmp_path: Path, how: Callable[[Path], dict[str, Any]]
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('env = "CartPole-v1"\nalgo = "ppo"\nbackend = "async"\n')
    with pytest.raises(UprightError) as raised:
        resolve("CartPole-v1", "ppo", **how(settings))
    assert raised.value.message == (
        "backend = 'async': worker processes collect shards now; say --shards 4 --workers 2, or "
        "--backend sync, which has the same episodes."
    )
