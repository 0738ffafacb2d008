"""TensorBoard events beside metrics.jsonl, under the same names."""

import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from upright.runs import Metric

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
            start = time.time() - earlier[-1][Metric.SECONDS]
            self._waiting = [(start + row[Metric.SECONDS], row) for row in earlier]
        self._file: BinaryIO | None = None

    def add(self, row: dict[str, Any]) -> None:
        """One row of metrics; its numbers become scalars."""
        self._waiting.append((time.time(), row))
        if self._file is not None or time.monotonic() - self._began > GRACE_SECONDS:
            self._write()

    def close(self) -> None:
        """Write what waits, and end the file.

        Raises:
            OSError: The disk is full or gone; what waited is given up then.
        """
        try:
            if self._waiting:
                self._write()
        finally:
            self._waiting.clear()
            file, self._file = self._file, None
            if file is not None:
                file.close()

    def _write(self) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        first = self._file is None
        if self._file is None:
            name = PATTERN.replace("*", f"{time.time():.6f}.{socket.gethostname()}.{os.getpid()}")
            self._file = (self._folder / name).open("xb")
        records = RecordWriter(self._file)
        if first:
            version = Event(wall_time=time.time(), file_version="brain.Event:2")
            records.write(version.SerializeToString())
        for wall_time, row in self._waiting:
            scalars = {tag: float(value) for tag, value in row.items() if "/" in tag}
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
            event = Event(
                wall_time=wall_time,
                step=row[Metric.TIMESTEPS],
                summary=Summary(value=values),
            )
            records.write(event.SerializeToString())
        self._waiting.clear()
        self._file.flush()
        for path in self._superseded if first else ():
            path.unlink(missing_ok=True)
