"""The run folder as it is written."""

import json
import os
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import upright
from probes.envs import ObsReward, TwoStepMatch
from support import Recorder, checkpoint_of, policy_for
from upright.experiment.writer import RunWriter
from upright.ground.errors import UprightError
from upright.ground.lock import RunLock
from upright.ground.state import State
from upright.rollout.rollout import Episode
from upright.runs.checkpoint import Checkpoint, recorded_mean
from upright.runs.folder import checkpoint_folders, copy_of_run, folder_of, new_run_folder
from upright.runs.manifest import LogMarks
from upright.runs.records import RunRecord
from upright.runs.run import Run
from upright.settings.recipe import Recipe
from upright.settings.resolving import resolve

SMALL: dict[str, Any] = {
    "num_envs": 2,
    "num_steps": 16,
    "num_epochs": 1,
    "hidden_sizes": [4],
    "total_timesteps": 320,
}
DATA = Path(__file__).parents[1] / "data"
WEIGHTS = {"w": np.zeros(2, np.float32)}


def recipe(seed: int = 0, env: str = "CartPole-v1") -> Recipe:
    return resolve(env, "ppo", preset="default", seed=seed)


def a_record() -> RunRecord:
    table = json.loads((DATA / "schema-2" / "run.json").read_text())
    return RunRecord.of(table, "run.json")


def writer(folder: Path, keep: int = 20) -> RunWriter:
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    return RunWriter(folder, RunLock(folder), a_record(), keep)


def row(timesteps: int, iteration: int = 1) -> dict[str, Any]:
    counts = {"time/total_timesteps": timesteps, "time/time_elapsed": 0.5}
    return {"iteration": iteration, "train/x": 1.0, **counts}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def saved(folder: Path, keep: int, means: list[float | None]) -> list[str]:
    """The checkpoints that are left of one for each mean."""
    target = writer(folder, keep)
    for number, mean in enumerate(means, start=1):
        target.checkpoint(checkpoint_of(number, WEIGHTS), mean)
    target.close()
    return [str(int(name)) for name in names(folder)]


@pytest.mark.parametrize(
    ("keep", "means", "left"),
    [
        (2, [None] * 5, "45"),
        (2, [1.0, 5.0, 2.0, 3.0, 4.0], "245"),
        (1, [5.0, 1.0, 1.0], "13"),
        (2, [1.0, 2.0, 3.0], "23"),
        (9, [1.0, 2.0, 3.0], "123"),
        (1, [2.0, None, 3.0, None, None], "35"),
        (1, [-3.0, -1.0, -2.0], "23"),
        (1, [1.0, 1.0, 1.0], "3"),
    ],
)
def test_the_newest_checkpoints_and_the_best_evaluated_are_kept(
    tmp_path: Path, keep: int, means: list[float | None], left: str
) -> None:
    assert saved(tmp_path, keep, means) == list(left)


def test_the_mean_of_a_checkpoint_is_in_it(tmp_path: Path) -> None:
    saved(tmp_path, 9, [1.5, None])
    second, first = checkpoint_folders(tmp_path / "checkpoints")
    assert recorded_mean(first) == 1.5
    assert recorded_mean(second) is None


def test_a_checkpoint_of_the_same_moment_is_written_once(tmp_path: Path) -> None:
    target = writer(tmp_path)
    target.checkpoint(checkpoint_of(5, WEIGHTS, State({"n": 1})), None)
    target.checkpoint(checkpoint_of(5, WEIGHTS, State({"n": 2})), None)
    target.close()
    (state,) = tmp_path.glob("checkpoints/*/state.json")
    assert json.loads(state.read_text())["state"]["run"]["trainer"] == {"n": 1}


def test_a_run_keeps_its_newest_and_its_best(tmp_path: Path) -> None:
    chosen = SMALL | {"checkpoint_every": 32, "eval_every": 64}
    run = upright.train(TwoStepMatch, "ppo", out=tmp_path, keep=2, **chosen)
    means = {
        row["time/total_timesteps"]: row["eval/mean_reward"]
        for row in run.metrics()
        if "eval/mean_reward" in row
    }
    kept = [int(path.name) for path in checkpoint_folders(run.path / "checkpoints")]
    assert kept[:2] == [320, 288]
    best = max(mean for steps, mean in means.items())
    assert any(means.get(steps) == best for steps in kept)
    assert len(kept) <= 3


