"""Searches: their folders, what is there already, kills, pruning, and what they leave."""

import contextlib
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import upright
from study.test_training import Heard, bytes_in
from upright.ground.lock import RunLock
from upright.runs.listing import find_runs
from upright.runs.run import Run
from upright.study import search_folder, trials
from upright.study.children import Children, SeedProgress
from upright.study.found import Search, TrialRow
from upright.study.outcome import SeedRow, cost_of
from upright.study.search_folder import opened_study

pytest.importorskip("optuna", reason="needs the extra tune")

TINY: dict[str, Any] = {
    "algo": "ppo", "preset": "default", "num_envs": 4, "num_steps": 32, "num_epochs": 1,
    "hidden_sizes": [8], "total_timesteps": 1024, "eval_every": 512, "eval_episodes": 10,
    "until": "budget", "media": False,
}  # fmt: skip
# Long enough to be caught in the midst of it.
LONGER = TINY | {"total_timesteps": 12_000, "eval_every": 3_000, "checkpoint_every": 2_000}
SPACE = """
[learning_rate]
low = 0.0001
high = 0.01
log = true

[gamma]
choices = [0.9, 0.99]
"""
# A bandit of thirty arms: what does not learn stays where it is.
BANDIT = """
import gymnasium as gym
import numpy as np

class Bandit(gym.Env):
    observation_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(30)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), -abs(float(action) - 17.0), True, False, {}
"""


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("space") / "space.toml"
    path.write_text(SPACE)
    return path


@pytest.fixture(scope="module")
def searched(
    tmp_path_factory: pytest.TempPathFactory, space: Path
) -> tuple[Search, Path, dict[str, Any]]:
    """Three trials of two seeds, two fresh ones; for reading only. And what it was called with."""
    out = tmp_path_factory.mktemp("searched")
    words = {"trials": 3, "confirm": 2, "space": space, "out": out, **TINY}
    return upright.search("CartPole-v1", jobs=2, **words), out, words


def states(found: Search) -> list[str]:
    return [row.state for row in found.trials]


def test_every_trial_is_runs_of_seeds_that_are_left_to_searches(
    searched: tuple[Search, Path, dict[str, Any]],
) -> None:
    found, out, _ = searched
    assert found.folder == out / "CartPole-v1" / "ppo"
    assert states(found) == ["finished"] * 3
    for row in found.trials:
        folder = Path(row.folder) / "CartPole-v1"
        for seed in (1_000_000, 1_000_001):
            run = upright.load(folder / f"ppo-s{seed}")
            assert (run.status, run.recipe.seed) == ("finished", seed)
            assert upright.verify(run).holds
            assert run.recipe == found.recipe.changed({**row.settings, "seed": seed})
    assert len(list(find_runs(out))) == 3 * 2 + 2


def test_the_first_trial_has_the_recipes_own_values(
    searched: tuple[Search, Path, dict[str, Any]],
) -> None:
    assert searched[0].trials[0].settings == {"learning_rate": 0.0003, "gamma": 0.99}
    assert all(row.settings["gamma"] in (0.9, 0.99) for row in searched[0].trials)


def test_the_best_is_left_as_a_config_file_and_confirmed_on_fresh_seeds(
    searched: tuple[Search, Path, dict[str, Any]], tmp_path: Path
) -> None:
    found, _, _ = searched
    assert found.best.mean == max(row.mean for row in found.trials if row.mean is not None)
    assert found.config.name == "best.toml"
    run = upright.train("CartPole-v1", config=found.config, out=tmp_path, seed=3, media=False)
    assert run.recipe == found.recipe.changed({"seed": 3})
    assert found.confirmation is not None
    assert [row.seed for row in found.confirmation.rows] == [0, 1]
    for each in found.confirmation.runs:
        assert each.recipe == found.recipe.changed({"seed": each.recipe.seed})
    assert len(found.confirmation.plot()._repr_png_()) > 1000  # type: ignore[attr-defined]
    count, best, worth = found.sentences()
    assert count == "3 trials: 3 came to an end."
    assert f"The best is trial {found.best.trial}: 0 of 2 seeds solved, mean return" in best
    assert worth == (
        "It was chosen as the best of 3, which flatters its own numbers. What counts is 2 seeds "
        "that the search never used:"
    )
    assert "that the search never used: Solved and verified: 0 of 2; Mean" in repr(found)


