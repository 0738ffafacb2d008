"""Another budget: what moves, what stays, what is said, and what is refused."""

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import upright
from hostile import rehash
from probes.envs import ObsReward
from support import Recorder, same_weights, untimed, weights_of
from upright.classes import Trainer
from upright.cli import Parser
from upright.cli.verbs.train import add_arguments
from upright.ground.errors import UprightError
from upright.runs.folder import checkpoint_folders
from upright.runs.run import Run
from upright.settings.budget import with_budget
from upright.settings.hyperparameters import Schedule
from upright.settings.recipe import Recipe
from upright.settings.resolving import read_recipe, resolve

SMALL: dict[str, Any] = {
    "preset": "default",
    "num_envs": 4,
    "num_steps": 16,
    "num_epochs": 1,
    "hidden_sizes": [8],
}
STAYS = "No setting moves with the budget."


class Notes(Recorder):
    """Keeps the notes of a resumption, and whether it was finished already."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.finished: list[dict[str, Any]] = []

    def resumed(self, trainer: Any, folder: Path, notes: Sequence[str]) -> None:
        self.folder, self.notes = folder, list(notes)

    def already_finished(self, folder: Path, summary: dict[str, Any]) -> None:
        self.finished.append(summary)


def recipe(**settings: Any) -> Recipe:
    return resolve("CartPole-v1", "ppo", **(SMALL | {"total_timesteps": 1000} | settings))


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def trained(out: Path, env: Any = ObsReward, **settings: Any) -> Run:
    chosen = SMALL | {"total_timesteps": 128, "learning_rate": 0.01} | settings
    return upright.train(env, "ppo", out=out, **chosen)


def test_a_larger_budget_is_said_and_keeps_every_interval() -> None:
    before = recipe()
    after, notes = with_budget(before, 4000, spent=1000)
    assert notes == ["The budget is now 4,000 timesteps (it was 1,000).", STAYS]
    assert after.settings.total_timesteps == 4000
    assert after.timesteps_between_checkpoints == before.timesteps_between_checkpoints == 50
    assert after.settings.timesteps_between_evaluations == 50
    changed = {"total_timesteps": 4000, "eval_every": 50, "checkpoint_every": 50}
    assert after.flat() == before.flat() | changed


def test_intervals_that_were_given_stay() -> None:
    after, _ = with_budget(recipe(checkpoint_every=7, eval_every=9), 4000, spent=1000)
    assert (after.checkpoint_every, after.settings.eval_every) == (7, 9)


def test_a_smaller_budget_that_is_not_spent_will_do() -> None:
    after, notes = with_budget(recipe(), 900, spent=512)
    assert after.settings.total_timesteps == 900
    assert notes[0] == "The budget is now 900 timesteps (it was 1,000)."


@pytest.mark.parametrize("total", [1, 999, 1000])
def test_a_budget_that_is_spent_is_refused(total: int) -> None:
    with pytest.raises(UprightError) as caught:
        with_budget(recipe(), total, spent=1000)
    assert caught.value.message == (
        f"{total:,} timesteps are no more than the 1,000 that are behind the run."
    )


def test_a_budget_of_episodes_is_refused() -> None:
    with pytest.raises(
        UprightError, match="ends after 2,000 episodes, not at a timestep"
    ) as caught:
        with_budget(recipe(total_episodes=2000), 4000, spent=1000)
    assert "total_episodes" in caught.value.hint


def test_schedules_keep_to_their_line_and_that_is_said() -> None:
    before = recipe(learning_rate="0.01:0.001", clip_range="0.3:0")
    after, notes = with_budget(before, 4000, spent=500)
    assert after.settings.schedule_timesteps == 1000
    assert notes[1:] == [
        "learning_rate moves from 0.01 to 0.001 over the first 1,000 timesteps, as before, and "
        "stays there.",
        "clip_range moves from 0.3 to 0 over the first 1,000 timesteps, as before, and stays "
        "there.",
    ]
    again, notes = with_budget(after, 8000, spent=4000)
    assert again.settings.schedule_timesteps == 1000
    assert "over the first 1,000 timesteps" in notes[1]


def test_a_line_that_was_given_stays() -> None:
    after, notes = with_budget(
        recipe(learning_rate="0.01:0.001", schedule_timesteps=300), 4000, spent=1000
    )
    assert after.settings.schedule_timesteps == 300
    assert "over the first 300 timesteps" in notes[1]


def test_a_learning_rate_that_is_0_at_the_old_end_is_refused_beyond_it() -> None:
    falling = recipe(learning_rate="0.01:0")
    with pytest.raises(UprightError, match="learning_rate falls to 0 at 1,000 timesteps"):
        with_budget(falling, 1001, spent=1000)
    after, _ = with_budget(falling, 900, spent=500)
    assert after.settings.schedule_timesteps == 1000
    longer = recipe(learning_rate="0.01:0", schedule_timesteps=5000)
    assert with_budget(longer, 4000, spent=1000)[0].settings.schedule_timesteps == 5000
    with pytest.raises(UprightError, match="falls to 0 at 5,000 timesteps"):
        with_budget(longer, 6000, spent=1000)


def test_a_constant_learning_rate_of_0_is_no_schedule() -> None:
    _, notes = with_budget(recipe(learning_rate=0.0), 4000, spent=1000)
    assert notes[1:] == [STAYS]


def test_schedules_follow_schedule_timesteps_and_then_stay() -> None:
    chosen = SMALL | {"num_envs": 4, "num_steps": 16}
    trainer = Trainer(
        ObsReward,
        "ppo",
        total_timesteps=64 * 5,
        schedule_timesteps=128,
        learning_rate="0.01:0.002",
        **chosen,
    )
    assert trainer.schedule_progress == 0.0
    rates = [each.metrics["train/learning_rate"] for each in trainer]
    trainer.close()
    assert rates == pytest.approx([0.01, 0.006, 0.002, 0.002, 0.002], abs=1e-12)
    assert trainer.schedule_progress == trainer.progress == 1.0


def test_without_schedule_timesteps_schedules_follow_the_budget() -> None:
    trainer = Trainer(ObsReward, "ppo", total_timesteps=256, **SMALL)
    next(trainer)
    assert trainer.schedule_progress == trainer.progress == 0.25
    trainer.close()


def test_a_line_longer_than_the_budget_is_not_walked_to_its_end() -> None:
    trainer = Trainer(ObsReward, "ppo", total_timesteps=128, schedule_timesteps=256, **SMALL)
    assert len(list(trainer)) == 2
    trainer.close()
    assert trainer.schedule_progress == 0.5


def test_a_finished_run_is_returned_untouched(tmp_path: Path) -> None:
    run = trained(tmp_path)
    before, stamps = everything_in(run.path), run.path.stat().st_mtime_ns
    for total in (None, 128):
        listener = Notes()
        same = upright.resume(
            run.path, env=ObsReward, total_timesteps=total, out=tmp_path / "no", listener=listener
        )
        assert (same.path, same.status) == (run.path, "finished")
        assert [summary["timesteps"] for summary in listener.finished] == [128]
        assert listener.rows == listener.notes == []
    after = everything_in(run.path)
    after.pop(".lock", None)
    before.pop(".lock", None)
    assert after == before
    assert not (tmp_path / "no").exists()
    assert run.path.stat().st_mtime_ns >= stamps


def test_past_its_end_a_run_is_the_one_of_the_larger_budget(tmp_path: Path) -> None:
    listener = Notes()
    run = trained(tmp_path / "a", learning_rate="0.01:0.004", eval_every=64)
    longer = upright.resume(run.path, env=ObsReward, total_timesteps=320, listener=listener)
    assert longer.info["timesteps"] == 320
    assert listener.notes == [
        "Going on from step 128.",
        "The budget is now 320 timesteps (it was 128).",
        "learning_rate moves from 0.01 to 0.004 over the first 128 timesteps, as before, and "
        "stays there.",
    ]
    assert longer.info["resumptions"][0]["notes"] == listener.notes
    whole = trained(
        tmp_path / "b",
        learning_rate="0.01:0.004",
        schedule_timesteps=128,
        total_timesteps=320,
        eval_every=64,
    )
    assert same_weights(weights_of(longer.policy), weights_of(whole.policy))
    assert list(map(untimed, longer.metrics())) == list(map(untimed, whole.metrics()))


def test_settings_and_command_are_rewritten_truly(tmp_path: Path) -> None:
    run = trained(tmp_path, env="CartPole-v1", learning_rate="0.01:0.004")
    longer = upright.resume(run.path, total_timesteps=256)
    written = read_recipe(longer.path / "settings.toml")
    assert written.settings.total_timesteps == 256
    assert written.settings.schedule_timesteps == 128
    assert written.settings.learning_rate == Schedule(0.01, 0.004)
    assert written.settings.eval_every == written.checkpoint_every == 128 // 20
    _, _, *words = shlex.split((longer.path / "command.txt").read_text())
    parser = Parser()
    add_arguments(parser)
    typed = vars(parser.parse_strictly(words))
    for name in ("config", "out", "json", "trust_code", "no_media", "quiet"):
        typed.pop(name)
    given = {name: value for name, value in typed.items() if value is not None}
    assert resolve(**given) == written
    again = upright.train(config=longer.path / "settings.toml", out=tmp_path / "again")
    assert same_weights(weights_of(again.policy), weights_of(longer.policy))


def test_the_rest_of_the_record_follows_the_new_end(tmp_path: Path) -> None:
    run = trained(tmp_path, env="CartPole-v1")
    first = json.loads((run.path / "evaluation.json").read_text())
    longer = upright.resume(run.path, total_timesteps=256)
    record = json.loads((longer.path / "evaluation.json").read_text())
    assert longer.info["status"] == "finished"
    assert longer.info["mean_return"] == record["mean"]
    assert first["timesteps"] < 256
    numbers = [row["iteration"] for row in longer.metrics()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert longer.verdict().proof.mean == record["mean"]


def test_a_solved_run_goes_on_until_its_new_budget(tmp_path: Path, easy: str) -> None:
    chosen = {"hidden_sizes": [16], "gamma": 0.5, "learning_rate": 0.05, "total_timesteps": 10_000}
    run = trained(tmp_path, env=easy, eval_every=512, **chosen)
    assert run.solved
    stopped = run.info["timesteps"]
    assert stopped < 10_000
    listener = Notes()
    longer = upright.resume(run.path, total_timesteps=stopped + 256, listener=listener)
    assert listener.notes[-1] == ("The policy is verified already; until = budget from here on.")
    assert longer.recipe.until == "budget"
    assert longer.info["timesteps"] >= stopped + 256
    assert longer.solved
    assert longer.verdict_record()["timesteps"] <= stopped


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "spent": ({}, 64, "64 timesteps are no more than the 128 that are behind the run"),
    "episodes": ({"total_episodes": 20}, 4000, "ends after 20 episodes"),
    "rate": ({"learning_rate": "0.01:0"}, 4000, "learning_rate falls to 0 at 128 timesteps"),
}


@pytest.mark.parametrize(("settings", "total", "said"), REFUSED.values(), ids=REFUSED)
def test_a_budget_that_will_not_do_changes_nothing(
    tmp_path: Path, settings: dict[str, Any], total: int, said: str
) -> None:
    run = trained(tmp_path, **settings)
    before = everything_in(run.path)
    with pytest.raises(UprightError, match=said):
        upright.resume(run.path, env=ObsReward, total_timesteps=total)
    assert everything_in(run.path) == before
    # Nothing stays locked either.
    assert upright.resume(run.path, env=ObsReward).status == "finished"


@pytest.mark.parametrize("total", [0, -5])
def test_a_budget_that_is_no_count_is_refused(tmp_path: Path, total: int) -> None:
    run = trained(tmp_path)
    with pytest.raises(UprightError):
        upright.resume(run.path, env=ObsReward, total_timesteps=total)


def test_other_operating_settings_are_recorded_with_the_budget(tmp_path: Path) -> None:
    run = trained(tmp_path)
    longer = upright.resume(
        run.path, env=ObsReward, total_timesteps=256, keep=1, checkpoint_every=64
    )
    written = read_recipe(longer.path / "settings.toml")
    assert (written.keep, written.checkpoint_every) == (1, 64)


@pytest.mark.parametrize("change", [{"gamma": 0.5}, {"seed": 3}, {"algo": "reinforce"}])
def test_what_would_change_the_learning_is_no_word_of_a_resumption(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    run = trained(tmp_path)
    before = run.recipe
    with pytest.raises(TypeError):
        upright.resume(run.path, env=ObsReward, total_timesteps=256, **change)
    assert read_recipe(run.path / "settings.toml") == before


def test_a_run_that_is_not_finished_takes_a_smaller_budget_too(tmp_path: Path) -> None:
    class Stops(Recorder):
        def iterated(self, iteration: Any, row: dict[str, Any]) -> None:
            if iteration.number == 2:
                raise KeyboardInterrupt

    make: Callable[[], gym.Env[Any, Any]] = ObsReward
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, env=make, total_timesteps=640, checkpoint_every=64, listener=Stops())
    (folder,) = (tmp_path / "ObsReward").iterdir()
    assert upright.load(folder).status == "interrupted"
    assert upright.resume(folder, env=ObsReward, total_timesteps=192).info["timesteps"] == 192


@pytest.mark.parametrize("left", [0, 1])
def test_rows_that_someone_took_from_the_logs_are_missed_aloud(tmp_path: Path, left: int) -> None:
    class Notes(Recorder):
        said: Sequence[str] = ()

        def resumed(self, trainer: Any, folder: Path, notes: Sequence[str]) -> None:
            self.said = notes

    run = trained(tmp_path)
    kept, path = run.metrics()[:left], run.path / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.unlink()
    if left:
        path.write_bytes(lines[0])
    listener = Notes()
    longer = upright.resume(run.path, env=ObsReward, total_timesteps=256, listener=listener)
    assert any("metrics.jsonl lacks rows" in note for note in listener.said)
    assert not any("episodes.jsonl lacks" in note for note in listener.said)
    assert longer.metrics()[:left] == kept
    assert len(longer.metrics()) > left


def test_a_torn_newer_checkpoint_does_not_push_out_what_is_written_after_it(tmp_path: Path) -> None:
    run = trained(tmp_path, checkpoint_every=64)
    torn = next(checkpoint_folders(run.path / "checkpoints"))
    (torn / "manifest.json").write_text("{")
    longer = upright.resume(run.path, env=ObsReward, total_timesteps=640, keep=1)
    kept = list(checkpoint_folders(longer.path / "checkpoints"))
    assert kept[0].name == f"{longer.info['timesteps']:09d}"
    for folder in kept:
        longer.checkpoint(folder)


def test_a_run_solved_early_goes_on_to_its_own_budget_when_that_is_named(
    tmp_path: Path, easy: str
) -> None:
    quick = {"learning_rate": 0.02, "gamma": 0.5, "eval_every": 128, "total_timesteps": 6000}
    run = trained(tmp_path, env=easy, **quick)
    assert run.solved
    assert run.info["timesteps"] < 6000
    before = run.verdict_record()
    longer = upright.resume(run.path, total_timesteps=6000)
    assert longer.info["timesteps"] >= 6000
    assert longer.recipe.until == "budget"
    assert longer.verdict_record()["weights_sha256"] == before["weights_sha256"]


@pytest.mark.parametrize(("before", "after"), [("vector", "sync"), ("sync", "vector")])
def test_a_backend_of_the_other_kind_is_said_and_gone_on_with(
    tmp_path: Path, before: str, after: str
) -> None:
    run = trained(tmp_path, env="CartPole-v1", backend=before)
    settings = run.path / "settings.toml"
    settings.write_text(settings.read_text().replace(f'"{before}"', f'"{after}"'))
    listener = Notes()
    longer = upright.resume(run.path, total_timesteps=256, listener=listener)
    assert any(f"backend {before} there, {after} here" in note for note in listener.notes)
    assert any("every environment begins a new episode" in note for note in listener.notes)
    assert longer.info["timesteps"] >= 256


def whole_text(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("spoilt", ["a preset", "a row", "a mark"])
def test_a_resume_that_is_refused_changes_nothing(run_copy: Path, spoilt: str) -> None:
    if spoilt == "a preset":
        path = run_copy / "settings.toml"
        path.write_text(path.read_text().replace('preset = "default"', 'preset = "mine"'))
    elif spoilt == "a row":
        (run_copy / "episodes.jsonl").unlink()
        path = run_copy / "metrics.jsonl"
        path.write_text(path.read_text().replace('"iteration"', '"iteratiom"', 1))
    else:
        for state in run_copy.glob("checkpoints/*/state.json"):
            state.write_text(state.read_text().replace('"metrics.jsonl_bytes"', '"metrics"'))
            rehash(state.parent)
    before = whole_text(run_copy)
    with pytest.raises(UprightError):
        upright.resume(run_copy, total_timesteps=4096)
    assert whole_text(run_copy) == before
