"""One writer at a time; a process that dies lets go."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from upright.ground.errors import UprightError
from upright.ground.lock import LOCK_FILE, RunLock, is_alive, status_of

FORK = multiprocessing.get_context("fork")


def hold(folder: Path, pipe: Connection) -> None:
    lock = RunLock(folder)
    pipe.send("held")
    pipe.recv()
    lock.release()
    pipe.send("released")
    pipe.recv()
    os._exit(0)


def die(folder: Path, pipe: Connection) -> None:
    lock = RunLock(folder)
    pipe.send("held")
    pipe.recv()
    assert lock is not None
    os._exit(1)


def begin(act: Callable[[Path, Connection], None], folder: Path) -> tuple[FORK.Process, Connection]:
    here, there = FORK.Pipe()
    process = FORK.Process(target=act, args=(folder, there), daemon=True)
    process.start()
    assert here.recv() == "held"
    return process, here


def test_a_folder_that_is_locked_is_refused_within_the_process(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with pytest.raises(UprightError, match="is being trained by another process") as caught:
        RunLock(tmp_path)
    assert str(tmp_path) in caught.value.message
    lock.release()
    RunLock(tmp_path).release()


def test_another_folder_is_another_lock(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, other = RunLock(tmp_path), RunLock(tmp_path / "other")
    one.release()
    assert is_alive(tmp_path / "other")
    other.release()


def test_another_process_is_kept_out_until_it_is_let_in(tmp_path: Path) -> None:
    process, pipe = begin(hold, tmp_path)
    assert is_alive(tmp_path)
    with pytest.raises(UprightError, match="another process"):
        RunLock(tmp_path)
    pipe.send("release")
    assert pipe.recv() == "released"
    assert not is_alive(tmp_path)
    RunLock(tmp_path).release()
    pipe.send("end")
    process.join()


def test_a_process_that_dies_leaves_no_lock_behind(tmp_path: Path) -> None:
    process, pipe = begin(die, tmp_path)
    pipe.send("die")
    process.join()
    assert process.exitcode == 1
    assert (tmp_path / LOCK_FILE).exists()
    assert not is_alive(tmp_path)
    RunLock(tmp_path).release()


def test_releasing_twice_does_no_harm(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    lock.release()
    lock.release()
    assert not is_alive(tmp_path)


def test_asking_whether_it_is_alive_neither_locks_nor_makes_a_file(tmp_path: Path) -> None:
    assert not is_alive(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not is_alive(tmp_path / "missing")
    lock = RunLock(tmp_path)
    assert is_alive(tmp_path)
    assert is_alive(tmp_path)
    lock.release()
    assert not is_alive(tmp_path)


def test_a_folder_that_is_gone_cannot_be_locked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UprightError, match="Cannot write into"):
        RunLock(tmp_path / "file")


def test_only_running_and_not_alive_is_died(tmp_path: Path) -> None:
    assert status_of(tmp_path, "running") == "died"
    for recorded in ("finished", "failed", "interrupted"):
        assert status_of(tmp_path, recorded) == recorded
    lock = RunLock(tmp_path)
    assert status_of(tmp_path, "running") == "running"
    lock.release()
    assert status_of(tmp_path, "running") == "died"