def test_the_same_search_is_read_and_more_trials_are_added(
    searched: tuple[Search, Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found, out, words = searched
    before, heard = bytes_in(out), Heard()
    with monkeypatch.context() as patch:
        patch.setattr(Children, "start", lambda *_: pytest.fail("a process was started"))
        again = upright.search("CartPole-v1", onlooker=heard, **words)
    assert again.as_dict() == found.as_dict()
    assert heard.changes == []
    assert heard.notes[0] == f"The search is in {found.folder}."
    after = bytes_in(out)
    assert {name for name in before if before[name] != after[name]} == set()
    shutil.copytree(out, tmp_path, dirs_exist_ok=True)
    others = {"trials": 4, "confirm": 0, "out": tmp_path}
    more = upright.search("CartPole-v1", **words | others)
    assert unplaced(more.trials[:3]) == unplaced(found.trials)
    assert len(more.trials) == 4
    assert "no fresh seed confirms it" in more.sentences()[-1]


def test_a_search_of_other_settings_gets_a_folder_of_its_own(
    searched: tuple[Search, Path, dict[str, Any]], tmp_path: Path
) -> None:
    _, there, words = searched
    out = tmp_path / "searches"
    shutil.copytree(there, out)
    (tmp_path / "other.toml").write_text("[gamma]\nchoices = [0.5]\n")
    before, heard = bytes_in(out / "CartPole-v1" / "ppo"), Heard()
    words = words | {"space": tmp_path / "other.toml", "trials": 1, "out": out, "confirm": 0}
    found = upright.search("CartPole-v1", seeds_per_trial=1, onlooker=heard, **words)
    assert found.folder == out / "CartPole-v1" / "ppo-2"
    assert heard.notes[1] == (
        f"{out / 'CartPole-v1'} has a search of other settings; it stays, beside the new one."
    )
    assert bytes_in(out / "CartPole-v1" / "ppo") == before


@pytest.mark.long
def test_where_there_is_something_to_solve_the_soonest_is_best(space: Path, tmp_path: Path) -> None:
    words = TINY | {"until": "solved", "reward_threshold": 5.0, "eval_every": 128}
    found = upright.search(
        "CartPole-v1", trials=3, seeds_per_trial=1, confirm=1, space=space, out=tmp_path, **words
    )
    assert [row.solved for row in found.trials] == [1, 1, 1]
    assert found.best.steps == min(row.steps for row in found.trials if row.steps is not None)
    assert found.confirmation is not None
    assert found.confirmation.sentences()[0] == "Solved and verified: 1 of 1"


def a_trial(*seeds: tuple[bool, float, int]) -> list[SeedRow]:
    return [
        SeedRow(n, "", solved, mean, steps, 0.0) for n, (solved, mean, steps) in enumerate(seeds)
    ]


def test_more_solved_seeds_come_first_then_fewer_steps_then_higher_returns() -> None:
    best_first = [
        a_trial((True, 480, 10), (True, 480, 990)),
        a_trial((True, 480, 1100), (True, 480, 1000)),  # an iteration may pass the budget
        a_trial((True, 480, 10), (False, 474, 1000)),
        a_trial((True, 480, 900), (False, 474, 10)),
        a_trial((False, 100.2, 10), (False, 100, 10)),
        a_trial((False, 150, 10), (False, 50, 10)),
        a_trial((False, 100, 10), (False, -150, 10)),
        a_trial((False, -1e6, 10), (False, -1e6, 10)),
    ]
    costs = [cost_of(rows, 1000, is_race=True) for rows in best_first]
    assert costs == sorted(costs)
    assert len(set(costs)) == len(costs)
    assert costs[0] == 500.0
    returns = [cost_of(rows, 1000, is_race=False) for rows in best_first]
    assert returns[4] == pytest.approx(-100.1)
    assert returns[4:] == sorted(returns[4:])


@pytest.fixture
def bandit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A search on the bandit in which one trial ends before others can be pruned."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(search_folder, "UNPRUNED_TRIALS", 1)
    (tmp_path / "bandit.py").write_text(BANDIT)
    (tmp_path / "rates.toml").write_text("[learning_rate]\nchoices = [0.0, 0.05]\n")
    (tmp_path / "base.toml").write_text("learning_rate = 0.05\n")
    small = {"total_timesteps": 5_120, "eval_every": 256, "num_epochs": 4}
    return TINY | small | {"space": "rates.toml", "config": "base.toml", "seeds_per_trial": 1}


@pytest.mark.long
def test_a_trial_behind_half_of_the_others_is_stopped_and_its_run_stays(
    bandit: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[int] = []
    stop = Children.stop

    def noted(self: Children, only: SeedProgress | None = None) -> None:
        stopped.append(-1 if only is None else only.number)
        stop(self, only)

    monkeypatch.setattr(Children, "stop", noted)
    heard = Heard()
    found = upright.search(
        "bandit.py:Bandit", trials=6, confirm=1, jobs=1, onlooker=heard, **bandit
    )
    lazy = [row for row in found.trials if row.settings["learning_rate"] == 0.0]
    assert lazy
    for row in found.trials:
        assert row.state == ("pruned" if row in lazy else "finished")
    assert stopped == [row.trial for row in lazy]
    assert ((lazy[0].trial, "pruned")) in heard.changes
    for row in lazy:
        run = upright.load(Path(row.folder) / "bandit.py-Bandit" / "ppo-s1000000", trust_code=True)
        assert run.status in ("interrupted", "finished")
        assert len(run.metrics()) > 0
    assert found.best.settings == {"learning_rate": 0.05}
    assert found.best.solved is None
    assert f"{len(lazy)} pruned, being worse than half of the others" in found.sentences()[0]


@pytest.mark.long
def test_draws_that_do_not_fit_together_are_a_trial_that_failed(tmp_path: Path) -> None:
    """Of a range only the ends, and the one beside the first, are tried before."""
    (tmp_path / "space.toml").write_text("[num_envs]\nlow = 1\nhigh = 16\n")
    words = {"num_episodes": 16, "total_timesteps": 64, "eval_episodes": 2, "media": False}
    words |= {"algo": "reinforce", "preset": "default", "space": tmp_path / "space.toml"}
    heard = Heard()
    found = upright.search(
        "CartPole-v1", trials=8, seeds_per_trial=1, confirm=0, out=tmp_path, onlooker=heard, **words
    )
    for row in found.trials:
        fits = 16 % row.settings["num_envs"] == 0
        assert row.state == ("finished" if fits else "failed")
        assert fits or "should be a multiple of num_envs" in row.error
    assert {"finished", "failed"} == set(states(found))
    assert found.failures.keys() == {
        f"trial {row.trial}" for row in found.trials if row.state == "failed"
    }


BROKEN = """
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

class Broken(CartPoleEnv):
    def step(self, action):
        raise RuntimeError("the pole broke")
"""


def test_where_no_trial_comes_to_its_end_it_is_said_why(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pole.py").write_text(BROKEN)
    with pytest.raises(upright.UprightError) as failed:
        upright.search("pole.py:Broken", trials=2, space=space, **TINY)
    assert "No trial came to its end in searches/pole.py-Broken/ppo: 2 trials: 2 failed." in str(
        failed.value
    )
    assert "the pole broke" in str(failed.value)


def test_after_its_time_no_trial_goes_on(space: Path, tmp_path: Path) -> None:
    words = TINY | {"total_timesteps": 10**8, "eval_every": 10**8}
    with pytest.raises(upright.UprightError, match=r"1 trial: 1 stopped before an end\."):
        upright.search("CartPole-v1", time="1s", jobs=1, space=space, out=tmp_path, **words)


def test_two_do_not_search_in_one_folder(
    searched: tuple[Search, Path, dict[str, Any]],
) -> None:
    found, _, words = searched
    lock = RunLock(found.folder)
    try:
        with pytest.raises(upright.UprightError, match=r"Another process searches in .*ppo"):
            upright.search("CartPole-v1", **words)
    finally:
        lock.release()


def test_without_optuna_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(upright.UprightError, match=r"pip install 'upright\[tune\]'"):
        upright.search("CartPole-v1", out=tmp_path, **TINY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"trials": 0}, "trials = 0 is out of range"),
        ({"trials": True}, "trials = True is out of range"),
        ({"seeds_per_trial": 0}, "seeds_per_trial = 0 is out of range"),
        ({"confirm": -1}, "confirm = -1 is out of range"),
        ({"seed": -1}, "seed = -1 is out of range"),
        ({"time": "soon"}, "'soon' is no time. Say it as 90s, 10m or 2h."),
        ({"time": "0s"}, "'0s' is no time."),
        ({"time": "10"}, "'10' is no time."),
        ({"jobs": 0}, "jobs = 0 is out of range"),
        ({"policy": max}, "search takes no policy."),
        ({"gamma": 2}, "gamma = 2 is out of range"),
        ({"network": "cnn"}, "There is no picture"),
        ({"learning_rate": 0.1, "gamma": 0.9}, "Nothing is left to search"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_made(
    words: dict[str, Any], said: str, space: Path, tmp_path: Path
) -> None:
    with pytest.raises(upright.UprightError) as refused:
        upright.search("CartPole-v1", **{"space": space, "out": tmp_path, **TINY, **words})
    assert said in str(refused.value)
    assert list(tmp_path.iterdir()) == []


class Searching:
    """`python -m upright search` of `LONGER`, one training at a time."""

    def __init__(self, out: Path, space: Path, trials: int = 3) -> None:
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in LONGER.items()
                 if name not in ("media", "hidden_sizes")]  # fmt: skip
        self.errors = out.parent / f"{out.name}.txt"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "upright", "search", "CartPole-v1", "--out", str(out),
                 "--no-media", "--hidden-sizes=8", "--jobs=1", "--confirm=1",
                 "--seeds-per-trial=1", f"--trials={trials}", "--space", str(space), *flags],
                stdout=subprocess.DEVNULL, stderr=errors, cwd=out.parent, start_new_session=True,
            )  # fmt: skip

    def reach(self, folder: Path, rows: int) -> None:
        """Wait for so many rows in a run's log."""
        log = folder / "CartPole-v1" / "ppo-s1000000" / "metrics.jsonl"
        while not log.exists() or log.read_bytes().count(b"\n") < rows:
            assert self.process.poll() is None, self.errors.read_text()
            time.sleep(0.002)


@pytest.fixture
def start() -> Iterator[Callable[..., Searching]]:
    """Starts them, and leaves none behind."""
    begun: list[Searching] = []

    def go(*args: Any, **options: Any) -> Searching:
        begun.append(Searching(*args, **options))
        return begun[-1]

    yield go
    for each in begun:
        each.process.kill()
        each.process.wait()


def going_on(out: Path, space: Path, trials: int = 3, **more: Any) -> Search:
    """The same search as `Searching`, to its end."""
    words = {"trials": trials, "seeds_per_trial": 1, "confirm": 1, "space": space, "out": out}
    return upright.search("CartPole-v1", jobs=1, **words, **LONGER, **more)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, space: Path) -> list[TrialRow]:
    """Trials that nothing stopped."""
    return list(going_on(tmp_path_factory.mktemp("undisturbed"), space).trials)


