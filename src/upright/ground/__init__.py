"""What has nothing to do with learning: errors, seeding, state, files, text."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.ground.arrays import (
        LARGEST_FLOAT32,
        Array,
        Bools,
        Floats,
        mean,
        merged_moments,
        variance,
    )
    from upright.ground.errors import NonFiniteError, UprightError, did_you_mean
    from upright.ground.files import (
        as_json,
        ending_of,
        free_name,
        hidden_folder,
        new_file,
        refuse_taken,
        sha256,
        sync_folder,
        write_atomically,
        write_new,
        write_secret,
        write_synced,
    )
    from upright.ground.lock import RunLock, status_of
    from upright.ground.memory import memory_bytes
    from upright.ground.reading import (
        JSON_BYTES,
        TOML_BYTES,
        TORCH_FILE,
        foreign_kind,
        parse_json,
        read_bytes,
        read_json,
        regular_file,
    )
    from upright.ground.seeding import Stream, derive_seed, generator
    from upright.ground.signals import STOPPING, Interrupted, Interruption, alarm, interrupting
    from upright.ground.state import State, generator_state, restore_generator
    from upright.ground.tensors import Layout, layout_of, most_bytes, parse_tensors
    from upright.ground.text import how_many, in_a_line, printable, raised, said_by, shortened
    from upright.ground.threads import ONE_THREAD, limit_threads, usable_cores
    from upright.ground.version import versions

__getattr__, __dir__, __all__ = opened(__name__)
