"""Runs of every schema that there ever was stay readable, and the newest goes on."""

import shutil
from pathlib import Path

import pytest

import upright
from upright.cli import main
from upright.ground.errors import UprightError
from upright.ground.reading import read_json
from upright.runs.checkpoint import SCHEMA
from upright.runs.records import READABLE

DATA = Path(__file__).parents[1] / "data"
FOLDERS = sorted(DATA.glob("schema-*"))


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a run of one schema."""
    return Path(shutil.copytree(request.param, tmp_path / request.param.name))


def test_there_is_a_run_of_every_schema_that_is_read() -> None:
    schemas = [read_json(folder / "run.json")["schema"] for folder in FOLDERS]
    assert [f"schema-{schema}" for schema in schemas] == [folder.name for folder in FOLDERS]
    assert set(READABLE) == set(schemas)
    assert max(READABLE) == SCHEMA


def test_a_run_of_any_schema_is_read(folder: Path) -> None:
    run = upright.load(folder)
    assert run.status == "finished"
    assert run.recipe.env == "CartPole-v1"
    assert run.recipe.settings.hidden_sizes == (4,)
    assert len(run.metrics()) == run.info["iterations"]
    assert len(run.evaluate(3).returns) == 3
    assert run.verdict().solved is run.solved


def test_a_verdict_of_any_schema_is_repeated(folder: Path) -> None:
    found = upright.verify(upright.load(folder))
    assert found.holds
    assert found.identical or "agrees" in found.reason
    assert main(["verify", str(folder)]) == 0


def test_nothing_of_it_is_this_machines(folder: Path) -> None:
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert all(root not in data for root in (b"/tmp/", b"/home/", b"/root/", b"/Users/"))
        assert path.name != ".lock"
        assert not path.name.startswith("events.")


@pytest.mark.parametrize("old", [each for each in FOLDERS if each.name != f"schema-{SCHEMA}"])
def test_a_run_of_an_older_schema_does_not_go_on_and_stays_as_it_was(
    old: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(old, tmp_path / "old"))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UprightError, match=rf"schema {SCHEMA} can be resumed"):
        upright.resume(folder, total_timesteps=4096)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    after.pop(folder / ".lock", None)
    assert after == before


def test_a_run_of_this_schema_goes_on(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(DATA / f"schema-{SCHEMA}", tmp_path / "run"))
    timesteps = upright.load(folder).info["timesteps"]
    run = upright.resume(folder, total_timesteps=timesteps + 256)
    assert run.info["timesteps"] >= timesteps + 256
    assert [row["iteration"] for row in run.metrics()] == [*range(1, run.info["iterations"] + 1)]
    assert upright.verify(run).holds
