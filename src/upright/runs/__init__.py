"""The run folder on disk: its records, checkpoints, logs, bundles, reading and listing."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.runs.agreement import held, replayed
    from upright.runs.bundle import refuse_links, unpack, write_bundle
    from upright.runs.checkpoint import Checkpoint, discard, read_checkpoint, recorded_mean, sweep
    from upright.runs.diagnosing import Watch, findings_of
    from upright.runs.export import export_onnx
    from upright.runs.folder import (
        BUNDLE_SUFFIX,
        CHECKPOINTS,
        COMMAND_FILE,
        CURVE_FILE,
        EPISODES_LOG,
        METRICS_LOG,
        PICTURES,
        REPLAY_FILE,
        RUN_FILE,
        VERDICT_FILE,
        WEIGHTS_FILE,
        checkpoint_folders,
        copy_of_run,
        folder_of,
        new_run_folder,
        placed,
        recipe_files,
    )
    from upright.runs.glance import Glance, Sheet
    from upright.runs.listing import find_runs, handed_in, is_anothers, run_folders
    from upright.runs.logs import EpisodeRow, Metric
    from upright.runs.manifest import LogMarks
    from upright.runs.records import (
        SCHEMA,
        Conditions,
        Resumption,
        RunRecord,
        VerdictRecord,
        judged,
    )
    from upright.runs.run import Run
    from upright.runs.tail import LogTail, Point

__getattr__, __dir__, __all__ = opened(__name__)
