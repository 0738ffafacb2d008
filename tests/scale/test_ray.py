"""The same run, byte for byte, on Ray; for this machine alone, and gone with the training."""

import os
import random
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

import kills
import upright
from experiment.test_exactness import run_folder, started_and_ended
from kills import KILLED, Case, Server
from scale.clusters import SETTINGS, course, ray_workers, with_nodes
from scale.engines import Bad, Exits, HangsOnce, Raises, differing, interrupt_of_the_whole_group
from scale.test_exact import course as iterations
from scale.test_exact import same_course
from scale.test_workers import are_gone
from upright.cli import main
from upright.experiment import Listener
from upright.ground.errors import UprightError
from upright.runs.run import Run
from upright.scale import ray_cluster
from upright.scale.engine import Response, Unit
from upright.scale.ray_engine import RayEngine
from upright.settings import resolve

pytestmark = [
    pytest.mark.skipif(not find_spec("ray"), reason="needs the extra ray"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
SMALL: dict[str, Any] = {"preset": "default", "num_envs": 8, "shards": 4, "seed": 0}
SHORT: dict[str, Any] = SMALL | {"num_steps": 16, "backend": "sync"}
ALGORITHMS = [
    pytest.param(algo, marks=[] if algo == "ppo" else [pytest.mark.long])
    for algo in kills.algorithms()
]


@pytest.fixture(scope="module")
def here() -> Iterator[list[psutil.Process]]:
    """Ray on this machine for all tests of the file, as an engine would begin it; its processes."""
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    ray_cluster.attached("", 2)
    begun = psutil.Process().children(recursive=True)
    yield [each for each in begun if each.pid not in before]
    ray_cluster.detached()


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RayEngine, "waits", (0.0,) * 3)


def on_ray(env: Any, workers: int = 2, algo: str = "ppo", **settings: Any) -> upright.Trainer:
    chosen = (SHORT if algo == "ppo" else SMALL) | settings
    return upright.Trainer(env, algo, workers=workers, engine="ray", **chosen)


def in_process(env: Any, algo: str = "ppo", **settings: Any) -> upright.Trainer:
    return upright.Trainer(env, algo, **(SHORT if algo == "ppo" else SMALL) | settings)


class Blows:
    """Strikes an actor a moment after some units were sent, whichever it finds."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        at: set[int],
        how: signal.Signals = signal.SIGKILL,
    ) -> None:
        rng, submit, self.sent, self.struck = random.Random(0), RayEngine.submit, 0, 0

        def striking(engine: RayEngine, worker: int, unit: Unit) -> None:
            submit(engine, worker, unit)
            if self.sent in at:
                threading.Timer(rng.uniform(0.0, 0.02), self._strike, (how,)).start()
            self.sent += 1

        monkeypatch.setattr(RayEngine, "submit", striking)

    def _strike(self, how: signal.Signals) -> None:
        with suppress(psutil.Error, IndexError):
            ray_workers()[0].send_signal(how)
            self.struck += 1


@pytest.mark.usefixtures("here", "_at_once")
@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_run_is_the_same_on_ray_with_workers_that_are_killed(
    monkeypatch: pytest.MonkeyPatch, algo: str
) -> None:
    settings = kills.small(algo) | {"shards": 4, "normalize_obs": True, "backend": "vector"}
    with closing(in_process("CartPole-v1", algo, **settings)) as calm:
        straight = iterations(calm)
    blows = Blows(monkeypatch, {2, 5, 9})
    with closing(on_ray("CartPole-v1", 2, algo, **settings)) as there:
        assert same_course(straight[:2], iterations(there, 2))
        cut, weights = there.state(), {k: v.copy() for k, v in there.policy.weights.items()}
        next(there)
        assert there.restore(weights, cut) == []  # back to where workers have been
        assert same_course(straight[2:], iterations(there, 2))
    with closing(on_ray("CartPole-v1", 1, algo, **settings)) as elsewhere:
        assert elsewhere.restore(weights, cut) == []
        assert same_course(straight[2:], iterations(elsewhere, 2))
    assert blows.struck


@pytest.mark.usefixtures("here")
def test_an_environment_that_raises_on_ray_is_named_at_once_by_its_number_among_all() -> None:
    with closing(on_ray(Raises, 1)) as trainer:
        with pytest.raises(UprightError) as raised:
            next(trainer)
        assert raised.value.message == (
            "Environment 5 (Raises): step() raised ValueError: a bug of mine."
        )


@pytest.mark.long
@pytest.mark.usefixtures("here", "_at_once")
def test_an_actor_that_dies_again_and_again_ends_the_run_in_a_sentence() -> None:
    with closing(on_ray(Exits)) as trainer, pytest.raises(UprightError) as raised:
        next(trainer)
    assert raised.value.message == (
        "Worker 0 was lost 4 times over shard 2 (environments 4 to 5); the last time, its process "
        "ended."
    )
    assert "upright resume" in raised.value.hint


def late_once(monkeypatch: pytest.MonkeyPatch, hangs: Callable[[], bool]) -> None:
    """Let a unit's time be up once a worker hangs, however fast or slow the machine is."""
    wait = RayEngine.wait

    def waiting(engine: RayEngine, seconds: float) -> tuple[int, Response] | None:
        came = wait(engine, 0.0)
        while came is None and not hangs():
            came = wait(engine, 0.0)
        if came is None:
            monkeypatch.setattr(RayEngine, "wait", wait)
        return came

    monkeypatch.setattr(RayEngine, "wait", waiting)


@pytest.mark.long
@pytest.mark.usefixtures("here", "_at_once")
def test_an_actor_that_hangs_is_killed_and_its_unit_done_by_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    note = tmp_path / "hung"
    late_once(monkeypatch, note.exists)
    there = on_ray(HangsOnce, 1, env_kwargs={"note": str(note)})
    with closing(in_process(Bad)) as calm, closing(there):
        found = next(there)
        assert found == next(calm)
        assert "has not answered for 60 s" in found.notes[0]


@pytest.mark.long
@pytest.mark.usefixtures("here", "_at_once")
def test_an_actor_that_is_stopped_is_as_good_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(in_process(Bad)) as calm, closing(on_ray(Bad, 1)) as there:
        assert next(calm) == next(there)
        (stopped,) = ray_workers()
        stopped.suspend()
        late_once(monkeypatch, lambda: True)
        assert next(calm) == next(there)
    assert are_gone([stopped.pid])


@pytest.mark.long
@pytest.mark.usefixtures("here")
def test_an_id_that_this_process_registered_is_known_to_actors(easy: str) -> None:
    with closing(in_process(easy)) as calm, closing(on_ray(easy, 1)) as there:
        assert next(calm) == next(there)


def test_ray_listens_on_the_loopback_alone_and_tells_nobody(here: list[psutil.Process]) -> None:
    listening = []
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # it ended since
            connections = process.net_connections("inet")
            listening += [each for each in connections if each.status == psutil.CONN_LISTEN]
    assert len(here) > 2
    assert listening
    found = {ip_address(connection.laddr.ip) for connection in listening}
    assert all((getattr(ip, "ipv4_mapped", None) or ip).is_loopback for ip in found), found
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.usefixtures("here")
def test_its_token_lies_in_a_file_that_nobody_else_can_read() -> None:
    file = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert len(file.read_text()) == 64


@pytest.mark.long
@pytest.mark.usefixtures("here")
def test_a_program_without_the_token_is_refused_by_ray() -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    code = f"import ray; ray.init({address!r})"
    env = {**os.environ, "RAY_AUTH_TOKEN": "another"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 1
    assert "uthentication" in done.stderr


SHARDED: dict[str, Any] = {
    "preset": "default", "num_envs": 4, "num_steps": 64, "shards": 2, "total_timesteps": 2000,
    "checkpoint_every": 256, "until": "budget", "seed": 0,
}  # fmt: skip


@pytest.mark.long
@pytest.mark.usefixtures("here", "_at_once")
def test_a_run_ended_on_ray_and_resumed_on_another_engine_is_the_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = upright.train("CartPole-v1", "ppo", out=tmp_path / "whole", **SHARDED)
    Blows(monkeypatch, {3})

    def train(listener: Listener) -> Run:
        chosen = SHARDED | {"workers": 2, "engine": "ray"}
        return upright.train("CartPole-v1", "ppo", out=tmp_path, listener=listener, **chosen)

    started_and_ended(train, 3, "abruptly")
    folder = run_folder(tmp_path)
    started_and_ended(
        lambda listener: upright.resume(folder, listener=listener, engine="process", workers=1),
        2,
        "SIGTERM",
    )
    run = upright.resume(folder, engine="ray", workers=1)
    assert (run.recipe.engine, run.recipe.workers) == ("ray", 1)
    assert differing(whole.path, folder) == []
    assert _kinds(folder) == _kinds(whole.path)


def _kinds(folder: Path) -> set[str]:
    """What lies in a run folder; names of events carry the clock."""
    return {path.name.partition("events.")[0] or "events" for path in folder.iterdir()}


@pytest.mark.usefixtures("here")
def test_the_command_line_says_that_ray_collects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--preset", "default", "--total-timesteps", "256", "--num-envs", "4", "--shards", "2"]
    out = ["--engine", "ray", "--workers", "1", "--out", str(tmp_path), "--no-media"]
    assert main(["train", "CartPole-v1", *words, *out]) == 0
    assert "4 environments (vector, 2 shards in 1 worker of Ray)" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_another_cluster_than_the_one_there_is_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UprightError, match=r"is connected with Ray at .*, and not at 10\.0\.0\.1"):
        on_ray("CartPole-v1", ray_address="10.0.0.1:6379")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no workers": ({"engine": "ray", "workers": 0}, "engine = ray is of workers"),
    "an address without ray": ({"workers": 1, "ray_address": "auto"}, "of Ray's workers alone"),
    "no engine": ({"workers": 1, "engine": "dask"}, "engine = 'dask'"),
    "Ray's client": (
        {"engine": "ray", "workers": 1, "ray_address": "ray://10.0.0.1:10001"},
        "is of Ray's client",
    ),
    "nothing to share": ({"engine": "ray", "workers": 1, "shards": 0}, "nothing for 1 worker"),
    "what no other can import": (
        {"engine": "ray", "workers": 1, "env": lambda: Bad()},
        "No worker process can import the environment <lambda>",
    ),
}