def unplaced(rows: Any) -> list[TrialRow]:
    return [row._replace(folder="") for row in rows]


@pytest.mark.long
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "SIGINT"])
def test_a_search_that_is_stopped_goes_on_as_if_it_never_was(
    start: Callable[..., Searching], space: Path, undisturbed: list[TrialRow], tmp_path: Path,
    signum: int,
) -> None:  # fmt: skip
    out = tmp_path / "searches"
    folder = out / "CartPole-v1" / "ppo"
    search = start(out, space)
    search.reach(folder / "trial-001", 20)
    search.process.send_signal(signum)
    code = search.process.wait()
    assert code == (-signum if signum == signal.SIGKILL else 128 + signum)
    first = bytes_in(folder / "trial-000")
    if signum == signal.SIGINT:
        assert "The same command goes on from where they stopped." in search.errors.read_text()
        assert "Traceback" not in search.errors.read_text()
    found = going_on(out, space)
    assert unplaced(found.trials) == unplaced(undisturbed)
    now = bytes_in(folder / "trial-000")
    assert first.items() <= now.items()  # the confirmation may be beside it
    for row in found.trials:
        runs = list((Path(row.folder) / "CartPole-v1").glob("ppo-s1000000*"))
        assert len(runs) == 1
        assert Run(runs[0]).status == "finished"


