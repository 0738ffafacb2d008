"""A worker that Ray runs, on this machine or another: it does one unit after the other."""

from multiprocessing.reduction import ForkingPickler

from upright.envs import register_as
from upright.ground import limit_threads
from upright.scale.ray_node import Whereabouts, go_there
from upright.scale.shards import Shards
from upright.scale.worker import answer_to


class RayWorker:
    """What becomes an actor of Ray's; all that it takes of a unit and gives are bytes.

    Args:
        there: Where the driver is.
        job: What the run's units have in common, and what the driver knows of the environment's id.
    """

    def __init__(self, there: Whereabouts, job: bytes) -> None:
        go_there(there)
        limit_threads(1)
        common, spec = ForkingPickler.loads(job)
        register_as(spec)
        self._shards = Shards(common)

    def do(self, unit: bytes, weights: bytes) -> bytes:
        """What comes of a unit; the weights are empty where they are those of the unit before."""
        if weights:
            self._shards.load(ForkingPickler.loads(weights))
        return bytes(ForkingPickler.dumps(answer_to(self._shards, ForkingPickler.loads(unit))))