@pytest.mark.parametrize(("settings", "said"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_go_with_ray_is_refused(settings: dict[str, Any], said: str) -> None:
    chosen = {"env": "CartPole-v1", **SHORT, **settings}
    with pytest.raises(UprightError, match=said):
        upright.Trainer(chosen.pop("env"), "ppo", **chosen)


@pytest.mark.parametrize(
    "env",
    [{}, {"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": "x"}, {"RAY_AUTH_MODE": "token"}],
    ids=["nothing", "switched off", "no token"],
)
def test_an_address_without_a_token_is_refused_and_what_to_set_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, env: dict[str, str]
) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UprightError, match="Without a token, whoever reaches") as said:
        on_ray("CartPole-v1", ray_address="10.0.0.1:6379")
    assert "Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH" in said.value.hint


@pytest.mark.parametrize(
    "address", ["nonsense", "1:2:", ":6379", "host:99999", "host:x", "h:" + "9" * 200]
)
def test_an_address_that_is_none_is_named_before_a_token_is_asked_for(address: str) -> None:
    with pytest.raises(UprightError, match=f"^'{address}' is no address of a cluster") as said:
        on_ray("CartPole-v1", ray_address=address)
    assert said.value.hint == "Say HOST:PORT, or auto, on a machine of it."


@pytest.fixture
def _no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has a token, and a Ray that must not be asked."""
    waits = SimpleNamespace(
        is_initialized=lambda: False,
        init=lambda *_, **__: pytest.fail("Ray was asked, which waits long"),
        shutdown=lambda: None,
    )
    monkeypatch.setitem(sys.modules, "ray", waits)
    monkeypatch.setattr(ray_cluster, "_held", ray_cluster._Held())
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "x")


@pytest.mark.usefixtures("_no_ray")
def test_where_no_cluster_is_nobody_waits_for_it() -> None:
    with socket.socket() as nobodys:
        nobodys.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{nobodys.getsockname()[1]}"
        with pytest.raises(UprightError, match=f"^Ray cannot be reached at {address}: "):
            on_ray("CartPole-v1", ray_address=address)


@pytest.mark.usefixtures("_no_ray")
@pytest.mark.parametrize(
    ("says", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what listens there is no Ray"),
        (b"", "what listens there is no Ray|.*reset"),
        (None, "timed out"),  # it holds the line
    ],
    ids=["another server", "ends", "silent"],
)
def test_what_listens_and_is_no_ray_is_named_and_not_waited_for(
    says: bytes | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "REACHING", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            pipe, _ = server.accept()
            with pipe:
                if says is None:
                    pipe.recv(100)
                    pipe.recv(100)
                else:
                    pipe.sendall(says)

        stranger = threading.Thread(target=answer)
        stranger.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UprightError, match=f"^Ray cannot be reached at {address}: ({said})"):
            on_ray("CartPole-v1", ray_address=address)
        stranger.join()


def test_a_missing_ray_is_said_with_what_adds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UprightError, match="The engine ray needs an extra") as said:
        on_ray("CartPole-v1")
    assert "pip install 'upright[ray]'" in said.value.hint


def test_a_run_that_goes_on_without_ray_forgets_its_address() -> None:
    chosen = {"workers": 2, "engine": "ray", "ray_address": "10.0.0.1:6379"}
    recipe = resolve("CartPole-v1", "ppo", shards=2, num_envs=4, **chosen)
    assert recipe.changed({"keep": 3}).ray_address == "10.0.0.1:6379"
    for changes in ({"engine": "process"}, {"workers": "0"}):
        changed = recipe.changed(changes)
        assert (changed.engine, changed.ray_address) == ("process", None)
    with pytest.raises(UprightError, match="of Ray's workers alone"):
        recipe.changed({"engine": "process", "ray_address": "auto"})


def test_a_run_in_processes_never_loads_ray() -> None:
    code = (
        "import sys, upright\n"
        f"trainer = upright.Trainer('CartPole-v1', 'ppo', workers=1, **{SHORT!r})\n"
        "next(trainer)\n"
        "trainer.close()\n"
        "print('ray' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


DRIVER = """
    import signal, sys, time
    import upright
    before = signal.getsignal(signal.SIGTERM)
    trainer = upright.Trainer("CartPole-v1", "ppo", workers=2, engine="ray", **{settings!r})
    assert signal.getsignal(signal.SIGTERM) is before
    next(trainer)
    import os
    print(os.environ["RAY_AUTH_TOKEN_PATH"], flush=True)
    {after}
