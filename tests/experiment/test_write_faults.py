"""Whatever single write goes wrong, what is on the disk is whole or absent, and goes on."""

import os
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import kills
import upright
from kills import Case, Death, Faults, Server, differences
from support import newest_of
from upright.experiment.listener import Listener
from upright.ground.errors import UprightError
from upright.runs.checkpoint import read_checkpoint
from upright.runs.folder import checkpoint_folders
from upright.runs.listing import find_runs
from upright.runs.run import Run

KINDS = ("refused", "full", "torn", "dead", "torn and dead")
REASONS = ("Input/output error", "No space left on device")
PARTS = ("policy.safetensors", "trainer.safetensors", "state.json", "manifest.json")
CASE = Case.of("CartPole-v1", "ppo", "sync", "plain", 128, timesteps=800)


class Stop(BaseException):
    """Ends a training before its end."""


class Stops(Listener):
    """Ends a training in an iteration."""

    def iterated(self, iteration: Any, row: dict[str, Any]) -> None:
        if iteration.number == 5:
            raise Stop


class Notes(Listener):
    """Keeps the notes of a resumption."""

    def resumed(self, trainer: Any, folder: Path, notes: Sequence[str]) -> None:
        self.notes = list(notes)


class Runs(NamedTuple):
    """A run that was undisturbed, and one that was cut and has three checkpoints."""

    whole: Path
    cut: Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    whole, cut = (tmp_path_factory.mktemp(name) for name in ("whole", "cut"))
    upright.train(**CASE.training(whole))
    with pytest.raises(Stop):
        upright.train(**CASE.training(cut), listener=Stops())
    return Runs(CASE.folder(whole), CASE.folder(cut))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def names(folder: Path) -> list[str]:
    return [path.name for path in checkpoint_folders(folder / "checkpoints")]


def strike(folder: Path, name: str, kind: str, at: int) -> bool:
    """Save the newest checkpoint once more, under a name, with a fault; whether it was struck."""
    run = Run(folder)
    found = read_checkpoint(next(checkpoint_folders(folder / "checkpoints")), run.outline())
    faults = Faults(folder, kind, at)
    try:
        with faults:
            replace(found, timesteps=int(name)).save(folder / "checkpoints")
    except (OSError, Death):
        return True
    return len(faults.operations) > at


