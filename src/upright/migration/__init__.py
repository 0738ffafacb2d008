"""Scripts and notebooks of OpenAI's old gym, read, pointed at and rewritten; never run."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.migration.migrating import Migration, migrated
    from upright.migration.relic import Relic

__getattr__, __dir__, __all__ = opened(__name__)