@pytest.mark.long
def test_a_line_that_a_kill_left_half_written_is_passed_over(
    space: Path, undisturbed: list[TrialRow], tmp_path: Path
) -> None:
    found = going_on(tmp_path, space, trials=2)
    journal = found.folder / "journal.log"
    with journal.open("ab") as file:
        file.write(b'{"op_code":4,"worker_id":"')
    (journal.parent / "journal.log.lock").symlink_to(journal)  # as Optuna's own lock is left
    assert unplaced(going_on(tmp_path, space).trials) == unplaced(undisturbed)


@pytest.mark.long
def test_a_journal_that_is_none_is_named(space: Path, tmp_path: Path) -> None:
    found = going_on(tmp_path, space, trials=1)
    (found.folder / "journal.log").write_text("no\njournal\n")
    with pytest.raises(upright.UprightError, match=r"journal\.log is garbled\. Move its folder"):
        going_on(tmp_path, space, trials=1)


def a_folder(journal: Path) -> None:
    journal.unlink()
    journal.mkdir()


def a_link(journal: Path) -> None:
    journal.unlink()
    journal.symlink_to("/dev/zero")


def an_operation_that_there_is_not(journal: Path) -> None:
    with journal.open("a") as file:
        file.write('{"op_code": 99}\n')