def test_after_a_resumption_the_best_of_before_is_still_kept(tmp_path: Path) -> None:
    saved(tmp_path, 2, [9.0, 1.0, 1.0])
    again = writer(tmp_path, 2)
    again.continue_from(checkpoint_of(3, WEIGHTS), [])
    for number in (4, 5, 6):
        again.checkpoint(checkpoint_of(number, WEIGHTS), 2.0)
    again.close()
    assert [int(name) for name in names(tmp_path)] == [1, 5, 6]


def test_an_episode_is_one_row(tmp_path: Path) -> None:
    target = writer(tmp_path)
    target.row(row(10), [Episode(1.5, 4, 0), Episode(-2.0, 6, 1)])
    target.row(row(20, 2), [])
    target.row(row(30, 3), [Episode(0.0, 5, 1)])
    target.close()
    assert lines(tmp_path / "episodes.jsonl") == [
        {"timesteps": 10, "iteration": 1, "env": 0, "return": 1.5, "length": 4},
        {"timesteps": 10, "iteration": 1, "env": 1, "return": -2.0, "length": 6},
        {"timesteps": 30, "iteration": 3, "env": 1, "return": 0.0, "length": 5},
    ]


@pytest.mark.parametrize("algo", ["ppo", "actor-critic", "reinforce"])
def test_the_episodes_add_up_to_the_metrics(tmp_path: Path, algo: str) -> None:
    chosen: dict[str, Any] = {"num_envs": 2, "hidden_sizes": [4], "total_timesteps": 600}
    if algo == "reinforce":
        chosen["num_episodes"] = 4
    run = upright.train("CartPole-v1", algo, preset="default", out=tmp_path, **chosen)
    played, seen = lines(run.path / "episodes.jsonl"), 0
    for each in run.metrics():
        own = [episode for episode in played if episode["iteration"] == each["iteration"]]
        seen += len(own)
        assert each["time/total_episodes"] == seen
        assert {episode["timesteps"] for episode in own} <= {each["time/total_timesteps"]}
        recent = [episode["return"] for episode in played[:seen]][-100:]
        if recent:
            assert each["rollout/ep_rew_mean"] == pytest.approx(sum(recent) / len(recent))
            assert each["rollout/ep_rew_std"] == pytest.approx(np.std(recent))
    assert len(played) == seen
    assert all(episode["return"] == episode["length"] for episode in played)
    total = sum(episode["length"] for episode in played)
    assert total <= run.info["timesteps"]
    if algo == "reinforce":
        assert total == run.info["timesteps"]
    assert {episode["env"] for episode in played} == {0, 1}


def test_logs_are_cut_to_what_a_checkpoint_knew(tmp_path: Path) -> None:
    target = writer(tmp_path)
    target.row(row(10), [Episode(1.0, 1, 0)])
    lengths = ((tmp_path / name).stat().st_size for name in ("metrics.jsonl", "episodes.jsonl"))
    known = replace(checkpoint_of(10, WEIGHTS), log=LogMarks.at(*lengths, None))
    target.row(row(20, 2), [Episode(2.0, 2, 0)])
    target.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"half a row')
    again = writer(tmp_path)
    again.continue_from(known, [row(10)])
    again.row(row(20, 2), [Episode(3.0, 3, 0)])
    again.close()
    assert [each["iteration"] for each in lines(tmp_path / "metrics.jsonl")] == [1, 2]
    assert [each["return"] for each in lines(tmp_path / "episodes.jsonl")] == [1.0, 3.0]


def test_a_run_stopped_between_checkpoints_loses_and_repeats_its_rows(tmp_path: Path) -> None:
    class Stops(Recorder):
        def iterated(self, iteration: Any, row: dict[str, Any]) -> None:
            if iteration.number == 5:
                raise KeyboardInterrupt

    chosen = SMALL | {"checkpoint_every": 96}
    with pytest.raises(KeyboardInterrupt):
        upright.train(ObsReward, "ppo", out=tmp_path / "a", listener=Stops(), **chosen)
    (folder,) = (tmp_path / "a" / "ObsReward").iterdir()
    assert len(Run(folder).metrics()) == 5
    resumed = upright.resume(folder, env=ObsReward)
    whole = upright.train(ObsReward, "ppo", out=tmp_path / "b", **chosen)
    for name in ("episodes.jsonl",):
        assert (resumed.path / name).read_bytes() == (whole.path / name).read_bytes()
    assert [each["iteration"] for each in resumed.metrics()] == list(range(1, 11))


