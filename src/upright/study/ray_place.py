"""Trainings wherever Ray has room: on this machine alone, or on all of a cluster."""

import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from upright.ground import UprightError
from upright.scale import attached, detached, how_lost, whereabouts
from upright.study.local_process import thread_limits
from upright.study.process import Beginning, Ending
from upright.study.ray_training import RayTraining, Told, sees, unseen

# A node that says nothing for so long is left to the trainings that come there.
ASKING_SECONDS, KILLING_SECONDS = 60.0, 5.0
STOPPED = 128 + signal.SIGTERM
# Else Ray kills a training with its actor, which should have its moment for a checkpoint.
LEFT_ALIVE = {"env_vars": {"RAY_kill_child_processes_on_worker_exit": "0"}}


class RayProcess:
    """A training's process on whatever node Ray has room; it is asked one thing at a time.

    Args:
        ray: As `attached` gave it.
        actor: A `RayTraining`, which may have to wait for room.
        arriving: What it is asked first.
        task: What `study.child` takes.
    """

    def __init__(self, ray: Any, actor: Any, arriving: Any, task: dict[str, Any]) -> None:
        self._ray, self._actor, self._answer, self._task = ray, actor, arriving, task
        self._lines: list[bytes] = []
        self._ended: Ending | None = None
        self._is_begun = self._is_asked = False

    def heard(self) -> list[bytes]:
        """The lines that it told since."""
        self._take()
        lines, self._lines = self._lines, []
        return lines

    def ended(self) -> Ending | None:
        """How it ended; None while it goes on."""
        self._take()
        return self._ended

    def hang_up(self) -> None:
        """Ask it to write a checkpoint and end; what waits for room has none to write."""
        self._is_asked = True
        if not self._is_begun and self._ended is None:
            self._bury(Ending(STOPPED, ""))

    def kill(self) -> None:
        """End it now, and wait until it has, where it can be reached."""
        if self._is_begun and self._ended is None:
            with suppress(self._ray.exceptions.RayError):
                self._ray.wait([self._actor.kill.remote()], timeout=KILLING_SECONDS)
        self._bury(self._ended or Ending(-signal.SIGKILL, ""))

    def _take(self) -> None:
        """Take in the answer, if it is there, and ask the next."""
        if self._ended is not None:
            return
        ready, _ = self._ray.wait([self._answer], timeout=0, fetch_local=False)
        if not ready:
            return
        try:
            told: Told = self._ray.get(self._answer)
        except self._ray.exceptions.RayError as error:
            told = [], Ending(None, how_lost(self._ray, error))
        lines, ended = told
        self._lines += lines
        if ended is not None:
            self._bury(ended)
        elif self._is_begun:
            self._answer = self._actor.listen.remote(self._is_asked)
        else:
            self._is_begun = True
            self._answer = self._actor.begin.remote(self._task, thread_limits())

    def _bury(self, ended: Ending) -> None:
        """Let others have its room."""
        self._ended = ended
        with suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._actor, no_restart=True)


@contextmanager
def on_ray(
    out: str | Path, threads: int, jobs: int, address: str
) -> Iterator[tuple[Beginning, int]]:
    """What begins trainings on Ray, and how many it has room for.

    Args:
        out: The folder that the run folders go into, which every node should see.
        threads: So many CPUs each.
        jobs: How many a Ray that is begun here should have room for.
        address: The cluster; empty for this machine alone.

    Raises:
        UprightError: Ray is missing, cannot be reached or begun, would be open to others, has no
            room for one training, or has a node that does not see the folder.
    """
    ray = attached(address, jobs * threads)
    try:
        nodes = _nodes(ray, threads)
        shown = str(Path(out).absolute())
        with _mark(Path(out)) as mark:
            _refuse_blind(ray, nodes, mark, shown)
            # Ray starts and tries nothing again: the same command does, from a checkpoint.
            once = {
                "max_restarts": 0,
                "max_task_retries": 0,
                "runtime_env": LEFT_ALIVE,
            }
            kind = ray.remote(num_cpus=threads, scheduling_strategy="SPREAD", **once)(RayTraining)

            def begin(task: dict[str, Any]) -> RayProcess:
                actor = kind.remote(whereabouts())
                return RayProcess(ray, actor, actor.arrive.remote(mark, shown), task)

            yield begin, sum(int(node["Resources"]["CPU"]) // threads for node in nodes)
    finally:
        detached()


def _nodes(ray: Any, threads: int) -> list[Any]:
    """The nodes that have room for a training, were nothing else there."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    found = [node for node in alive if node["Resources"].get("CPU", 0) >= threads]
    if not found:
        raise UprightError(
            f"No node of Ray's has the CPUs for a training of {threads} threads.",
            "Say fewer --threads, or add a node that has them.",
        )
    return found


@contextmanager
def _mark(out: Path) -> Iterator[str]:
    """A hidden file where the runs go, or would if there were a folder; named as `out` is."""
    there = next(each for each in (out, *out.parents) if each.is_dir())
    mark = there / f".{secrets.token_hex(6)}.tmp"
    try:
        mark.touch(exist_ok=False)
    except OSError as error:
        raise UprightError(
            f"Cannot write into {there}: {error.strerror or error}.", "Choose another --out."
        ) from error
    try:
        yield str(mark)
    finally:
        with suppress(OSError):
            mark.unlink()


def _refuse_blind(ray: Any, nodes: list[Any], mark: str, out: str) -> None:
    """Look for the mark on every node but this machine's own.

    Raises:
        UprightError: One does not see it, or cannot say.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    own, looking = ray.get_runtime_context().get_node_id(), ray.remote(sees)
    asked = {}
    for node in nodes:
        if node["NodeID"] != own:
            chosen = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            once = looking.options(num_cpus=0, max_retries=0, scheduling_strategy=chosen)
            asked[once.remote(whereabouts(), mark)] = node["NodeManagerHostname"]
    answers = [*asked]
    if answers:
        answers, _ = ray.wait(answers, num_returns=len(answers), timeout=ASKING_SECONDS)
    for answer in answers:
        try:
            is_seen = ray.get(answer)
        except ray.exceptions.RayTaskError as error:
            raise UprightError(
                f"The node {asked[answer]} cannot train: a process there {how_lost(ray, error)}.",
                "Upright should be installed on every machine, in the same version.",
            ) from error
        except ray.exceptions.RayError:
            continue  # a node that is gone is known as one after a while
        if not is_seen:
            raise unseen(asked[answer], out)
