"""Collecting in many places: shards of environments, and whoever collects them.

A shard is a fixed group of environments. Whoever collects it is a cache: what the next rollout of a
shard depends on travels with the unit of work, so that a worker may be lost at any moment, and the
same run comes of any engine with any number of workers.
"""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.scale.choosing import collector_of
    from upright.scale.engine import Engine, Job, Reply
    from upright.scale.inprocess import InProcess
    from upright.scale.processes import ProcessEngine
    from upright.scale.ray_cluster import attached, detached, how_lost
    from upright.scale.ray_engine import RayEngine
    from upright.scale.ray_node import Whereabouts, go_there, whereabouts
    from upright.scale.sharded import ShardedCollector

__getattr__, __dir__, __all__ = opened(__name__)
