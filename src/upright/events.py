"""TensorBoard events beside metrics.jsonl, under the same names."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

GRACE_SECONDS = 5.0
PATTERN = "events.out.tfevents.*"


class EventLog:
    """Scalars over environment steps.

    TensorBoard's own writer takes longer to import than a small run takes to learn, so rows wait
    until the run is `GRACE_SECONDS` old or ends.

    Args:
        folder: Where the events file goes.
        rows: What a run that goes on has logged so far; written again, in the place of whatever
            events files there are, which may lack rows or have too many.
    """

    def __init__(self, folder: Path, rows: Iterable[dict[str, Any]] = ()) -> None:
        self._folder, self._began = folder, time.monotonic()
        self._superseded = sorted(folder.glob(PATTERN))
        self._waiting: list[tuple[float, dict[str, Any]]] = []
        earlier = list(rows)
        if earlier:
            start = time.time() - earlier[-1]["time/time_elapsed"]
            self._waiting = [(start + row["time/time_elapsed"], row) for row in earlier]
        self._writer: Any = None

    def add(self, row: dict[str, Any]) -> None:
        """One row of metrics; its numbers become scalars."""
        self._waiting.append((time.time(), row))
        if self._writer is not None or time.monotonic() - self._began > GRACE_SECONDS:
            self._write()

    def close(self) -> None:
        """Write what waits, and end the file."""
        writer = self._writer
        if self._waiting:
            self._write()
            writer = self._writer
        if writer is not None:
            self._writer = None
            writer.close()

    def _write(self) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        first = self._writer is None
        if first:
            self._writer = EventFileWriter(str(self._folder))
        for wall_time, row in self._waiting:
            scalars = {tag: float(value) for tag, value in row.items() if "/" in tag}
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
            event = Event(
                wall_time=wall_time,
                step=row["time/total_timesteps"],
                summary=Summary(value=values),
            )
            self._writer.add_event(event)
        self._waiting.clear()
        if first and self._superseded:
            self._writer.flush()
            for path in self._superseded:
                path.unlink(missing_ok=True)
