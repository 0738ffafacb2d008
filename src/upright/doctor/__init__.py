"""What this machine has and lacks: a table of checks, each of which tries what Upright claims."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.doctor.examination import Entry, examined

__getattr__, __dir__, __all__ = opened(__name__)