def a_last_line_that_is_none(journal: Path) -> None:
    with journal.open("a") as file:
        file.write("garbage\n")


@pytest.mark.parametrize(
    "spoil",
    [a_folder, a_link, an_operation_that_there_is_not, a_last_line_that_is_none],
    ids=lambda each: each.__name__.replace("_", " "),
)
def test_a_spoilt_journal_is_named_and_stays_as_it_is(
    searched: tuple[Search, Path, dict[str, Any]],
    tmp_path: Path,
    spoil: Callable[[Path], None],
) -> None:
    found, out, words = searched
    shutil.copytree(out, tmp_path / "out")
    journal = tmp_path / "out" / found.folder.relative_to(out) / "journal.log"
    spoil(journal)
    before = journal.read_bytes() if not (journal.is_dir() or journal.is_symlink()) else b""
    with pytest.raises(upright.UprightError, match=r"journal\.log") as said:
        upright.search("CartPole-v1", **words | {"out": tmp_path / "out", "trials": 5})
    assert said.value.message
    if before:
        assert journal.read_bytes() == before


@pytest.mark.long
def test_a_search_whose_description_is_none_is_passed_over(space: Path, tmp_path: Path) -> None:
    other = tmp_path / "CartPole-v1" / "ppo"
    other.mkdir(parents=True)
    (other / "search.json").write_text('{"recipe": 3}')
    found = going_on(tmp_path, space, trials=1)
    assert found.folder.name == "ppo-2"
    assert (other / "search.json").read_text() == '{"recipe": 3}'


def test_a_journal_that_cannot_be_written_is_named(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    backend = "optuna.storages.journal.JournalFileBackend.append_logs"
    monkeypatch.setattr(backend, full)
    with pytest.raises(upright.UprightError, match=r"^Cannot write into .*: No space left"):
        going_on(tmp_path, space, trials=1)


class KillsTheFirst(Heard):
    """Ends the process of the first training as soon as it writes."""

    def moved(self) -> None:
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if self.changes == [(0, "training")] and "upright.study.child" in child.cmdline():
                    child.kill()


def test_a_trial_whose_process_was_ended_has_not_failed(space: Path, tmp_path: Path) -> None:
    heard = KillsTheFirst()
    with pytest.raises(upright.UprightError, match="1 stopped before an end"):
        going_on(tmp_path, space, trials=1, onlooker=heard)
    assert heard.changes == [(0, "training"), (0, "failed")]
    assert states(going_on(tmp_path, space, trials=1)) == ["finished"]


def told(folder: Path) -> dict[int, Any]:
    """What the journal has of the trials that are over."""
    with opened_study(folder) as study:
        over = [each for each in study.get_trials() if each.state.is_finished()]
        return {each.number: (each.params, each.values, each.user_attrs) for each in over}


@pytest.mark.long
def test_a_trial_that_is_half_drawn_or_still_trained_elsewhere_has_not_failed(
    space: Path, undisturbed: list[TrialRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = going_on(tmp_path, space, trials=1).folder
    with opened_study(folder) as study:
        study.ask()  # and there it was killed
    before = told(folder)

    def busy(there: dict[int, Path]) -> None:
        raise upright.UprightError("Somebody trains it.")

    with monkeypatch.context() as patch:
        patch.setattr(trials, "refuse_busy", busy)
        with pytest.raises(upright.UprightError, match="Somebody trains it"):
            going_on(tmp_path, space, trials=2)
    assert told(folder) == before
    found = going_on(tmp_path, space, trials=2)
    assert unplaced(found.trials) == unplaced(undisturbed[:2])


@pytest.mark.long
def test_kills_at_random_moments_lose_no_trial_that_was_over(
    start: Callable[..., Searching], space: Path, undisturbed: list[TrialRow], tmp_path: Path
) -> None:
    out = tmp_path / "searches"
    folder, known, chance = out / "CartPole-v1" / "ppo", dict[int, Any](), random.Random(0)
    for _ in range(12):
        search = start(out, space)
        time.sleep(chance.uniform(0.5, 4.0))
        os.kill(search.process.pid, signal.SIGKILL)
        search.process.wait()
        if (folder / "journal.log").exists():
            now = told(folder)
            assert known.items() <= now.items()
            known = now
    assert unplaced(going_on(out, space).trials) == unplaced(undisturbed)
    assert json.loads((folder / "search.json").read_text())["seeds_per_trial"] == 1