def test_folders_are_numbered_and_nothing_is_overwritten(tmp_path: Path) -> None:
    found = [new_run_folder(tmp_path, recipe(), {"f": b"%d" % n}) for n in range(3)]
    assert [path.name for path in found] == ["ppo-s0", "ppo-s0-2", "ppo-s0-3"]
    assert [(path / "f").read_bytes() for path in found] == [b"0", b"1", b"2"]
    assert new_run_folder(tmp_path, recipe(seed=1), {}).name == "ppo-s1"
    (tmp_path / "CartPole-v1" / "ppo-s2").write_text("mine")
    assert new_run_folder(tmp_path, recipe(seed=2), {}).name == "ppo-s2-2"
    assert (tmp_path / "CartPole-v1" / "ppo-s2").read_text() == "mine"


def test_a_folder_appears_at_once_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, seen = Path.rename, []

    def rename(self: Path, target: Path) -> Path:
        seen.append((sorted(path.name for path in self.iterdir()), target.exists()))
        return honest(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    folder = new_run_folder(tmp_path, recipe(), {"a": b"1", "deep/b": b"2"})
    assert seen == [(["a", "checkpoints", "deep"], False)]
    assert (folder / "deep" / "b").read_bytes() == b"2"
    assert [path.name for path in folder.parent.iterdir()] == ["ppo-s0"]


def test_a_folder_that_cannot_be_made_whole_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UprightError, match="Cannot write the run below") as caught:
        new_run_folder(tmp_path, recipe(), {"a": b"1", "b": tmp_path / "missing"})
    assert "--out" in caught.value.hint
    assert list((tmp_path / "CartPole-v1").iterdir()) == []


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ("CartPole-v1", "CartPole-v1"),
        ("ale/Pong-v5", "ale--Pong-v5"),
        ("file.py:Env", "file.py-Env"),
        ("../up.py:Env", "up.py-Env"),
        ("<lambda>", "lambda"),
        ("...", "env"),
    ],
)
def test_any_name_of_an_environment_names_a_folder(env: str, name: str) -> None:
    assert folder_of(env, "runs") == Path("runs", name)


def test_a_copy_of_a_run_has_its_files_and_leaves_it_alone(tmp_path: Path, run_copy: Path) -> None:
    def files(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    before = files(run_copy)
    copies = [copy_of_run(run_copy, tmp_path / "out", recipe()) for _ in range(2)]
    assert [path.name for path in copies] == ["ppo-s0", "ppo-s0-2"]
    assert files(copies[0]) == files(copies[1]) == files(run_copy) == before


def test_a_disk_that_refuses_is_one_sentence_that_names_what_is_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = writer(tmp_path)
    target.checkpoint(checkpoint_of(1, WEIGHTS), None)
    target.settle()

    def full(*_: Any) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save", full)
        target.checkpoint(checkpoint_of(2, WEIGHTS), None)
        with pytest.raises(UprightError, match="No space left on device; the newest checkpoint is"):
            target.settle()
    target.close()
    assert names(tmp_path) == ["000000001"]


def test_closing_lets_others_in(tmp_path: Path) -> None:
    target = writer(tmp_path)
    with pytest.raises(UprightError, match="another process"):
        RunLock(tmp_path)
    target.close()
    RunLock(tmp_path).release()


def test_a_second_signal_while_a_checkpoint_is_awaited_lets_it_become_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Future[None], timeout: float | None = None) -> None:
        raise KeyboardInterrupt

    opened = writer(tmp_path)
    opened.checkpoint(checkpoint_of(64, policy_for("ppo").weights), None)
    with monkeypatch.context() as patch:
        patch.setattr(Future, "result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            opened.settle()
    opened.close()
    assert [path.name for path in checkpoint_folders(tmp_path / "checkpoints")] == ["000000064"]
