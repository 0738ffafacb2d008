"""What a stranger may hand over: files that would run code, and copies of a run, spoilt."""

import hashlib
import io
import json
import os
import pickle
import struct
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

import upright
from upright.ground.errors import UprightError
from upright.runs.listing import find_runs
from upright.show.curves.curve import curve_of

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What a file that is only read never leads to.
NEVER = ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen")
CHANGING = {
    "os.mkdir": slice(1),
    "os.remove": slice(1),
    "os.rmdir": slice(1),
    "os.truncate": slice(1),
    "os.rename": slice(2),
    "os.link": slice(2),
    "os.symlink": slice(1, 2),
}
PYC = "__pycache__"
_SOURCE = 'from pathlib import Path\nPath({canary!r}).touch()\nraise SystemExit("imported")\n'
_watching: list[Callable[[str, tuple[Any, ...]], None]] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _watching:
        _watching[-1](event, args)


sys.addaudithook(_hook)


def _written(event: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The paths that an event changes."""
    if event == "open":
        path, mode, flags = args
        return (path,) if set(mode or "") & set("wax+") or (flags or 0) & WRITING else ()
    if event in ("os.remove", "os.rmdir") and args[1] != -1:
        return ()  # relative to a folder that is being deleted, which is an event of its own
    return args[CHANGING[event]] if event in CHANGING else ()


@contextmanager
def watched(inside: Path) -> Iterator[None]:
    """Fail where anything is executed, or is written elsewhere than `inside`."""
    seen: list[str] = []
    root = os.path.realpath(inside) + os.sep

    def outside(path: Any) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        place = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  links must not be resolved
        return not f"{place}/".startswith(root) and place != os.devnull and PYC not in place

    def look(event: str, args: tuple[Any, ...]) -> None:
        if event in NEVER or any(outside(path) for path in _written(event, args)):
            seen.append(f"{event} {args}")

    _watching.append(look)
    try:
        yield
    finally:
        _watching.pop()
    assert not seen, seen


class Bomb:
    """Touches the canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> Any:
        return (Path.touch, (self._canary,))


def module_that_sings(path: Path, canary: Path) -> None:
    """A Python file whose import touches the canary."""
    path.write_text(_SOURCE.format(canary=str(canary)))


def pickled(canary: Path) -> bytes:
    return pickle.dumps(Bomb(canary))


def torch_zip(canary: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save({"weights": Bomb(canary)}, buffer)
    return buffer.getvalue()


def torch_legacy(canary: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save({"weights": Bomb(canary)}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def numpy_objects(canary: Path) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb(canary)], object), allow_pickle=True)
    return buffer.getvalue()


def numpy_archive(canary: Path) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, weights=np.array([Bomb(canary)], object))
    return buffer.getvalue()


def stable_baselines3(canary: Path) -> bytes:
    """The members that its `save` writes, with a bomb in each that it unpickles."""
    members = {
        "data": json.dumps({"policy_class": {":serialized:": "gASVAAAAAAAAAA=="}}).encode(),
        "pytorch_variables.pth": torch_zip(canary),
        "policy.pth": torch_zip(canary),
        "policy.optimizer.pth": torch_zip(canary),
        "_stable_baselines3_version": b"2.9.2",
        "system_info.txt": b"- OS: any",
    }
    return zip_of(members.items())


def tar(canary: Path, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    data = pickled(canary)
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        info = tarfile.TarInfo("../run.json")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


FOREIGN: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "a pickle": (pickled, "is a Python pickle"),
    "an old pickle": (lambda canary: pickle.dumps(Bomb(canary), 0), "not|neither"),
    "a torch.save zip": (torch_zip, r"torch\.save"),
    "a legacy torch pickle": (torch_legacy, "is a Python pickle"),
    "a numpy array of objects": (numpy_objects, "not|neither"),
    "a numpy archive": (numpy_archive, "zip"),
    "a Stable-Baselines3 model": (stable_baselines3, "Stable-Baselines3"),
    "a tar": (tar, "is a tar archive"),
    "a tar.gz": (lambda canary: tar(canary, "w:gz"), "is a compressed archive"),
    "a tar.xz": (lambda canary: tar(canary, "w:xz"), "is a compressed archive"),
    "HDF5": (lambda canary: b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "is an HDF5 file"),
    "a program": (lambda canary: f"#!/bin/sh\ntouch {canary}\n".encode(), "not|neither"),
    "text": (lambda canary: b"Dear reader", "not|neither"),
    "nothing": (lambda canary: b"", "not|neither"),
}


