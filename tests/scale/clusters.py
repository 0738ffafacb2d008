"""A training on a cluster of Ray's on this machine, one of whose nodes is lost in the middle.

Run as a script, since Ray's variables count only before it is imported:

    python clusters.py removed|frozen|none FOLDER

It prints one line of JSON: the course of the weights, the notes, the seconds of every iteration,
and how many workers the lost node had.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

import upright
from upright.scale.ray_cluster import EVERYWHERE

TITLE = "ray::RayWorker"  # of an actor
SETTINGS: dict[str, Any] = {
    "preset": "default", "num_envs": 8, "num_steps": 32, "shards": 4, "seed": 3,
}  # fmt: skip
ITERATIONS, LOST_IN = 6, 2
# Within how long a node that answers nothing counts as dead: 4 s instead of a minute.
SOON = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}


def ray_workers(under: int | None = None, title: str = TITLE) -> list[psutil.Process]:
    """The actors that a process has among its descendants; of this one where none is named."""
    below = psutil.Process(under).children(recursive=True)
    return [each for each in below if _is_actor(each, title)]


def _is_actor(process: psutil.Process, title: str) -> bool:
    try:
        return process.cmdline()[:1] != [] and process.cmdline()[0].startswith(title)
    except psutil.Error:
        return False


def hashed(trainer: upright.Trainer) -> str:
    """The weights, in a word."""
    found = hashlib.sha256()
    for name, array in sorted(trainer.policy.weights.items()):
        found.update(name.encode() + array.tobytes())
    return found.hexdigest()[:16]


def course(trainer: upright.Trainer, struck: Any = None) -> dict[str, Any]:
    """The weights after each iteration, and what was said of it; `struck` is called in one."""
    found: dict[str, Any] = {"weights": [], "notes": [], "seconds": []}
    for number in range(ITERATIONS):
        began = time.perf_counter()
        if struck is not None and number == LOST_IN:
            threading.Timer(0.01, struck).start()
        found["notes"] += next(trainer).notes
        found["weights"].append(hashed(trainer))
        found["seconds"].append(round(time.perf_counter() - began, 3))
    return found


def with_nodes(how: str, folder: str, **settings: Any) -> dict[str, Any]:
    """What came of a training in another process, whose cluster's node was lost that way."""
    soon = SOON if how == "frozen" else {}
    return told_by(__file__, folder, how, json.dumps(settings), **soon)


def told_by(script: str, folder: str, *words: str, **variables: str) -> dict[str, Any]:
    """What a script prints that begins a cluster.

    Args:
        script: Its file.
        folder: Where Ray's files go.
        words: Its arguments.
        variables: More of its environment.
    """
    (token := Path(folder, "token")).write_text("a token for a test of a cluster")
    token.chmod(0o600)
    tests = str(Path(__file__).parents[1])
    env = {
        "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_TMPDIR": folder, **EVERYWHERE,
        "PYTHONPATH": os.pathsep.join([tests, *sys.path]),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, script, *words],
        capture_output=True,
        text=True,
        env=os.environ | env | variables,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    (line,) = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def raylet_of(node: Any) -> int:
    pid: int = node.all_processes["raylet"][0].process.pid
    return pid


def _main(how: str, settings: dict[str, Any]) -> None:
    import ray
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 2, "object_store_memory": 80 << 20}
    cluster = Cluster()
    nodes = [cluster.add_node(**small) for _ in range(2)]
    trainer = upright.Trainer(
        "CartPole-v1", "ppo", workers=4, engine="ray", ray_address=cluster.address,
        **SETTINGS | settings,
    )  # fmt: skip
    own = ray.get_runtime_context().get_node_id()
    stopped: list[psutil.Process] = []
    struck: list[int] = []

    def strike() -> None:
        others = [each for each in nodes if each.node_id != own]  # the driver's stays
        victim = max(others, key=lambda each: len(ray_workers(raylet_of(each))))
        struck.append(len(ray_workers(raylet_of(victim))))
        if how == "removed":
            cluster.remove_node(victim, allow_graceful=False)
        else:
            raylet = psutil.Process(raylet_of(victim))
            stopped.extend([raylet, *raylet.children(recursive=True)])
            for each in stopped:
                each.send_signal(signal.SIGSTOP)

    found = course(trainer, None if how == "none" else strike)
    print(json.dumps({**found, "struck": struck}), flush=True)
    for each in stopped:
        each.kill()
    trainer.close()
    cluster.shutdown()


if __name__ == "__main__":
    _main(sys.argv[1], json.loads(sys.argv[2]))