"""
ENDS = {
    "killed": "time.sleep(1000)",
    "at its end": "pass",
    "closed": "trainer.close(); print(flush=True); time.sleep(1000)",
}


@pytest.mark.long
@pytest.mark.parametrize("how", ENDS)
def test_nothing_of_ray_outlives_its_driver_however_it_ends(how: str) -> None:
    text = textwrap.dedent(DRIVER).format(settings=SHORT, after=ENDS[how])
    driver = subprocess.Popen(
        [sys.executable, "-c", text],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert driver.stdout is not None
    token = Path(driver.stdout.readline().strip())
    if how == "closed":
        driver.stdout.readline()
    else:
        begun = psutil.Process(driver.pid).children(recursive=True)
        assert len(begun) > 3
    if how == "closed":
        assert are_gone([each.pid for each in psutil.Process(driver.pid).children(recursive=True)])
        assert not token.parent.exists()
    if how != "at its end":
        driver.kill()
    _, said = driver.communicate()
    if how == "at its end":
        assert (driver.returncode, said) == (0, "")
        assert not token.parent.exists()
    if how != "closed":
        assert are_gone([each.pid for each in begun])


@pytest.mark.long
def test_an_interrupt_of_the_whole_group_leaves_ray_to_the_driver(tmp_path: Path) -> None:
    interrupt_of_the_whole_group(tmp_path, "--engine", "ray")


@pytest.mark.long
@pytest.mark.parametrize("how", ["none", "removed", "frozen"])
def test_a_node_that_is_lost_changes_nothing(how: str) -> None:
    import tempfile

    with closing(upright.Trainer("CartPole-v1", "ppo", **SETTINGS)) as calm:
        straight = course(calm)
    with tempfile.TemporaryDirectory(prefix="up-", dir="/tmp") as folder:
        found = with_nodes(how, folder)
    assert found["weights"] == straight["weights"]
    assert len(found["notes"]) >= sum(found["struck"]), found
    assert how == "none" or sum(found["struck"]), found


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


class Killer:
    """Kills workers of whatever kind among this process's descendants now and then, while entered.

    At most three, so that no unit can lose its worker more often than it may.
    """

    def __init__(self, rng: random.Random, seconds: float) -> None:
        self._moments = sorted(rng.uniform(0.0, seconds) for _ in range(3))
        self._over, self.struck = threading.Event(), 0
        self._thread = threading.Thread(target=self._kill)

    def _kill(self) -> None:
        began = time.monotonic()
        for moment in self._moments:
            if self._over.wait(max(0.0, began + moment - time.monotonic())):
                return
            for each in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    words = " ".join(each.cmdline())
                    if "ray::RayWorker" in words or "spawn_main" in words:
                        each.kill()
                        self.struck += 1
                        break

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join()


def _chosen(rng: random.Random) -> dict[str, Any]:
    engine = rng.choice(["process", "ray"])
    return {"workers": rng.choice([1, 2, 3]), "engine": engine}


@pytest.mark.long
def test_forty_kills_of_workers_and_drivers_across_engines_change_nothing(
    tmp_path: Path, server: Server
) -> None:
    rng = random.Random("forty kills")
    case = Case.of("CartPole-v1", "ppo", "vector", "normalize_obs", 77, timesteps=6000)
    case = Case(case.env, "ppo", case.arguments | {"shards": 4})
    assert server.train(case, tmp_path / "whole").status == 0
    drivers = workers = attempt = 0
    while drivers < 20 or workers < 20:
        attempt += 1
        assert attempt < 60, (drivers, workers)
        out = tmp_path / f"killed-{attempt}"
        first = _chosen(rng)
        with Killer(rng, 10.0) as killer:
            began = Case(case.env, "ppo", case.arguments | first)
            ended = server.train(began, out, kills.moment(rng, 3.0))
            while ended.status == KILLED:
                drivers += 1
                after = kills.moment(rng, 8.0) if rng.random() < 0.7 else -1.0
                words = {"path": str(case.folder(out)), **_chosen(rng)}
                ended = server.ask("resume", words, case.folder(out), after)
        workers += killer.struck
        assert ended.status == 0, ended.error
        assert differing(case.folder(tmp_path / "whole"), case.folder(out)) == []
    print(f"{drivers} drivers and {workers} workers killed in {attempt} runs")
