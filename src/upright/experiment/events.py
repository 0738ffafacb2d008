"""TensorBoard events beside metrics.jsonl, under the same names.

Their format is small and does not change, and TensorBoard's own writer takes longer to import than
a small run takes to learn: records of length, checksum, data, checksum, whose data is a protocol
buffer (`event.proto` and `summary.proto` of TensorBoard). Tests read them back with TensorBoard.
"""

import os
import socket
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
import numpy as np

from upright.runs import Metric

PATTERN = "events.out.tfevents.*"
# The fields of Event, of Summary and of its Value: number and wire type, as one byte each.
WALL_TIME, STEP, FILE_VERSION, SUMMARY = b"\x09", b"\x10", b"\x1a", b"\x2a"
VALUE, TAG, SIMPLE_VALUE = b"\x0a", b"\x0a", b"\x15"


class EventLog:
    """Scalars over environment steps; there is a file once there is a row.

    Args:
        folder: Where the events file goes.
        rows: What a run that goes on has logged so far; written again, in the place of whatever
            events files there are, which may lack rows or have too many.

    Raises:
        OSError: The disk is full or gone.
    """

    def __init__(self, folder: Path, rows: Iterable[dict[str, Any]] = ()) -> None:
        self._folder, self._superseded = folder, sorted(folder.glob(PATTERN))
        self._file: BinaryIO | None = None
        earlier = list(rows)
        for row in earlier:
            self.add(row, time.time() - earlier[-1][Metric.SECONDS] + row[Metric.SECONDS])

    def add(self, row: dict[str, Any], wall_time: float | None = None) -> None:
        """One row of metrics; its numbers become scalars.

        Raises:
            OSError: The disk is full or gone.
        """
        now = time.time() if wall_time is None else wall_time
        if self._file is None:
            name = PATTERN.replace("*", f"{now:.6f}.{socket.gethostname()}.{os.getpid()}")
            self._file = (self._folder / name).open("xb")
            self._write(now, FILE_VERSION + _counted(b"brain.Event:2"))
            for path in self._superseded:
                path.unlink(missing_ok=True)
        scalars = {name: value for name, value in row.items() if "/" in name}
        values = [
            VALUE + _counted(TAG + _counted(tag.encode()) + SIMPLE_VALUE + single)
            for tag, single in zip(scalars, _singles(scalars.values()), strict=True)
        ]
        step = STEP + _varint(row[Metric.TIMESTEPS])
        self._write(now, step + SUMMARY + _counted(b"".join(values)))

    def close(self) -> None:
        """End the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, wall_time: float, what: bytes) -> None:
        assert self._file is not None
        event = WALL_TIME + struct.pack("<d", wall_time) + what
        length = struct.pack("<Q", len(event))
        self._file.write(length + _checksum(length) + event + _checksum(event))
        self._file.flush()


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the high bit says that more come."""
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


def _counted(data: bytes) -> bytes:
    return _varint(len(data)) + data


@np.errstate(over="ignore")  # what is beyond 32 bits is infinite
def _singles(values: Iterable[float]) -> list[bytes]:
    """Each as a float of 32 bits."""
    data = np.array([*values], np.float64).astype("<f4").tobytes()
    return [data[at : at + 4] for at in range(0, len(data), 4)]


def _checksum(data: bytes) -> bytes:
    """CRC-32C, rotated and moved as TensorFlow's record format asks."""
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