def zip_of(
    members: Iterable[tuple[str | zipfile.ZipInfo, bytes]], kind: int = zipfile.ZIP_DEFLATED
) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", kind) as archive:
        warnings.simplefilter("ignore")  # of names that stand there twice
        for name, data in members:
            archive.writestr(member(name, kind) if isinstance(name, str) else name, data)
    return buffer.getvalue()


def member(name: str, kind: int) -> zipfile.ZipInfo:
    """A member of exactly this name: ZipInfo itself cuts one at its first null byte."""
    info = zipfile.ZipInfo("-")
    info.filename, info.compress_type = name, kind
    return info


def members_of(bundle: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def directory_of(data: bytes) -> tuple[int, int]:
    """Where a zip's directory begins, and how long it is."""
    length, start = struct.unpack("<II", data[-10:-2])
    return start, length


def patched(data: bytes, name: str, local: int, central: int, value: bytes) -> bytes:
    """A zip with bytes replaced at an offset into a member's local and directory headers."""
    start, _ = directory_of(data)
    whole = bytearray(data)
    for area, offset, head in ((data[:start], local, 30), (data[start:], central, 46)):
        found = area.index(name.encode()) - head + offset
        begin = found + (0 if head == 30 else start)
        whole[begin : begin + len(value)] = value
    return bytes(whole)


def ended(directory: bytes, start: int, count: int | None = None) -> bytes:
    """The record that ends a zip, for a directory that begins at `start`."""
    number = directory.count(b"PK\x01\x02") if count is None else count
    return struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, number, number, len(directory), start, 0)


def header(tensors: Any, body: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file from its header, whatever stands in it."""
    text = tensors if isinstance(tensors, bytes) else json.dumps(tensors).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def entry(dtype: Any = "F32", shape: Any = (1,), offsets: Any = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def edit(path: Path, **changes: Any) -> None:
    """Change the keys of a JSON file."""
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | changes))


def replaced(record: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A JSON value with another one in one place."""
    if not place:
        return value
    copy = record.copy()
    copy[place[0]] = replaced(record[place[0]], place[1:], value)
    return copy


def places(record: Any, depth: int = 8) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value that can be replaced; of a list, the first."""
    keys = list(record) if isinstance(record, dict) else [0] if record and depth else []
    if not isinstance(record, dict | list):
        return
    for key in keys:
        yield (key,)
        for rest in places(record[key], depth - 1):
            yield (key, *rest)


def rehash(checkpoint: Path) -> None:
    """Make the manifest of a checkpoint vouch for whatever lies there."""
    files = {}
    for name in ("policy.safetensors", "trainer.safetensors", "state.json"):
        data = (checkpoint / name).read_bytes()
        files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (checkpoint / "manifest.json").write_text(json.dumps({"schema": 2, "files": files}))


def newest(folder: Path) -> Path:
    """The newest checkpoint of a run."""
    return max((folder / "checkpoints").iterdir(), key=lambda path: path.name)


def stopped(folder: Path) -> Path:
    """Let a finished run look like one that was killed: it is used by its checkpoints alone."""
    edit(folder / "run.json", status="running")
    for name in ("policy.safetensors", "evaluation.json"):
        (folder / name).unlink()
    return folder


def everything(path: Path, out: Path, **trust: Any) -> dict[str, str]:
    """What every entry point says of a run: its sentence where it refuses, else nothing.

    Only an UprightError is a refusal; anything else passes through, and fails the test.
    """
    said: dict[str, str] = {}

    def ask(name: str, question: Callable[[], Any]) -> None:
        try:
            question()
        except UprightError as error:
            said[name] = str(error)
        else:
            said[name] = ""

    ask("load", lambda: upright.load(path, **trust))
    if said["load"] == "":
        run = upright.load(path, **trust)
        ask("status", lambda: (run.status, run.solved, repr(run)))
        ask("policy", lambda: run.policy)
        ask("evaluate", lambda: run.evaluate(1))
        ask("metrics", run.metrics)
        ask("episodes", run.episodes)
        ask("untrained", lambda: run.policy_at(0))
        ask("first", lambda: run.policy_at("first"))
        ask("last", lambda: run.policy_at("last"))
        ask("curve", lambda: curve_of(run))
        ask("verdict", run.verdict)
        ask("verify", lambda: upright.verify(run))
        del run
    ask("runs", lambda: list(find_runs(path.parent)))
    ask("resume", lambda: upright.resume(path, total_timesteps=256, out=out, **trust))
    return said


def nested(value: Any, depth: int) -> Any:
    """A value in so many lists."""
    for _ in range(depth):
        value = [value]
    return value
