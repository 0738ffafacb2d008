"""Several seeds on Ray: the runs of processes, byte for byte, whatever is stopped or lost."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

import upright
from kills import differences
from scale.clusters import ray_workers, told_by
from scale.test_workers import are_gone
from study import nodes
from study.gated import CHOSEN, ENV, Midway, folder_of, gate, opener, trainings
from study.nodes import TITLE, WAYS
from study.test_training import TINY, Heard, Several, wait_until_nobody_writes
from study.test_training import folder_of as folder_of_pole
from upright.cli import main
from upright.ground.signals import Interrupted
from upright.runs.run import Run
from upright.scale import ray_cluster
from upright.scale.ray_node import whereabouts
from upright.settings import resolve
from upright.study import ray_training

pytestmark = [
    pytest.mark.skipif(not find_spec("ray"), reason="needs the extra ray"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


@pytest.fixture(scope="module")
def _here() -> Iterator[None]:
    """Ray on this machine, with room for two trainings, for all tests of the file."""
    ray_cluster.attached("", 2)
    yield
    ray_cluster.detached()


@pytest.fixture
def shut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What holds up the trainings of this folder."""
    monkeypatch.chdir(tmp_path)
    return gate(tmp_path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the same, in processes, that nothing stopped."""
    folder = tmp_path_factory.mktemp("undisturbed")
    gate(folder).unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        upright.seeds(ENV, seeds="0-2", jobs=2, **CHOSEN)
    return folder / "runs"


def same_as(undisturbed: Path, seeds: range) -> bool:
    """Whether there is one run for each seed, byte for byte the undisturbed one."""
    runs = Path("runs")
    found = {
        seed: differences(folder_of(undisturbed, seed), folder_of(runs, seed)) for seed in seeds
    }
    names = sorted(each.name for each in folder_of(runs, 0).parent.iterdir())
    return (found, names) == ({seed: [] for seed in seeds}, [f"ppo-s{seed}" for seed in seeds])


@pytest.mark.usefixtures("_here")
def test_seeds_on_ray_are_those_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    upright.seeds("CartPole-v1", seeds=[0, 1], out=tmp_path / "processes", **TINY)
    words = ["--engine", "ray", "--no-media", "--hidden-sizes=8", *flags_of(TINY)]
    assert main(["seeds", "CartPole-v1", "--seeds", "0-1", *words]) == 0
    assert "(2 of 2)" in capsys.readouterr().err
    for seed in (0, 1):
        one, other = (folder_of_pole(Path(out), seed) for out in ("processes", "runs"))
        assert differences(one, other) == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def interrupted(heard: Heard, **chosen: Any) -> None:
    with pytest.raises(Interrupted):
        upright.seeds(ENV, seeds="0-2", jobs=3, onlooker=heard, **CHOSEN, **chosen)


@pytest.mark.long
@pytest.mark.usefixtures("_here")
def test_what_ray_was_stopped_in_processes_go_on_with_and_what_waited_for_room_begins(
    shut: Path, undisturbed: Path
) -> None:
    heard = Midway(shut, 2)
    interrupted(heard, engine="ray")
    begun = [seed for seed in range(3) if folder_of(Path("runs"), seed).exists()]
    assert len(begun) == 2
    assert sorted(heard.changes[3:]) == [(seed, "stopped") for seed in range(3)]
    assert {Run(folder_of(Path("runs"), seed)).status for seed in begun} == {"interrupted"}
    again = Heard()
    upright.seeds(ENV, seeds="0-2", onlooker=again, **CHOSEN)
    assert sum("Going on from step " in note for note in again.notes) == 2
    assert same_as(undisturbed, range(3))


@pytest.mark.long
@pytest.mark.usefixtures("_here")
def test_what_a_file_says_of_workers_on_ray_is_of_no_training_there(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        'workers = 1\nshards = 2\nengine = "ray"\nray_address = "10.0.0.1:6379"\n'
    )
    chosen: dict[str, Any] = {"out": tmp_path, "config": tmp_path / "config.toml", **TINY}
    (run,) = upright.seeds("CartPole-v1", seeds=[0], engine="ray", **chosen).runs
    assert (run.recipe.engine, run.recipe.ray_address, run.recipe.workers) == ("process", None, 1)


@pytest.mark.long
@pytest.mark.usefixtures("_here")
def test_what_was_stopped_in_processes_goes_on_on_ray(shut: Path, undisturbed: Path) -> None:
    interrupted(Midway(shut, 3))
    again = Heard()
    upright.seeds(ENV, seeds="0-2", engine="ray", onlooker=again, **CHOSEN)
    assert sum("Going on from step " in note for note in again.notes) == 3
    assert same_as(undisturbed, range(3))


class Kills(Midway):
    """Kills the actor of one training."""

    def struck(self) -> list[psutil.Process]:
        self._actor = ray_workers(title=TITLE)[0]
        return self._actor.children()

    def strike(self) -> None:
        self._actor.kill()


@pytest.mark.long
@pytest.mark.usefixtures("_here")
def test_an_actor_that_is_killed_is_named_and_its_training_goes_on_from_its_checkpoint(
    shut: Path, undisturbed: Path
) -> None:
    several = upright.seeds(ENV, seeds="0-1", engine="ray", onlooker=Kills(shut, 2), **CHOSEN)
    ((lost, said),) = several.failures.items()
    assert said == "it was lost: its process ended"
    assert [run.recipe.seed for run in several.runs] == [1 - lost]
    wait_until_nobody_writes(Path("runs"))
    assert Run(folder_of(Path("runs"), lost)).status == "interrupted"
    assert upright.seeds(ENV, seeds="0-1", engine="ray", **CHOSEN).failures == {}
    assert same_as(undisturbed, range(2))


def out_of_this_process_alone(tmp_path: Path) -> Path:
    """A folder that no other process sees under this name."""
    (tmp_path / "there").mkdir()
    return Path(f"/proc/self/fd/{os.open(tmp_path / 'there', os.O_RDONLY)}")


@pytest.mark.long
@pytest.mark.usefixtures("_here")
def test_a_training_that_does_not_see_where_the_runs_go_is_refused_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    out = out_of_this_process_alone(tmp_path)
    with pytest.raises(upright.UprightError, match=rf"does not see {out}, where the runs go\. "):
        upright.seeds("CartPole-v1", seeds=[0], engine="ray", out=out, **TINY)
    assert list((tmp_path / "there").iterdir()) == []


def test_what_ray_brings_along_goes_before_nothing_that_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray

    begun: list[list[str]] = []
    brought = str(Path(ray.__file__).parent / "thirdparty_files")
    monkeypatch.setattr(sys, "path", [brought, *sys.path])
    monkeypatch.setattr(ray_training, "LocalProcess", lambda task, path: begun.append(path))
    ray_training.RayTraining(whereabouts()).begin({}, {})
    assert begun == [[each for each in sys.path if each != brought]]


@pytest.mark.usefixtures("_here")
def test_more_threads_than_any_node_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(upright.UprightError, match="No node of Ray's has the CPUs for") as said:
        upright.seeds("CartPole-v1", engine="ray", out=tmp_path, threads=3, **TINY)
    assert "Say fewer --threads" in said.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "chosen",
    [{"engine": "dask"}, {"ray_address": "10.0.0.1:6379"}, {"engine": "ray", "ray_address": ""}],
    ids=["no engine", "an address without ray", "an empty address"],
)
def test_what_train_refuses_of_an_engine_seeds_refuse_alike(
    chosen: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(upright.UprightError) as of_train:
        resolve("CartPole-v1", "ppo", shards=2, workers=1, **chosen)
    with pytest.raises(upright.UprightError) as of_seeds:
        upright.seeds("CartPole-v1", out=tmp_path, **chosen, **TINY)
    assert of_seeds.value.message == of_train.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_cluster_without_a_token_and_a_missing_ray_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(upright.UprightError, match="Without a token, whoever reaches Ray"):
        upright.seeds(
            "CartPole-v1", engine="ray", ray_address="10.0.0.1:6379", out=tmp_path, **TINY
        )
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(upright.UprightError, match="The engine ray needs an extra"):
        upright.seeds("CartPole-v1", engine="ray", out=tmp_path, **TINY)
    assert list(tmp_path.iterdir()) == []


def test_a_search_takes_no_engine(tmp_path: Path) -> None:
    with pytest.raises(upright.UprightError, match="search takes no engine"):
        upright.search("CartPole-v1", out=tmp_path, engine="ray")


@pytest.mark.long
def test_seeds_in_processes_never_load_ray(tmp_path: Path) -> None:
    code = (
        "import sys, upright\n"
        f"upright.seeds('CartPole-v1', seeds=[0], out={str(tmp_path)!r}, **{TINY!r})\n"
        "print('ray' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def flags_of(chosen: dict[str, Any]) -> list[str]:
    given = {name: value for name, value in chosen.items() if name not in ("media", "hidden_sizes")}
    return [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]


def on_ray_by_command(out: Path) -> Several:
    """Two seeds in the midst of their training."""
    words = ("--seeds=0-1", "--jobs=2", "--engine=ray", *flags_of(CHOSEN))
    several = Several(out, *words, env=ENV)
    for seed in (0, 1):
        several.reach(folder_of(out, seed), 2)
    return several


@pytest.mark.long
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_nothing_outlives_a_driver_and_every_training_leaves_its_checkpoint(
    signum: signal.Signals, shut: Path, undisturbed: Path
) -> None:
    """The interrupt goes to the whole group, as of a terminal."""
    out = Path("runs").absolute()
    several = on_ray_by_command(out)
    begun = psutil.Process(several.process.pid).children(recursive=True)
    open_gate = opener(shut, trainings(Path()))
    end = os.kill if signum == signal.SIGKILL else os.killpg
    end(several.process.pid, signum)
    open_gate()
    assert several.process.wait() == (-signum if signum == signal.SIGKILL else 128 + signum)
    assert "Traceback" not in several.stderr()
    assert are_gone([each.pid for each in begun])
    for seed in (0, 1):
        assert Run(folder_of(out, seed)).status == "interrupted"
    upright.seeds(ENV, seeds="0-1", **CHOSEN)
    assert same_as(undisturbed, range(2))


@pytest.mark.long
def test_a_second_signal_leaves_at_once_and_leaves_no_process(shut: Path) -> None:
    out = Path("runs").absolute()
    several = on_ray_by_command(out)
    begun = psutil.Process(several.process.pid).children(recursive=True)
    several.process.terminate()
    while "a second signal leaves" not in several.stderr():
        time.sleep(0.01)
    several.process.terminate()
    assert several.process.wait() == 128 + signal.SIGTERM
    assert "Traceback" not in several.stderr()
    assert are_gone([each.pid for each in begun])
    assert [Run(folder_of(out, seed)).status for seed in (0, 1)] == ["died", "died"]


@pytest.mark.long
@pytest.mark.parametrize("how", WAYS)
def test_on_a_cluster_nothing_is_lost(
    how: str, tmp_path: Path, shut: Path, undisturbed: Path
) -> None:
    with tempfile.TemporaryDirectory(prefix="up-", dir="/tmp") as folder:
        found = told_by(nodes.__file__, folder, how)
    if how == "blind":
        assert "does not see /proc/self/fd/" in found["said"]
        assert found["left"] == []
        return
    if how == "removed":
        how = ("ended with its node", "cannot be reached", "ended")
        said = {f"it was lost: its process {each}" for each in how}
        assert found["failures"]
        assert set(found["failures"].values()) <= said
    if how == "orphaned":
        assert found["gone"]
        assert found["statuses"] == ["interrupted"] * 3
    assert found["again"] == {}
    assert same_as(undisturbed, range(3))
