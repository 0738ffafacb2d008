"""Workers that are at fault, die, hang or freeze, and end; and what is refused before."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import upright
from probes.envs import ActionReward
from scale.engines import (
    Bad,
    DiesWhileMade,
    Exits,
    ExitsWhile,
    Hangs,
    HangsInClose,
    HangsOnce,
    HangsWhileMade,
    Raises,
    Strikes,
    Unmade,
    differing,
    interrupt_of_the_whole_group,
    job_of,
    own_module,
    workers_of_this,
)
from upright.cli import main
from upright.ground import State
from upright.ground.errors import UprightError
from upright.scale.engine import Lost, Reply, Unit
from upright.scale.processes import ProcessEngine
from upright.settings import resolve

SMALL: dict[str, Any] = {
    "preset": "default", "num_envs": 8, "num_steps": 16, "shards": 4, "backend": "sync", "seed": 0,
}  # fmt: skip


def trainer_of(env: Any, workers: int, **settings: Any) -> upright.Trainer:
    return upright.Trainer(env, "ppo", workers=workers, **SMALL | settings)


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upright.scale.processes.ProcessEngine.waits", (0.0,) * 3)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_environment_that_raises_is_named_by_its_number_among_all(workers: int) -> None:
    with closing(trainer_of(Raises, workers)) as trainer:
        with pytest.raises(UprightError) as raised:
            next(trainer)
        assert raised.value.message == (
            "Environment 5 (Raises): step() raised ValueError: a bug of mine."
        )
        with pytest.raises(UprightError, match="Environment 5"):  # and again, from where it stood
            next(trainer)
    assert workers_of_this() == []


def test_a_worker_is_told_where_a_shard_stands_only_where_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[State | None] = []
    send = Connection.send_bytes

    def listening(pipe: Any, message: Any) -> None:
        told.append(pickle.loads(message)[0].before)
        send(pipe, message)

    monkeypatch.setattr(Connection, "send_bytes", listening)
    with closing(trainer_of(Bad, 0)) as trainer:
        engine = ProcessEngine(job_of(trainer), 1)
        engine.publish(trainer.policy.weights)

        def answer(version: int, before: State) -> Reply:
            engine.submit(0, Unit(version, 0, before))
            came = engine.wait(60.0)
            assert came is not None
            assert isinstance(came[1], Reply)
            return came[1]

        first = answer(0, State())
        stood = answer(1, first.after)
        replayed = answer(1, first.after)  # it stands elsewhere by now
        engine.end(0)
        again = answer(1, first.after)  # and so does one that has just begun
        engine.close()
    assert [before is None for before in told] == [False, True, False, False]
    for other in (replayed, again):
        assert other.after.same_as(stood.after)
        assert rows_of(other) == rows_of(stood)


def rows_of(reply: Reply) -> dict[str, bytes]:
    assert reply.rollout is not None
    return {name: rows.tobytes() for name, rows in reply.rollout.arrays().items()}


@pytest.mark.usefixtures("_at_once")
def test_a_worker_that_dies_again_and_again_ends_the_run_in_a_sentence() -> None:
    with closing(trainer_of(Exits, 2)) as trainer, pytest.raises(UprightError) as raised:
        next(trainer)
    assert raised.value.message == (
        "Worker 0 was lost 4 times over shard 2 (environments 4 to 5); the last time, its process "
        "ended with exit code 3."
    )
    assert "upright resume" in raised.value.hint
    assert workers_of_this() == []


def test_what_only_a_worker_cannot_make_is_said_in_its_own_words(
    capfd: pytest.CaptureFixture[str],
) -> None:
    trainer_of(Unmade, 0).close()
    with closing(trainer_of(Unmade, 2)) as trainer, pytest.raises(UprightError) as raised:
        next(trainer)
    assert raised.value.message == "Cannot make Unmade: OSError: no licence here."
    assert workers_of_this() == []
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize(
    ("env", "said"),
    [
        (DiesWhileMade, "its process ended with exit code 3"),
        pytest.param(HangsWhileMade, "has not answered for 4 s", marks=pytest.mark.long),
    ],
)
def test_a_worker_that_does_not_come_to_its_first_step_ends_the_run_in_a_sentence(
    env: Any, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    chosen = trainer_of(env, 1, env_timeout=2.0)
    with closing(chosen) as trainer, pytest.raises(UprightError, match=said):
        next(trainer)
    assert workers_of_this() == []
    assert capfd.readouterr().err == ""


def test_a_worker_that_does_not_close_spoils_nothing() -> None:
    with closing(trainer_of(HangsInClose, 1)) as trainer:
        next(trainer)
    assert workers_of_this() == []


@pytest.mark.long
@pytest.mark.usefixtures("_at_once")
def test_a_run_that_lost_too_many_workers_goes_on_where_it_was(tmp_path: Path) -> None:
    note = tmp_path / "note"
    chosen: dict[str, Any] = SMALL | {
        "env_kwargs": {"note": str(note)}, "workers": 1, "total_timesteps": 1024,
        "checkpoint_every": 128, "until": "budget", "reward_threshold": 9.0,
    }  # fmt: skip
    whole = upright.train(ExitsWhile, "ppo", out=tmp_path / "whole", **chosen)
    note.touch()
    with pytest.raises(UprightError, match="its process ended with exit code 3"):
        upright.train(ExitsWhile, "ppo", out=tmp_path / "lost", **chosen)
    (folder,) = (path.parent for path in (tmp_path / "lost").glob("*/*/run.json"))
    assert upright.load(folder, ExitsWhile).status == "failed"
    assert upright.load(folder, ExitsWhile).checkpoints
    note.unlink()
    upright.resume(folder, ExitsWhile, workers=0)
    assert differing(whole.path, folder) == []


@pytest.mark.skipif(not find_spec("torch"), reason="needs the extra torch")
@pytest.mark.long
def test_a_network_of_ones_own_acts_in_workers_if_they_can_import_it() -> None:
    def trainer(workers: int, policy: Any) -> upright.Trainer:
        return upright.Trainer("CartPole-v1", "ppo", policy=policy, workers=workers, **SMALL)

    assert courses(trainer(0, own_module)) == courses(trainer(1, own_module))
    with pytest.raises(UprightError, match="No worker process can import the policy <lambda>"):
        trainer(1, lambda space, params: own_module(space, params))


@pytest.mark.long
@pytest.mark.usefixtures("_at_once")
def test_a_worker_that_always_hangs_ends_the_run_in_a_sentence() -> None:
    chosen = trainer_of(Hangs, 1, env_timeout=2.0)
    with closing(chosen) as trainer, pytest.raises(UprightError, match="has not answered for 4 s"):
        next(trainer)


def courses(*trainers: upright.Trainer, count: int = 3) -> list[list[Any]]:
    found = []
    for trainer in trainers:
        with closing(trainer):
            found.append([next(trainer) for _ in range(count)])
    return found


@pytest.mark.usefixtures("_at_once")
def test_a_worker_that_hangs_is_killed_and_its_unit_done_by_another(tmp_path: Path) -> None:
    kwargs = {"note": str(tmp_path / "hung")}
    there = trainer_of(HangsOnce, 2, env_kwargs=kwargs, env_timeout=3.0)
    hung, sound = courses(there, trainer_of(Bad, 0))
    assert hung == sound
    notes = [note for each in hung for note in each.notes]
    assert any("its process has not answered for 3 s. Another takes" in note for note in notes)


@pytest.mark.usefixtures("_at_once")
def test_a_worker_that_is_stopped_is_as_good_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    Strikes(monkeypatch, {5}, how=signal.SIGSTOP)
    here, there = trainer_of(Bad, 0), trainer_of(Bad, 2, env_timeout=3.0)
    assert courses(here)[0] == courses(there)[0]
    assert workers_of_this() == []


@pytest.mark.long
def test_a_frozen_worker_does_not_freeze_who_sends_it_more_than_a_pipe_holds() -> None:
    with closing(trainer_of(Bad, 0)) as trainer:
        engine = ProcessEngine(job_of(trainer), 1, 0.3)
        engine.publish(trainer.policy.weights)
        engine.submit(0, Unit(0, 0, State(), seconds=60.0))
        (came,) = [engine.wait(60.0)]
        assert came is not None
        assert isinstance(came[1], Reply)
        (worker,) = workers_of_this()
        os.kill(worker.pid, signal.SIGSTOP)
        engine.publish({"much": np.zeros(10_000_000)})
        engine.submit(0, Unit(1, 0, came[1].after, seconds=60.0))
        found = engine.wait(60.0)
        assert found is not None
        assert isinstance(found[1], Lost)
        engine.close()
    assert workers_of_this() == []


@pytest.mark.long
def test_workers_that_were_lost_while_nobody_asked_them_are_replaced() -> None:
    here, there = trainer_of(Bad, 0), trainer_of(Bad, 2)
    with closing(here), closing(there):
        assert next(here) == next(there)
        for worker in workers_of_this():
            worker.kill()
            worker.join()
        assert next(here) == next(there)


def test_there_are_no_more_workers_than_shards() -> None:
    with closing(trainer_of(Bad, 9, shards=2)) as trainer:
        next(trainer)
        assert len(workers_of_this()) == 2


def test_an_id_that_this_process_registered_is_known_to_its_workers(easy: str) -> None:
    here, there = trainer_of(easy, 0), trainer_of(easy, 1)
    assert courses(here)[0] == courses(there)[0]


OWN = """
    import gymnasium as gym
    from probes.envs import ActionReward
    class Mine(ActionReward): pass
    gym.register("Mine-v0", entry_point=Mine)
