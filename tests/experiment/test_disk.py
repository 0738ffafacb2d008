"""A disk that is full, read-only or gone stops a training in one sentence, and it goes on later."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import upright
from kills import Case, differences
from support import newest_of
from upright.experiment.listener import Listener
from upright.ground.errors import UprightError
from upright.judging.judge import Judge
from upright.runs.folder import checkpoint_folders
from upright.runs.listing import find_runs
from upright.runs.run import Run

CASE = Case.of("CartPole-v1", "ppo", "sync", "plain", 128, timesteps=3000)
LARGER = CASE.arguments | {"hidden_sizes": [128, 128], "keep": 20}
Mount = Callable[[str], Path]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a small disk of memory with the given options; skips where that is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> Path:
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        except OSError as error:
            pytest.skip(f"cannot mount: {error}")
        if done.returncode:
            pytest.skip(f"cannot mount: {done.stderr.strip()}")
        return place

    yield mount
    subprocess.run(["umount", "--lazy", str(place)], capture_output=True, check=False)


def remount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The undisturbed run."""
    case = Case(CASE.env, CASE.algo, LARGER)
    return upright.train(**case.training(tmp_path_factory.mktemp("whole"))).path


def test_a_full_disk_stops_a_training_in_a_sentence_and_with_room_it_goes_on_exactly(
    mounted: Mount, whole: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    disk, case = mounted("size=2m"), Case(CASE.env, CASE.algo, LARGER)
    with pytest.raises(UprightError, match="No space left") as raised:
        upright.train(**case.training(disk))
    assert "upright resume" in raised.value.hint
    assert capfd.readouterr().err == ""
    folder = case.folder(disk)
    found = newest_of(Run(folder)).timesteps
    assert found > 0
    assert (
        f"the newest checkpoint is {folder / 'checkpoints' / f'{found:09d}'}"
        in raised.value.message
    )
    remount(disk, "size=64m")
    upright.resume(folder)
    assert differences(whole, folder) == []


@pytest.mark.long
@pytest.mark.parametrize("kibibytes", [16, 64, 200, 400, 800, 1200])
def test_a_disk_of_any_size_is_filled_in_silence_and_gone_on_with(
    mounted: Mount,
    whole: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    kibibytes: int,
) -> None:
    disk, case = mounted(f"size={kibibytes}k"), Case(CASE.env, CASE.algo, LARGER)
    with pytest.raises(UprightError, match="No space left"):
        upright.train(**case.training(disk))
    assert capfd.readouterr().err == ""
    remount(disk, "size=64m")
    folder = case.folder(disk)
    if not folder.exists():
        assert list(find_runs(disk)) == []
        return
    upright.resume(folder)
    assert differences(whole, folder) == []


@pytest.mark.parametrize(
    "room", [0, *(pytest.param(room, marks=pytest.mark.long) for room in (3000, 30_000))]
)
def test_a_disk_that_is_full_at_the_end_of_a_training_ends_it_in_silence(
    mounted: Mount,
    whole: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    room: int,
) -> None:
    disk, case = mounted("size=64m"), Case(CASE.env, CASE.algo, LARGER)
    conclude = Judge.conclude

    def fill(*arguments: Any) -> Any:
        usage = os.statvfs(disk)
        (disk / "ballast").write_bytes(bytes(usage.f_bavail * usage.f_bsize - room))
        return conclude(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Judge, "conclude", fill)
        with pytest.raises(UprightError, match="No space left"):
            upright.train(**case.training(disk))
    assert capfd.readouterr().err == ""
    (disk / "ballast").unlink()
    upright.resume(case.folder(disk))
    assert differences(whole, case.folder(disk)) == []


@pytest.mark.long
def test_the_command_line_says_that_the_disk_is_full_without_a_traceback(mounted: Mount) -> None:
    disk, case = mounted("size=1m"), Case(CASE.env, CASE.algo, LARGER | {"hidden_sizes": "128,128"})
    done = subprocess.run(
        [sys.executable, "-m", "upright", *case.words(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    (said,) = [line for line in done.stderr.splitlines() if "No space left" in line]
    assert said.startswith("error: ")
    for word in ("Traceback", "Exception", "Thread"):
        assert word not in done.stderr
    assert newest_of(Run(case.folder(disk))).timesteps > 0


def test_nothing_half_made_is_left_where_nothing_can_be_written(mounted: Mount) -> None:
    disk = mounted("size=4m,ro")
    with pytest.raises(UprightError, match="Read-only file system"):
        upright.train(**CASE.training(disk))
    assert list(disk.iterdir()) == []


def test_a_run_on_a_disk_that_became_read_only_is_refused_and_goes_on_later(
    mounted: Mount, whole: Path
) -> None:
    class TurnsReadOnly(Listener):
        def iterated(self, iteration: Any, row: dict[str, Any]) -> None:
            if iteration.number == 3:
                raise KeyboardInterrupt

    disk, case = mounted("size=64m"), Case(CASE.env, CASE.algo, LARGER)
    with pytest.raises(KeyboardInterrupt):
        upright.train(**case.training(disk), listener=TurnsReadOnly())
    remount(disk, "ro")
    with pytest.raises(UprightError, match="Read-only file system"):
        upright.resume(case.folder(disk))
    assert upright.load(case.folder(disk)).policy.weights
    remount(disk, "rw")
    upright.resume(case.folder(disk))
    assert differences(whole, case.folder(disk)) == []


def delete(folder: Path) -> None:
    """Delete a folder into which another thread writes."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def test_a_run_folder_that_was_deleted_stops_the_training_and_stays_away(tmp_path: Path) -> None:
    class Deletes(Listener):
        def iterated(self, iteration: Any, row: dict[str, Any]) -> None:
            if iteration.number == 5:
                delete(CASE.folder(tmp_path))

    with pytest.raises(UprightError, match="the folder is gone"):
        upright.train(**CASE.training(tmp_path), listener=Deletes())
    assert not CASE.folder(tmp_path).exists()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_of_checkpoints_that_was_deleted_stops_the_training(tmp_path: Path) -> None:
    class Deletes(Listener):
        def iterated(self, iteration: Any, row: dict[str, Any]) -> None:
            if iteration.number == 5:
                delete(CASE.folder(tmp_path) / "checkpoints")

    with pytest.raises(UprightError, match="Cannot write into"):
        upright.train(**CASE.training(tmp_path), listener=Deletes())
    assert list(checkpoint_folders(CASE.folder(tmp_path) / "checkpoints")) == []