def swept(run: Path, folder: Path, name: str, kind: str, stride: int) -> None:
    """Save with a fault at every operation in turn, until one is saved untouched."""
    at, struck, before = 0, True, names(run)
    while struck:
        copy = Path(shutil.copytree(run, folder / f"{at}"))
        struck = strike(copy, name, kind, at)
        assert {*before} - {name} <= {*names(copy)} <= {*before, name}, at
        for each in checkpoint_folders(copy / "checkpoints"):
            read_checkpoint(each, Run(copy).outline())
        counters = newest_of(Run(copy)).trainer.part("counters")
        assert counters.count("timesteps") == int(before[0]), at
        at += stride
    assert at > 20


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_that_could_not_be_saved_leaves_the_older_ones_whole(
    tmp_path: Path, runs: Runs, kind: str
) -> None:
    swept(runs.cut, tmp_path, "999999999", kind, 4)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_any_fault_in_saving_a_checkpoint_leaves_the_older_ones_whole(
    tmp_path: Path, runs: Runs, kind: str
) -> None:
    swept(runs.cut, tmp_path, "999999999", kind, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_any_fault_in_replacing_the_only_checkpoint_leaves_a_whole_one(
    tmp_path: Path, runs: Runs, kind: str
) -> None:
    only = Path(shutil.copytree(runs.cut, tmp_path / "only"))
    newest, *older = checkpoint_folders(only / "checkpoints")
    for each in older:
        shutil.rmtree(each)
    for at in range(40):
        copy = Path(shutil.copytree(only, tmp_path / f"{at}"))
        strike(copy, newest.name, kind, at)
        assert newest_of(Run(copy)).timesteps == int(newest.name), at


def spoil(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif how == "zeroed":
        path.write_bytes(bytes(len(data)))
    elif how == "emptied":
        path.write_bytes(b"")
    else:
        path.unlink()


@pytest.mark.parametrize("how", ["truncated", "zeroed", "emptied", "missing"])
@pytest.mark.parametrize("part", PARTS)
def test_a_checkpoint_whose_bytes_were_lost_is_passed_over_aloud(
    tmp_path: Path, runs: Runs, part: str, how: str
) -> None:
    folder = Path(shutil.copytree(runs.cut, tmp_path / "run"))
    newest, second, *_ = checkpoint_folders(folder / "checkpoints")
    spoil(newest / part, how)
    assert newest_of(Run(folder)).timesteps == int(second.name)
    notes = Notes()
    upright.resume(folder, listener=notes)
    assert [note for note in notes.notes if f"Passed over the checkpoint {newest.name}: " in note]
    assert f"Going on from step {int(second.name):,}." in notes.notes
    assert differences(runs.whole, folder) == []


class StopsLater(Listener):
    """Ends a training in its second iteration from now."""

    seen = 0

    def iterated(self, iteration: Any, row: dict[str, Any]) -> None:
        self.seen += 1
        if self.seen == 2:
            raise Stop


def test_a_torn_checkpoint_takes_no_place_of_a_whole_one(tmp_path: Path, runs: Runs) -> None:
    folder = Path(shutil.copytree(runs.cut, tmp_path / "run"))
    newest, second, third = checkpoint_folders(folder / "checkpoints")
    spoil(newest / "trainer.safetensors", "truncated")
    shutil.rmtree(second)
    with pytest.raises(Stop):
        upright.resume(folder, keep=1, checkpoint_every=1, listener=StopsLater())
    assert newest_of(Run(folder)).timesteps == int(second.name) > int(third.name)


def test_where_every_checkpoint_is_torn_nothing_goes_on_and_nothing_is_changed(
    tmp_path: Path, runs: Runs
) -> None:
    folder = Path(shutil.copytree(runs.cut, tmp_path / "run"))
    for each in checkpoint_folders(folder / "checkpoints"):
        spoil(each / "state.json", "truncated")
    before = (folder / "run.json").read_bytes(), (folder / "metrics.jsonl").read_bytes()
    with pytest.raises(UprightError, match="has no whole checkpoint"):
        upright.resume(folder)
    assert ((folder / "run.json").read_bytes(), (folder / "metrics.jsonl").read_bytes()) == before


def test_what_a_killed_process_of_the_same_number_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / CASE.env / f".{CASE.algo}-s3.{os.getpid()}.tmp" / "checkpoints").mkdir(parents=True)
    assert upright.train(**CASE.training(tmp_path)).path == CASE.folder(tmp_path)


def trained_with_faults(server: Server, case: Case, out: Path, kind: str, stride: int) -> None:
    """Train with a fault at every stride-th operation; it stops in one sentence, and goes on."""
    ended = server.train(case, out / "whole")
    assert ended.status == 0, ended.error
    found = {}
    offset = random.Random(f"{kind} {case.algo}").randrange(stride)
    for at in range(offset, len(ended.operations), stride):
        folder = case.folder(out / f"{at}")
        ended = server.train(case, out / f"{at}", fault=(kind, at))
        assert ended.status in (0, 2), f"{at}: {ended.error}"
        assert ended.status == 0 or any(reason in ended.error for reason in REASONS), ended.error
        if not folder.exists():
            assert not (out / f"{at}").exists() or list(find_runs(out / f"{at}")) == []
            continue
        ended = server.resume(folder)
        assert ended.status == 0, f"{at}: {ended.error}"
        if differing := differences(case.folder(out / "whole"), folder):
            found[at] = differing
    assert found == {}


@pytest.mark.parametrize("kind", ["refused", "full", "torn"])
def test_a_training_whose_writing_fails_stops_in_a_sentence_and_goes_on_exactly(
    tmp_path: Path, server: Server, kind: str
) -> None:
    trained_with_faults(server, CASE, tmp_path, kind, 80)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["refused", "full", "torn"])
@pytest.mark.parametrize("algo", kills.algorithms())
def test_a_training_whose_writing_fails_anywhere_goes_on_exactly(
    tmp_path: Path, server: Server, algo: str, kind: str
) -> None:
    case = Case.of("CartPole-v1", algo, "sync", "plain", 256, timesteps=600)
    trained_with_faults(server, case, tmp_path, kind, 9)
