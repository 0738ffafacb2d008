"""TensorBoard events beside metrics.jsonl, under the same names."""

import time
from pathlib import Path
from typing import Any

GRACE_SECONDS = 5.0


class EventLog:
    """Scalars over environment steps.

    TensorBoard's own writer takes longer to import than a small run takes to learn, so rows wait
    until the run is `GRACE_SECONDS` old or ends.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._began = folder, time.monotonic()
        self._waiting: list[tuple[float, int, dict[str, float]]] = []
        self._writer: Any = None

    def add(self, timesteps: int, scalars: dict[str, float]) -> None:
        """One row of scalars."""
        self._waiting.append((time.time(), timesteps, scalars))
        if self._writer is not None or time.monotonic() - self._began > GRACE_SECONDS:
            self._write()

    def close(self) -> None:
        """Write what waits, and end the file."""
        self._write()
        if self._writer is not None:
            self._writer.close()

    def _write(self) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if self._writer is None and self._waiting:
            self._writer = EventFileWriter(str(self._folder))
        for wall_time, timesteps, scalars in self._waiting:
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
            event = Event(wall_time=wall_time, step=timesteps, summary=Summary(value=values))
            self._writer.add_event(event)
        self._waiting.clear()
