"""A bundle is a run in one file: everything that takes a run takes it, and goes on elsewhere."""

import gc
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import upright
from support import untimed
from upright.cli import main
from upright.ground.errors import UprightError
from upright.runs.bundle import MEMBERS, write_bundle
from upright.runs.folder import checkpoint_folders

TINY = {"hidden_sizes": (4,), "num_envs": 4, "num_steps": 16, "num_epochs": 1}
CLOCKS = {"train_seconds", "eval_seconds", "started", "resumptions", "run"}


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is over in a moment, for reading only; its budget can be raised."""
    return upright.train(
        "CartPole-v1",
        algo="ppo",
        preset="default",
        total_timesteps=128,
        out=tmp_path_factory.mktemp("tiny"),
        **TINY,
    ).path


@pytest.fixture
def bundle(tiny_run: Path, tmp_path: Path) -> Path:
    """A bundle of it."""
    write_bundle(tiny_run, tmp_path / "run.zip")
    return tmp_path / "run.zip"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where bundles are unpacked; empty in the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    gc.collect()
    assert list(folder.iterdir()) == []


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(folder: Path) -> list[dict[str, Any]]:
    return [untimed(row) for row in upright.load(folder).metrics()]


def timeless(folder: Path) -> dict[str, Any]:
    """All files of a run, without what a clock decides."""
    files: dict[str, Any] = contents(folder)
    for name in [*files]:
        if name.startswith("events.") or name == ".lock" or name.endswith("manifest.json"):
            files.pop(name)
        elif name in ("run.json", "evaluation.json"):
            record = json.loads(files[name])
            files[name] = {key: value for key, value in record.items() if key not in CLOCKS}
        elif name.endswith("state.json"):
            state = json.loads(files[name])["state"]
            state["run"]["experiment"].pop("seconds")
            state["run"]["judge"]["schedule"].pop("seconds")
            state["log"].pop("metrics.jsonl_bytes")
            files[name] = state
    return files | {"metrics.jsonl": rows(folder)}


def test_a_bundle_loads_evaluates_and_verifies_like_its_folder(
    bundle: Path, tiny_run: Path, temporary: Path
) -> None:
    packed, plain = upright.load(bundle), upright.load(tiny_run)
    assert packed.info == plain.info
    assert packed.recipe == plain.recipe
    assert packed.metrics() == plain.metrics()
    assert packed.verdict_record() == plain.verdict_record()
    assert packed.evaluate(5) == plain.evaluate(5)
    found = upright.verify(packed)
    assert found.holds
    assert found.identical
    assert str(bundle) in repr(packed)


def test_a_bundle_is_unpacked_for_as_long_as_the_run_is_held(bundle: Path, temporary: Path) -> None:
    run = upright.load(bundle)
    (folder,) = temporary.iterdir()
    assert run.path == folder
    del run
    gc.collect()
    assert not folder.exists()


def test_a_bundle_goes_on_in_a_fresh_folder_exactly_as_its_folder_does(
    bundle: Path, tiny_run: Path, temporary: Path, tmp_path: Path
) -> None:
    before, packed = contents(tiny_run), bundle.read_bytes()
    folder = Path(shutil.copytree(tiny_run, tmp_path / "folder"))
    one = upright.resume(folder, total_timesteps=256)
    other = upright.resume(bundle, total_timesteps=256, out=tmp_path / "out")
    assert other.path == tmp_path / "out" / "CartPole-v1" / "ppo-s0"
    assert not other.is_bundle
    assert other.info["timesteps"] >= 256
    assert timeless(one.path) == timeless(other.path)
    assert contents(tiny_run) == before
    assert bundle.read_bytes() == packed
    again = upright.resume(bundle, total_timesteps=256, out=tmp_path / "out")
    assert again.path.name == "ppo-s0-2"


def test_a_finished_bundle_has_nothing_to_do(bundle: Path, temporary: Path, tmp_path: Path) -> None:
    assert upright.resume(bundle, out=tmp_path / "out").status == "finished"
    assert not (tmp_path / "out").exists()


def test_a_bundle_has_the_runs_files_and_no_others(bundle: Path, tiny_run: Path) -> None:
    assert list(tiny_run.glob("events.out.tfevents.*"))
    with zipfile.ZipFile(bundle) as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
    checkpoints = {name for name in names if name.startswith("checkpoints/")}
    assert names - checkpoints == set(MEMBERS)
    assert len(checkpoints) == 4 * len(list((tiny_run / "checkpoints").iterdir()))


def test_what_is_no_part_of_a_run_is_left_out(tiny_run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_run, tmp_path / "folder"))
    (folder / "secret.txt").write_text("secret")
    (folder / ".env").write_text("secret")
    (folder / "checkpoints" / "notes.txt").write_text("secret")
    (folder / "checkpoints" / "notes").symlink_to(tmp_path)
    (folder / "episodes.jsonl").unlink()
    (folder / "episodes.jsonl").symlink_to(folder / "secret.txt")
    write_bundle(folder, tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        assert not [name for name in archive.namelist() if "notes" in name or "secret" in name]
        assert all(b"secret" not in archive.read(name) for name in archive.namelist())


def test_the_same_run_is_the_same_bytes(bundle: Path, tiny_run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_run, tmp_path / "copy"))
    for path in copy.rglob("*"):
        path.touch()
    write_bundle(copy, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


def test_a_bundle_of_what_a_bundle_holds_is_the_same_bundle(
    bundle: Path, temporary: Path, tmp_path: Path
) -> None:
    run = upright.load(bundle)
    write_bundle(run.path, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


def test_nothing_is_overwritten(bundle: Path, tiny_run: Path) -> None:
    before = bundle.read_bytes()
    with pytest.raises(UprightError, match="exists already"):
        write_bundle(tiny_run, bundle)
    assert bundle.read_bytes() == before
    assert main(["bundle", str(tiny_run), "--out", str(bundle)]) == 2
    assert bundle.read_bytes() == before


def test_a_bundle_that_cannot_be_written_leaves_nothing(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UprightError, match="There is no folder"):
        write_bundle(tiny_run, tmp_path / "nowhere" / "run.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_run_beyond_plain_zip_is_refused_in_a_sentence(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upright.runs.bundle.BUNDLE_BYTES", 1000)
    with pytest.raises(UprightError, match="larger than the 1,000 bytes of a bundle"):
        write_bundle(tiny_run, tmp_path / "run.zip")
    assert list(tmp_path.iterdir()) == []


def test_older_checkpoints_stay_out_of_a_bundle_that_would_be_too_large(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    newest = next(checkpoint_folders(run / "checkpoints"))
    older = Path(shutil.copytree(newest, run / "checkpoints" / "000000001"))
    write_bundle(run, tmp_path / "whole.zip")
    with zipfile.ZipFile(tmp_path / "whole.zip") as archive:
        size = sum(info.file_size for info in archive.infolist())
    monkeypatch.setattr("upright.runs.bundle.BUNDLE_BYTES", size - 1)
    assert write_bundle(run, tmp_path / "run.zip") >= 1
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        names = archive.namelist()
    assert any(newest.name in name for name in names)
    assert not any(older.name in name for name in names)


def test_the_command_line_packs_and_takes_bundles(
    tiny_run: Path,
    temporary: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bundle", str(tiny_run)]) == 0
    name = "CartPole-v1-ppo-s0.zip"
    assert capsys.readouterr().out.startswith(name)
    assert main(["bundle", str(tiny_run), "--out", "other.zip"]) == 0
    assert (tmp_path / "other.zip").read_bytes() == (tmp_path / name).read_bytes()
    capsys.readouterr()
    assert main(["evaluate", name, "--episodes", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["episodes"] == 3
    assert main(["verify", name]) == 0
    assert capsys.readouterr().out.startswith("Holds")
    assert main(["resume", name, "--total-timesteps", "256", "--json", "--out", "on"]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["timesteps"] >= 256
    assert Path(summary["run"]) == Path("on/CartPole-v1/ppo-s0")
    assert main(["verify", "on/CartPole-v1/ppo-s0"]) == 0
    assert main(["resume", name, "--out", "finished"]) == 0
    assert not (tmp_path / "finished").exists()