"""


@pytest.mark.parametrize("how", ["named", "imported"])
def test_a_file_that_is_named_or_imported_is_so_by_every_worker(tmp_path: Path, how: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(textwrap.dedent(OWN))
    env = f"{file}:Mine" if how == "named" else "Mine-v0"
    imports = {} if how == "named" else {"imports": [str(file)]}
    here, there = (trainer_of(env, workers, **imports) for workers in (0, 1))
    assert courses(here)[0] == courses(there)[0]
    gym.registry.pop("Mine-v0", None)


@pytest.mark.parametrize(
    ("env", "named"),
    [(lambda: Bad(), "<lambda>"), (type("Unknown", (Bad,), {}), "Unknown")],
    ids=["a lambda", "a class of nowhere"],
)
def test_environments_that_no_worker_can_import_are_refused(env: Any, named: str) -> None:
    trainer_of(env, 0).close()
    with pytest.raises(UprightError, match=f"No worker process can import the environment {named}"):
        trainer_of(env, 1)


def test_so_is_an_id_whose_class_no_worker_can_import() -> None:
    gym.register("Nowhere-v0", lambda: ActionReward())
    with pytest.raises(UprightError, match="can import the environment Nowhere-v0: it is defined"):
        trainer_of("Nowhere-v0", 1)
    del gym.registry["Nowhere-v0"]


def test_so_are_workers_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
    with pytest.raises(UprightError, match="may not have workers of its own"):
        trainer_of(Bad, 1)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a width that is none": ({"shards": 3}, r"num_envs \(8\) should be a multiple of shards \(3\)"),
    "too many": ({"shards": 513}, "shards = 513 is out of range"),
    "less than none": ({"workers": -1}, "workers = -1 is out of range"),
    "nothing to share": ({"shards": 0, "workers": 2}, "nothing for 2 workers to collect"),
}


@pytest.mark.parametrize(("settings", "said"), REFUSED.values(), ids=REFUSED)
def test_settings_that_do_not_go_with_shards_are_refused(
    settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UprightError, match=said):
        upright.Trainer("CartPole-v1", "ppo", **SMALL | settings)


def test_so_is_a_backend_that_is_not_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upright.envs.vector.RESTORABLE", {})
    with pytest.raises(UprightError, match="The backend vector cannot restore its episodes"):
        upright.Trainer("CartPole-v1", "ppo", **SMALL | {"backend": "vector"})


def test_so_is_a_rollout_beyond_the_machines_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upright.rollout.collector.memory_bytes", lambda: 17 * 8 * 4 * 4 - 1)
    with pytest.raises(UprightError, match="The observations of one rollout are"):
        upright.Trainer("CartPole-v1", "ppo", **SMALL)


def test_another_number_of_workers_is_no_other_recipe() -> None:
    chosen = {"preset": "default", "shards": 2}
    one, other = (resolve("CartPole-v1", "ppo", workers=n, **chosen) for n in (0, 2))
    assert other.changed({"workers": 0}) == one
    assert one.flat()["shards"] == 2


def test_the_command_line_says_where_it_collects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--preset", "default", "--total-timesteps", "512", "--num-envs", "8"]
    out = ["--out", str(tmp_path), "--no-media"]
    assert main(["train", "CartPole-v1", *words, "--shards", "4", "--workers", "1", *out]) == 0
    assert "8 environments (vector, 4 shards in 1 worker)" in capsys.readouterr().err
    assert main(["train", "CartPole-v1", *words, "--workers", "1", *out]) == 2
    assert "There is nothing for 1 worker to collect" in capsys.readouterr().err
    assert len(list(tmp_path.glob("*/*"))) == 1


SCRIPT = """
    import multiprocessing, sys, time
    import upright
    from scale import engines
    trainer = upright.Trainer({env}, "ppo", preset="default", num_envs=8, num_steps=16, shards=4,
                              seed=0, backend="sync", workers=2)
    {before}
    print(*[each.pid for each in multiprocessing.active_children()], flush=True)
    {after}
