"""Seeds on a cluster of Ray's on this machine, in whose midst something is lost.

Run as a script in the folder to train in, since Ray's variables count only before it is imported:

    python nodes.py removed|orphaned|blind

It prints one line of JSON.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

import upright
from scale.clusters import ray_workers, raylet_of
from scale.test_workers import are_gone
from study.gated import CHOSEN, ENV, Midway, folder_of, opener, trainings
from study.test_training import wait_until_nobody_writes
from upright.runs.run import Run

# A node is removed, the driver is killed, or a folder is seen by the driver alone.
WAYS = ("removed", "orphaned", "blind")
TITLE = "ray::RayTraining"
SEEDS = range(3)


def seeds(address: str, **chosen: Any) -> upright.Seeds:
    return upright.seeds(ENV, seeds=SEEDS, engine="ray", ray_address=address, **CHOSEN | chosen)


def removed(cluster: Any, nodes: list[Any]) -> dict[str, Any]:
    """One of the nodes that train, and not the driver's."""
    import ray

    class Removes(Midway):
        def struck(self) -> list[psutil.Process]:
            own = ray.get_runtime_context().get_node_id()
            others = [node for node in nodes if node.node_id != own]
            actors = {node: ray_workers(raylet_of(node), TITLE) for node in others}
            self._victim = max(others, key=lambda node: len(actors[node]))
            return [child for actor in actors[self._victim] for child in actor.children()]

        def strike(self) -> None:
            cluster.remove_node(self._victim, allow_graceful=False)

    first = seeds(cluster.address, onlooker=Removes(Path("gate"), len(SEEDS)))
    wait_until_nobody_writes(Path("runs"))
    return {"failures": first.failures, "again": seeds(cluster.address).failures}


def orphaned(cluster: Any, nodes: list[Any]) -> dict[str, Any]:
    """The cluster outlives its driver, and no training does."""
    driver = subprocess.Popen([sys.executable, __file__, "driver", cluster.address])
    logs = [folder_of(Path("runs"), seed) / "metrics.jsonl" for seed in SEEDS]
    while not all(log.exists() and log.read_bytes().count(b"\n") for log in logs):
        assert driver.poll() is None
        time.sleep(0.05)
    training = trainings(Path())
    begun = [*ray_workers(title=TITLE), *training]
    open_gate = opener(Path("gate"), training)
    driver.kill()
    driver.wait()
    open_gate()
    gone = are_gone([each.pid for each in begun])
    statuses = [Run(folder_of(Path("runs"), seed)).status for seed in SEEDS]
    again = seeds(cluster.address).failures
    return {"begun": len(begun), "gone": gone, "statuses": statuses, "again": again}


def blind(cluster: Any, nodes: list[Any]) -> dict[str, Any]:
    """A folder that no other process sees under this name."""
    there = Path("there")
    there.mkdir()
    out = Path(f"/proc/self/fd/{os.open(there, os.O_RDONLY)}")
    try:
        seeds(cluster.address, out=out)
    except upright.UprightError as error:
        return {"said": str(error), "left": [each.name for each in there.iterdir()]}
    return {}


def _main(how: str) -> None:
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    nodes = [cluster.add_node(**small) for _ in range(2)]
    found = {"removed": removed, "orphaned": orphaned, "blind": blind}[how](cluster, nodes)
    print(json.dumps(found), flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    if sys.argv[1] == "driver":
        seeds(sys.argv[2])
    else:
        _main(sys.argv[1])
