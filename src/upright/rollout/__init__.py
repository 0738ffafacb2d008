"""What environments and policy do together, and what of it must not reach learning."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.rollout.collector import LocalCollector, refuse_too_large
    from upright.rollout.faults import blame, refuse_nonfinite, refuse_outside
    from upright.rollout.rollout import Collector, Episode, Rollout

__getattr__, __dir__, __all__ = opened(__name__)