"""
PLAYING = "next(trainer)"
THREAD = "import threading; threading.Thread(target=next, args=(trainer,), daemon=True).start()"
WAITING = "time.sleep(3)"


def driver(env: str, before: str, after: str) -> tuple["subprocess.Popen[str]", list[int]]:
    """A script of one's own without a guard, and its workers once it has said them."""
    text = textwrap.dedent(SCRIPT).format(env=env, before=before, after=after)
    tests = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", text],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([tests, *sys.path])},
        start_new_session=True,
    )
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


def are_gone(pids: list[int]) -> bool:
    """Whether none of these runs, at the latest after a while."""
    for _ in range(200):
        if not any(_runs(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def killed(process: "subprocess.Popen[str]") -> None:
    process.kill()


def left(process: "subprocess.Popen[str]") -> None:
    """It comes to its end by itself, and closes nothing."""


ENDS: dict[str, tuple[str, str, str, Callable[[Any], None]]] = {
    "killed": ("'CartPole-v1'", PLAYING, "time.sleep(1000)", killed),
    "killed while an environment hangs": (
        "engines.Hangs",
        f"{THREAD}; {WAITING}",
        "time.sleep(1000)",
        killed,
    ),
    "at its end": ("'CartPole-v1'", PLAYING, "pass", left),
    "at its end by an error": ("'CartPole-v1'", PLAYING, "raise SystemExit(1)", left),
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("env", "before", "after", "end"), ENDS.values(), ids=ENDS)
def test_workers_end_with_their_driver_however_it_ends(
    env: str, before: str, after: str, end: Callable[[Any], None]
) -> None:
    process, pids = driver(env, before, after)
    assert len(pids) == 2, process.communicate()[1]
    end(process)
    process.communicate()
    assert are_gone(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_interrupt_of_the_whole_group_is_the_drivers_affair(tmp_path: Path) -> None:
    interrupt_of_the_whole_group(tmp_path)
