"""Nothing executes on load, and nothing is let in: whatever a stranger puts into a run."""

import gc
import json
import os
import re
import resource
import shutil
import signal
import struct
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

import hostile
import upright
from hostile import FOREIGN, edit, entry, everything, header, newest, rehash, stopped, zip_of
from upright.cli import main
from upright.ground.errors import UprightError
from upright.ground.reading import parse_json
from upright.ground.tensors import parse_tensors
from upright.runs.bundle import write_bundle
from upright.settings.resolving import read_recipe

TINY = {"hidden_sizes": (4,), "num_envs": 4, "num_steps": 16, "num_epochs": 1}
IN_RUN = ("run.json", "settings.toml", "policy.safetensors", "metrics.jsonl", "evaluation.json")
IN_CHECKPOINT = ("policy.safetensors", "trainer.safetensors", "state.json", "manifest.json")
WRITTEN = (".lock", ".run.json.tmp", "episodes.jsonl", "events.out.tfevents.1")
SHORT = (2**70,)
VALUES = [
    pytest.param(value, marks=[] if value in SHORT else pytest.mark.long, id=repr(value))
    for value in (None, True, -1, 2**70, 1.5, "x", [], {}, [[], [], []])
]

pytestmark = [
    # An absurd but possible number may overflow on the way to its refusal.
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is over in a moment, for reading only."""
    return upright.train(
        "CartPole-v1",
        algo="ppo",
        preset="default",
        total_timesteps=128,
        out=tmp_path_factory.mktemp("tiny"),
        **TINY,
    ).path


@pytest.fixture(autouse=True)
def _no_endless_wait() -> Iterator[None]:
    """A safety net: what waits for ever fails instead."""

    def late(signum: int, frame: Any) -> None:
        raise AssertionError("this never ends")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(40)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module", autouse=True)
def _only_new_garbage() -> Iterator[None]:
    """Let `room` collect what a test made, and not look at all that is loaded, each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in; nothing is executed, or written outside it, or left behind."""
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with hostile.watched(tmp_path):
        yield tmp_path
    gc.collect()
    assert list((tmp_path / "here").iterdir()) == []
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.fixture
def spoilt(tiny_run: Path, room: Path) -> Path:
    """A copy of the small run, to be spoilt."""
    return Path(shutil.copytree(tiny_run, room / "runs" / "spoilt"))


@pytest.fixture
def canary(room: Path) -> Iterator[Path]:
    """A file that only executed code would make."""
    yield room / "canary"
    assert not (room / "canary").exists()


@pytest.fixture
def victim(room: Path) -> Iterator[Path]:
    """A file outside the run that must stay as it is."""
    path = room / "victim"
    path.write_bytes(b"precious")
    yield path
    assert path.read_bytes() == b"precious"
    assert not path.is_symlink()


@pytest.fixture
def bundle(spoilt: Path) -> Path:
    """A bundle of the small run, to be spoilt."""
    write_bundle(spoilt, spoilt.parent / "run.zip")
    return spoilt.parent / "run.zip"


def refused(said: dict[str, str], *names: str, match: str) -> None:
    """Those entry points refused with such a sentence."""
    for name in names:
        assert re.search(match, said[name]), f"{name}: {said[name] or 'it worked'}"


@contextmanager
def memory_below(limit: int) -> Iterator[None]:
    """Fail where more is allocated at a time."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit


@contextmanager
def told(*what: Any) -> Iterator[None]:
    """Say which case of a table it was."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error


def typed(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """The one sentence with which a command refuses, by exit code 2."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("error:")]
    others = [line for line in err.splitlines()[1:] if not line.startswith(("error:", "hint:"))]
    assert (code, len(errors), others) == (2, 1, []), f"{code} {err}"
    assert "Traceback" not in err + out
    return errors[0]


def test_the_bombs_of_these_tests_do_go_off(tmp_path: Path) -> None:
    import pickle

    import torch

    for make, read in (
        (hostile.pickled, pickle.loads),
        (hostile.torch_zip, lambda data: torch.load(Path(data), weights_only=False)),
    ):
        data: Any = make(tmp_path / "canary")
        if make is hostile.torch_zip:
            (tmp_path / "bomb").write_bytes(data)
            data = tmp_path / "bomb"
        read(data)
        assert (tmp_path / "canary").exists()
        (tmp_path / "canary").unlink()


def test_the_watch_sees_what_is_executed_or_written_outside(tmp_path: Path) -> None:
    import pickle

    (tmp_path / "inside").mkdir()
    with pytest.raises(AssertionError, match="open"), hostile.watched(tmp_path / "inside"):
        (tmp_path / "outside").write_text("")
    with pytest.raises(AssertionError, match="find_class"), hostile.watched(tmp_path):
        pickle.loads(hostile.pickled(tmp_path / "canary"))
    with hostile.watched(tmp_path):
        (tmp_path / "inside" / "file").write_text("")


def test_the_run_of_these_tests_works_as_long_as_nobody_spoils_it(
    spoilt: Path, bundle: Path, room: Path
) -> None:
    assert set(everything(bundle, room / "out").values()) == {""}
    assert set(everything(spoilt, room / "out").values()) == {""}
    said = everything(stopped(spoilt), room / "out")
    assert {name for name, sentence in said.items() if sentence} == {"verdict", "verify"}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_weights_are_named_and_not_opened(
    spoilt: Path, room: Path, canary: Path, kind: str
) -> None:
    make, sentence = FOREIGN[kind]
    (spoilt / "policy.safetensors").write_bytes(make(canary))
    said = everything(spoilt, room / "out")
    refused(said, "policy", "evaluate", "verdict", match=rf"policy\.safetensors.*({sentence})")


@pytest.mark.parametrize("name", ["policy.safetensors", "trainer.safetensors", "state.json"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files_in_a_checkpoint_are_not_opened_even_if_its_manifest_vouches_for_them(
    spoilt: Path, room: Path, canary: Path, kind: str, name: str
) -> None:
    stopped(spoilt)
    for checkpoint in (spoilt / "checkpoints").iterdir():
        (checkpoint / name).write_bytes(FOREIGN[kind][0](canary))
        rehash(checkpoint)
    said = everything(spoilt, room / "out")
    refused(said, "policy", "evaluate", match="has no w(eights yet|hole checkpoint)")
    refused(said, "resume", match=rf"has no whole checkpoint.*{re.escape(name)}")


@pytest.mark.parametrize("name", ["run.json", "settings.toml", "metrics.jsonl", "evaluation.json"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files_in_the_place_of_text_are_refused(
    spoilt: Path, room: Path, canary: Path, kind: str, name: str
) -> None:
    (spoilt / name).write_bytes(FOREIGN[kind][0](canary))
    said = everything(spoilt, room / "out")
    asked = {"run.json": "load", "settings.toml": "policy", "metrics.jsonl": "metrics"}
    if (kind, name) != ("nothing", "metrics.jsonl"):
        refused(said, asked.get(name, "verdict"), match=re.escape(name))


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_no_run(
    room: Path, canary: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, sentence = FOREIGN[kind]
    (room / "runs").mkdir()
    path = room / "runs" / "given"
    path.write_bytes(make(canary))
    said = everything(path, room / "out")
    refused(said, "load", "resume", match=sentence)
    assert said["runs"] == ""
    for verb in ("evaluate", "verify", "resume", "bundle"):
        assert re.search(sentence, typed(capsys, verb, path))


def with_more(*names: str) -> Callable[[Path], bytes]:
    """The bundle, and members that no bundle has."""

    def build(bundle: Path) -> bytes:
        members = hostile.members_of(bundle)
        return zip_of([*members.items(), *((name, b"x") for name in names)])

    return build


def without_directory(bundle: Path) -> bytes:
    data = bundle.read_bytes()
    return data[: hostile.directory_of(data)[0]]


def with_nul(bundle: Path) -> bytes:
    data = zip_of([*hostile.members_of(bundle).items(), ("run.jsonX.exe", b"{}")])
    return data.replace(b"run.jsonX.exe", b"run.json\0.exe")


def with_nul_only(bundle: Path) -> bytes:
    members = hostile.members_of(bundle)
    members["run.jsonX.exe"] = members.pop("run.json")
    return zip_of(members.items()).replace(b"run.jsonX.exe", b"run.json\0.exe")


def twice(bundle: Path) -> bytes:
    members = hostile.members_of(bundle)
    return zip_of([*members.items(), ("run.json", members["run.json"])])


def with_link(bundle: Path) -> bytes:
    info = zipfile.ZipInfo("episodes.jsonl")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    members = hostile.members_of(bundle)
    members.pop("episodes.jsonl")
    return zip_of([*members.items(), (info, b"/etc/passwd")])


def encrypted(bundle: Path) -> bytes:
    return hostile.patched(bundle.read_bytes(), "settings.toml", 6, 8, b"\x01\x00")


def packed_unknown(bundle: Path) -> bytes:
    return hostile.patched(bundle.read_bytes(), "settings.toml", 8, 10, struct.pack("<H", 97))


def packed(kind: int) -> Callable[[Path], bytes]:
    return lambda bundle: zip_of(hostile.members_of(bundle).items(), kind)


def bomb(bundle: Path) -> bytes:
    return zip_of((hostile.members_of(bundle) | {"metrics.jsonl": bytes(100 << 20)}).items())


def lying_bomb(bundle: Path) -> bytes:
    return hostile.patched(bomb(bundle), "metrics.jsonl", 22, 24, struct.pack("<I", 1000))


def inflated(bundle: Path) -> bytes:
    claim = struct.pack("<I", 3 << 30)
    return hostile.patched(bundle.read_bytes(), "metrics.jsonl", 22, 24, claim)


def too_large_json(bundle: Path) -> bytes:
    large = b'{"a": "' + bytes(5 << 20) + b'"}'
    return zip_of((hostile.members_of(bundle) | {"run.json": large}).items(), zipfile.ZIP_STORED)


def overlapping(bundle: Path) -> bytes:
    """Several names in the directory, all of them for the same bytes."""
    data = zip_of([("checkpoints/1/policy.safetensors", bytes(1000))])
    start, length = hostile.directory_of(data)
    one = data[start : start + length]
    directory = b"".join(
        one.replace(b"checkpoints/1", f"checkpoints/{n}".encode()) for n in range(10)
    )
    run = zip_of([("run.json", b"{}")])
    own, size = hostile.directory_of(run)
    moved = bytearray(run[own : own + size])
    moved[42:46] = struct.pack("<I", start)
    directory += bytes(moved)
    body = data[:start] + run[:own]
    return body + directory + hostile.ended(directory, len(body))


def overlapping_alike(bundle: Path) -> bytes:
    data = bundle.read_bytes()
    start, length = hostile.directory_of(data)
    directory = data[start : start + length] * 3
    return data[:start] + directory + hostile.ended(directory, start)


def many(count: int | None) -> Callable[[Path], bytes]:
    """100,000 empty members, and how many of them the end admits to."""

    def build(bundle: Path) -> bytes:
        data = zip_of([("run.json", b"{}")])
        start, length = hostile.directory_of(data)
        directory = data[start : start + length] * 100_000
        admitted = 0xFFFF if count is None else count
        return data[:start] + directory + hostile.ended(directory, start, admitted)

    return build


def zip64(bundle: Path) -> bytes:
    data = bundle.read_bytes()
    start, length = hostile.directory_of(data)
    end = start + length
    count = struct.unpack("<H", data[-12:-10])[0]
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    marks = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    return data[:end] + record + locator + marks


def zip64_behind_plain_numbers(bundle: Path) -> bytes:
    whole = zip64(bundle)
    return whole[:-22] + bundle.read_bytes()[-22:]


def commented(bundle: Path) -> bytes:
    return bundle.read_bytes()[:-2] + b"\x05\x00hello"


def appended(bundle: Path) -> bytes:
    return bundle.read_bytes() + b"x"


def prepended(bundle: Path) -> bytes:
    return b"#!/bin/sh\nexit 1\n" + bundle.read_bytes()


def garbled(bundle: Path) -> bytes:
    data = bytearray(bundle.read_bytes())
    data[200:220] = bytes(20)
    return bytes(data)


UNKNOWN = "which is no part of a run"
ZIPS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "the folder above": (with_more("../x"), UNKNOWN),
    "the folder above, from a checkpoint": (with_more("checkpoints/1/../../../x"), UNKNOWN),
    "an absolute name": (with_more("/etc/cron.d/x"), UNKNOWN),
    "a backslash": (with_more("..\\x"), UNKNOWN),
    "a drive": (with_more("C:/x"), UNKNOWN),
    "a drive and a backslash": (with_more("C:\\run.json"), UNKNOWN),
    "a hidden name": (with_more(".bashrc"), UNKNOWN),
    "another case": (with_more("RUN.JSON"), UNKNOWN),
    "a folder for a file": (with_more("run.json/"), UNKNOWN),
    "a file in a file": (with_more("run.json/x"), UNKNOWN),
    "a checkpoint with a name": (with_more("checkpoints/x/policy.safetensors"), UNKNOWN),
    "a checkpoint in other digits": (with_more("checkpoints/١٢/policy.safetensors"), UNKNOWN),
    "a checkpoint with too many digits": (
        with_more(f"checkpoints/{'1' * 5000}/policy.safetensors"),
        UNKNOWN,
    ),
    "code": (with_more("sitecustomize.py"), UNKNOWN),
    "a line break": (with_more("run.json\nerror: x"), UNKNOWN),
    "a zip in it": (with_more("run.zip"), UNKNOWN),
    "a NUL in a name": (with_nul, "twice|no part|not a bundle"),
    "a NUL in the only name": (with_nul_only, "no part|not a bundle"),
    "a name twice": (twice, "holds a file twice"),
    "a link": (with_link, "holds a link"),
    "encryption": (encrypted, "encrypted or packed in an unknown way"),
    "an unknown packing": (packed_unknown, "encrypted or packed in an unknown way"),
    "bzip2": (packed(zipfile.ZIP_BZIP2), "encrypted or packed in an unknown way"),
    "lzma": (packed(zipfile.ZIP_LZMA), "encrypted or packed in an unknown way"),
    "a bomb": (bomb, "would swell to"),
    "a bomb that lies": (lying_bomb, "not a bundle that can be read|holds more than it says"),
    "a size that is not true": (inflated, "3,221,225,472 bytes"),
    "too much JSON": (too_large_json, "are allowed"),
    "names for the same bytes": (overlapping, "not a bundle that can be read|would swell"),
    "the same names for the same bytes": (overlapping_alike, "holds a file twice"),
    "100,000 members": (many(None), "lists more files than a bundle can have"),
    "100,000 members that are denied": (many(1), "lists more files than a bundle can have"),
    "zip64": (zip64, "no plain zip"),
    "zip64 behind plain numbers": (zip64_behind_plain_numbers, "no plain zip"),
    "a comment": (commented, "torn, or no plain zip"),
    "something behind": (appended, "torn, or no plain zip"),
    "something before": (prepended, "neither a run folder nor a bundle"),
    "no directory": (without_directory, "torn, or no plain zip"),
    "bytes that were changed": (garbled, "not a bundle that can be read"),
    "no members": (lambda bundle: zip_of([]), "neither a run folder nor a bundle"),
    "only another member": (lambda bundle: zip_of([("a", b"b")]), "not a bundle of a run"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ZIPS)
def test_a_zip_that_upright_would_not_write_is_refused(
    bundle: Path, room: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    build, sentence = ZIPS[kind]
    bundle.write_bytes(build(bundle))
    before = sorted(room.rglob("*"))
    said = everything(bundle, room / "out")
    refused(said, "load", "resume", match=sentence)
    assert sorted(room.rglob("*")) == before
    assert re.search(sentence, typed(capsys, "verify", bundle))


@pytest.mark.parametrize("tenth", range(10))
def test_a_bundle_that_was_torn_is_refused(bundle: Path, room: Path, tenth: int) -> None:
    data = bundle.read_bytes()
    for short in (len(data) * tenth // 10, len(data) * (tenth + 1) // 10 - 1):
        bundle.write_bytes(data[:short])
        refused(everything(bundle, room / "out"), "load", "resume", match="torn|neither a run")


def test_a_bundle_in_a_bundle_is_not_opened(bundle: Path, room: Path) -> None:
    members = hostile.members_of(bundle)
    members["policy.safetensors"] = bundle.read_bytes()
    bundle.write_bytes(zip_of(members.items()))
    refused(everything(bundle, room / "out"), "policy", "evaluate", match="is a zip archive")


def places_of_files(folder: Path) -> list[Path]:
    checkpoint = newest(folder).relative_to(folder)
    return [*map(Path, IN_RUN), *(checkpoint / name for name in IN_CHECKPOINT)]


@pytest.mark.parametrize("index", range(len(IN_RUN) + len(IN_CHECKPOINT)))
def test_a_link_in_the_place_of_a_file_is_not_followed(
    spoilt: Path, room: Path, victim: Path, capsys: pytest.CaptureFixture[str], index: int
) -> None:
    name = places_of_files(spoilt)[index]
    victim.write_bytes((spoilt / name).read_bytes())  # what it points to would do
    (spoilt / name).unlink()
    (spoilt / name).symlink_to(victim)
    said = everything(spoilt, room / "out")
    refused(said, "resume", match="is a link")
    asked = ("load", "policy", "policy", "metrics", "verdict")
    if index < len(asked):
        refused(said, asked[index], match=r"is a link|no whole checkpoint")
    assert "link" in typed(capsys, "resume", spoilt)
    assert (spoilt / name).is_symlink()
    victim.write_bytes(b"precious")


@pytest.mark.parametrize("name", [*WRITTEN, "failures", "x"])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_for_what_would_be_written_leads_nowhere(
    spoilt: Path, room: Path, victim: Path, name: str, dangling: bool
) -> None:
    edit(spoilt / "run.json", status="running")
    (spoilt / name).unlink(missing_ok=True)
    (spoilt / name).symlink_to(room / "new" if dangling else victim)
    said = everything(spoilt, room / "out")
    refused(said, "resume", match="is a link")
    assert not (room / "new").exists()


@pytest.mark.parametrize("level", ["checkpoints", "a checkpoint"])
def test_a_link_for_a_folder_is_not_followed(spoilt: Path, room: Path, level: str) -> None:
    stopped(spoilt)
    folder = spoilt / "checkpoints" if level == "checkpoints" else newest(spoilt)
    elsewhere = folder.rename(room / "elsewhere")
    if level == "a checkpoint":
        shutil.rmtree(spoilt / "checkpoints")
        (spoilt / "checkpoints").mkdir()
    folder.symlink_to(elsewhere)
    before = {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()}
    said = everything(spoilt, room / "out")
    refused(said, "policy", "evaluate", match="has no w(eights yet|hole checkpoint)")
    refused(said, "resume", match="is a link")
    assert before == {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()}


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link_to_zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("make", [a_pipe, a_folder, a_link_to_zeros, a_link_to_itself])
@pytest.mark.parametrize("index", range(len(IN_RUN) + len(IN_CHECKPOINT)))
def test_what_is_no_file_is_refused_in_its_place_and_never_waited_for(
    spoilt: Path, room: Path, make: Callable[[Path], None], index: int
) -> None:
    name = places_of_files(spoilt)[index]
    (spoilt / name).unlink()
    make(spoilt / name)
    said = everything(spoilt, room / "out")
    asked = ("load", "policy", "policy", "metrics", "verdict")
    if index < len(asked):
        refused(said, asked[index], match=".")


@pytest.mark.parametrize("make", [a_pipe, a_folder])
@pytest.mark.parametrize("name", [*WRITTEN, "checkpoints"])
def test_what_is_no_file_where_a_run_is_written_is_never_waited_for(
    spoilt: Path, room: Path, make: Callable[[Path], None], name: str
) -> None:
    edit(spoilt / "run.json", status="running")
    if name == "checkpoints":
        shutil.rmtree(spoilt / name)
    (spoilt / name).unlink(missing_ok=True)
    make(spoilt / name)
    everything(spoilt, room / "out")


@pytest.mark.parametrize("make", [a_pipe, a_link_to_zeros, a_link_to_itself])
def test_what_is_no_file_is_no_bundle_and_never_waited_for(
    room: Path, make: Callable[[Path], None]
) -> None:
    (room / "runs").mkdir()
    make(room / "runs" / "given")
    refused(everything(room / "runs" / "given", room / "out"), "load", "resume", match=".")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\ud800", ""])
def test_a_path_that_cannot_be_is_refused(room: Path, name: str) -> None:
    for open_it in (upright.load, upright.resume):
        with pytest.raises(UprightError):
            open_it(room / name / name)


WHOLE = {"a": entry()}
HEADERS: dict[str, tuple[bytes, str]] = {
    "a length without the bytes": (header(b"{}", length=100 << 20), "torn"),
    "a length of 2**63": (header(b"{}", length=2**63), "torn"),
    "a length of 2**64 - 1": (b"\xff" * 8, "torn"),
    "seven bytes": (b"\x01" * 7, "torn"),
    "no header": (header(b""), "JSON"),
    "a negative shape": (header({"a": entry(shape=[-1])}, bytes(4)), "JSON|overflow"),
    "two negative numbers": (header({"a": entry(shape=[-1, -1])}, bytes(4)), "JSON|overflow"),
    "a shape that overflows": (
        header({"a": entry(shape=[2**62, 4], offsets=[0, 0])}),
        "overflow|invalid offset",
    ),
    "a shape beyond 64 bits": (header({"a": entry(shape=[2**70])}, bytes(4)), "JSON|overflow"),
    "a shape of truth": (header({"a": entry(shape=[True])}, bytes(4)), "JSON|overflow"),
    "a shape of fractions": (header({"a": entry(shape=[1.0])}, bytes(4)), "JSON|overflow"),
    "a shape of text": (header({"a": entry(shape="1")}, bytes(4)), "JSON|overflow"),
    "a shape in a shape": (header({"a": entry(shape=[[1]])}, bytes(4)), "JSON|overflow"),
    "offsets of truth": (header({"a": entry(offsets=[False, 4])}, bytes(4)), "JSON|overflow"),
    "one offset": (header({"a": entry(offsets=[4])}, bytes(4)), "JSON"),
    "three offsets": (header({"a": entry(offsets=[0, 4, 8])}, bytes(8)), "JSON"),
    "offsets backwards": (header({"a": entry(offsets=[4, 0])}, bytes(4)), "invalid offset"),
    "offsets behind the end": (header({"a": entry(offsets=[4, 8])}, bytes(4)), "invalid offset"),
    "a hundred dimensions": (header({"a": entry(shape=[1] * 100)}, bytes(4)), "dimension"),
    "overlapping tensors": (header({"a": entry(), "b": entry()}, bytes(4)), "invalid offset"),
    "half overlapping tensors": (
        header({"a": entry(), "b": entry(offsets=[2, 6])}, bytes(6)),
        "invalid offset",
    ),
    "a hole": (header({"a": entry(), "b": entry(offsets=[8, 12])}, bytes(12)), "invalid offset"),
    "bytes behind": (header(WHOLE, bytes(5)), "not fully covered"),
    "too few bytes": (header(WHOLE, bytes(3)), "not fully covered"),
    "an unknown type": (header({"a": entry(dtype="F33")}, bytes(4)), "JSON"),
    "a type of Python": (header({"a": entry(dtype="object")}, bytes(4)), "JSON"),
    "a type in a list": (header({"a": entry(dtype=["F32"])}, bytes(4)), "JSON"),
    "a type that is none": (header({"a": entry(dtype=None)}, bytes(4)), "JSON"),
    "a key more": (header({"a": entry() | {"code": "x"}}, bytes(4)), "tensors that"),
    "a key less": (header({"a": {"dtype": "F32"}}, bytes(4)), "JSON"),
    "an entry that is none": (header({"a": 1}), "JSON"),
    "a header in a header": (header({"a": {"a": entry()}}, bytes(4)), "JSON"),
    "a name of 10 kB": (header({"a" * 10_000: entry()}, bytes(4)), "10,000 characters"),
    "100,000 tensors": (
        header({f"{n}": [] for n in range(100_000)}),
        "are allowed",
    ),
    "5,000 tensors": (
        header({f"{n}": entry("U8", [0], [0, 0]) for n in range(5_000)}),
        "5,000 tensors",
    ),
    "a name twice": (header(b'{"a": 1, "a": 2}'), "twice"),
    "a list": (header(b"[]"), "object"),
    "deep brackets": (header(b'{"a": ' + b"[" * 100_000), "deep"),
    "a number that is none": (header(b'{"a": NaN}'), "NaN"),
    "other metadata": (header({"__metadata__": {"a": "b"}} | WHOLE, bytes(4)), "tensors that"),
    "strange metadata": (header({"__metadata__": [[1]]} | WHOLE, bytes(4)), "JSON"),
    "metadata twice": (header(b'{"__metadata__": {}, "__metadata__": {}}'), "twice"),
    "a surrogate for a name": (header(b'{"\\ud800": 1}'), "JSON"),
    "Latin-1": (header(b'{"\xe9": 1}'), "JSON"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HEADERS)
def test_a_safetensors_file_that_is_not_in_order_is_refused(
    spoilt: Path, room: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    data, sentence = HEADERS[kind]
    (spoilt / "policy.safetensors").write_bytes(data)
    assert re.search(sentence, typed(capsys, "evaluate", spoilt, "--episodes", "1"))
    said = everything(spoilt, room / "out")
    refused(said, "policy", "evaluate", "verdict", match=rf"policy\.safetensors.*{sentence}")


@pytest.mark.parametrize("kind", HEADERS)
def test_a_trainers_file_that_is_not_in_order_is_refused_even_if_the_manifest_vouches_for_it(
    spoilt: Path, room: Path, kind: str
) -> None:
    for checkpoint in (spoilt / "checkpoints").iterdir():
        (checkpoint / "trainer.safetensors").write_bytes(HEADERS[kind][0])
        rehash(checkpoint)
    said = everything(spoilt, room / "out")
    assert said["resume"]


def test_a_header_of_100_megabytes_is_refused_before_it_is_read(spoilt: Path, room: Path) -> None:
    with (spoilt / "policy.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 100 << 20))
        file.truncate((100 << 20) + 8)
    with memory_below(8 << 20), pytest.raises(UprightError, match="104,857,608 bytes, more than"):
        _ = upright.load(spoilt).policy


def other_weights(spoilt: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = spoilt / "policy.safetensors"
    weights = load_arrays(path.read_bytes())
    change(weights)
    path.write_bytes(save_arrays(weights))


def spoil_first(value: float) -> Callable[[dict[str, Any]], None]:
    def spoil(weights: dict[str, Any]) -> None:
        name = min(weights)
        weights[name] = weights[name].copy()
        weights[name].flat[0] = value

    return spoil


def cast(kind: str) -> Callable[[dict[str, Any]], None]:
    def spoil(weights: dict[str, Any]) -> None:
        for name in weights:
            weights[name] = weights[name].astype(kind)

    return spoil


WEIGHTS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "NaN": (spoil_first(np.nan), "not finite"),
    "infinity": (spoil_first(np.inf), "not finite"),
    "doubles": (cast("float64"), "should be float32"),
    "halves": (cast("float16"), "should be float32"),
    "integers": (cast("int32"), "should be float32"),
    "one tensor less": (lambda weights: weights.popitem() and None, "is nothing there"),
    "one tensor more": (
        lambda weights: weights.update(extra=np.zeros(1, np.float32)),
        "should be nothing",
    ),
    "another shape": (
        lambda weights: weights.update({n: w.reshape(-1, 1) for n, w in weights.items()}),
        "should be float32",
    ),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_that_are_not_the_policys_are_refused(spoilt: Path, room: Path, kind: str) -> None:
    change, sentence = WEIGHTS[kind]
    other_weights(spoilt, change)
    refused(everything(spoilt, room / "out"), "policy", "evaluate", "verdict", match=sentence)


def test_weights_that_are_not_finite_are_refused_wherever_a_checkpoint_keeps_them(
    spoilt: Path, room: Path
) -> None:
    stopped(spoilt)
    for checkpoint in (spoilt / "checkpoints").iterdir():
        path = checkpoint / "trainer.safetensors"
        arrays = load_arrays(path.read_bytes())
        best = [name for name in arrays if ".judge." in name]
        assert best
        path.write_bytes(
            save_arrays(arrays | {name: np.full_like(arrays[name], np.nan) for name in best})
        )
        rehash(checkpoint)
    with suppress(UprightError):
        weights = upright.load(spoilt).policy.weights
        assert all(np.isfinite(array).all() for array in weights.values())


JSONS: dict[str, tuple[bytes, str]] = {
    "a key twice": (b'{"schema": 1, "schema": 2}', "twice"),
    "a key twice inside": (b'{"a": {"b": 1, "b": 1}}', "twice"),
    "NaN": (b'{"schema": NaN}', "NaN"),
    "infinity": (b'{"schema": -Infinity}', "Infinity"),
    "1e999": (b'{"schema": 1e999}', "not a finite number"),
    "deep lists": (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deep"),
    "deep objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deep"),
    "unclosed lists": (b"[" * 100_000, "deep"),
    "brackets after a string": (b'{"\\"": "]\\\\", "a": ' + b"[" * 33 + b"1", "deep"),
    "a string of 10 MB": (b'{"a": "' + b"a" * (10 << 20) + b'"}', "bytes"),
    "a huge integer": (b'{"schema": 1' + b"0" * 5000 + b"}", "JSON"),
    "UTF-8 that is none": (b'{"a": "\xff"}', "JSON"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "JSON"),
    "an encoded surrogate": (b'{"a": "\xed\xa0\x80"}', "JSON"),
    "half a pair in a key": (b'{"\\ud800schema": 2}', "half a character"),
    "half a pair in a value": (b'{"a": [{"b": "\\uDC00"}]}', "half a character"),
    "a byte order mark": (b'\xef\xbb\xbf{"schema": 2}', "JSON"),
    "a list": (b"[]", "JSON object"),
    "a number": (b"2", "JSON object"),
    "null": (b"null", "JSON object"),
    "nothing": (b"", "JSON"),
    "two objects": (b"{} {}", "JSON"),
    "a comment": (b"{} // x", "JSON"),
    "single quotes": (b"{'a': 1}", "JSON"),
    "a control character": (b'{"a": "\x00"}', "JSON"),
    "an unclosed string": (b'{"a": "' + b'\\"' * 100_000, "JSON"),
    "unclosed strings": (b'{"a": ' + b'"\\' * 100_000, "JSON"),
    "backslashes": (b'{"a": "' + b"\\" * 1_000_001, "JSON"),
    "code": (b'__import__("os").system("touch canary")', "JSON"),
}


def test_a_whole_pair_of_surrogates_is_one_character() -> None:
    assert parse_json(rb'{"\ud83d\ude00": "\\ud800"}', "x") == {"\U0001f600": r"\ud800"}


@pytest.mark.parametrize("kind", JSONS)
@pytest.mark.parametrize("name", ["run.json", "evaluation.json", "metrics.jsonl"])
def test_json_that_is_not_strict_is_refused(spoilt: Path, room: Path, kind: str, name: str) -> None:
    data, sentence = JSONS[kind]
    (spoilt / name).write_bytes(data)
    said = everything(spoilt, room / "out")
    asked = {"run.json": "load", "evaluation.json": "verdict", "metrics.jsonl": "metrics"}[name]
    if name != "metrics.jsonl" or kind not in ("nothing", "a string of 10 MB"):
        refused(said, asked, match=rf"{re.escape(name)}.*({sentence}|is too long)")


@pytest.mark.parametrize("kind", JSONS)
@pytest.mark.parametrize("name", ["manifest.json", "state.json"])
def test_json_that_is_not_strict_is_refused_in_a_checkpoint(
    spoilt: Path, room: Path, kind: str, name: str
) -> None:
    stopped(spoilt)
    for checkpoint in (spoilt / "checkpoints").iterdir():
        (checkpoint / name).write_bytes(JSONS[kind][0])
        if name == "state.json":
            rehash(checkpoint)
    said = everything(spoilt, room / "out")
    refused(said, "policy", "evaluate", match="has no w(eights yet|hole checkpoint)")
    refused(said, "resume", match=rf"{re.escape(name)}.*({JSONS[kind][1]})")


def toml(text: str) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        path.write_text(text)
        return read_recipe(path)

    return read


def numbered(count: int) -> bytes:
    """An object with so many keys, the last of them twice."""
    keys = [*range(count), count - 1]
    return ("{" + ",".join(f'"{n}":1' for n in keys) + "}").encode()


HOURS: dict[str, Callable[[Path], Any]] = {
    "a key twice among many": lambda _: parse_json(numbered(300_000), "x"),
    "a tensor twice among many": lambda _: parse_tensors(header(numbered(90_000)), "x"),
    "many unclosed strings": lambda _: parse_json(b'{"a": ' + b'"\\' * (1 << 20), "x"),
    "many quotes behind backslashes": lambda _: parse_json(b'{"a": "' + b'\\"' * (1 << 20), "x"),
    "a wide line of nothing": toml(" " * 250_000 + "\nx = 1\n"),
    "a chain of dots": toml(".".join("a" * 120_000) + " = 1\n"),
    "chains of dots": toml("\n".join(f"a{n}." + ".".join("a" * 400) + " = 1" for n in range(300))),
    "a table with a chain of dots": toml("[" + ".".join("a" * 120_000) + "]\n"),
    "thousands of tables": toml("\n".join(f"[[a.b{n}]]" for n in range(20_000))),
    "a key that is long": toml("a" * 250_000 + " = 1\n"),
}


@pytest.mark.parametrize("kind", HOURS)
def test_what_would_take_hours_is_refused_at_once(room: Path, kind: str) -> None:
    signal.alarm(20)
    with pytest.raises(UprightError):
        HOURS[kind](room / "settings.toml")


TOO_LONG = "|line of more than|bytes"
TOMLS: dict[str, tuple[str, str]] = {
    "deep lists": ("hidden_sizes = " + "[" * 100_000, "not valid TOML" + TOO_LONG),
    "deep tables": ("x = " + "{a = " * 50_000, "not valid TOML" + TOO_LONG),
    "a chain of dots": (".".join("a" * 300) + " = 1", "unknown key|TOML"),
    "an unknown table": ("[tool.evil]\nx = 1", "unknown key 'tool'"),
    "a table for a number": ("gamma = {}", "should be a value"),
    "tables in a list": ("hidden_sizes = [" + "{}," * 50_000 + "]", "should be a value" + TOO_LONG),
    "lists in a list": ("hidden_sizes = [[4]]", "should be a value"),
    "a date": ("gamma = 1979-05-27", "should be a value"),
    "a key twice": ("gamma = 1.0\ngamma = 1.0", "not valid TOML"),
    "a huge integer": ("total_timesteps = 1" + "0" * 5000, "not valid TOML" + TOO_LONG),
    "NaN": ("gamma = nan", "gamma"),
    "infinity": ("max_grad_norm = inf", "max_grad_norm"),
    "an infinite schedule": ('learning_rate = "1:inf"', "learning_rate"),
    "a schedule that is none": ('learning_rate = "1:2:3"', "learning_rate"),
    "truth for a number": ("num_envs = true", "num_envs"),
    "text for a number": ('num_envs = "many"', "num_envs"),
    "a fraction for a count": ("num_envs = 1.5", "num_envs"),
    "a list for a number": ("num_envs = [1]", "num_envs"),
    "a number for a name": ("algo = 1", "algo should be a name"),
    "a number for the environment": ("env = 1", "env should be a name"),
    "a number for a choice": ("activation = 1", "activation"),
    "another activation": ('activation = "__import__"', "activation"),
    "no environments": ("num_envs = 0", "num_envs"),
    "a billion environments": ("num_envs = 1000000000", "num_envs"),
    "a billion steps": ("num_steps = 1000000000", "num_steps"),
    "65 layers": (f"hidden_sizes = {[4] * 65}", "hidden_sizes"),
    "a layer of 10**12": ("hidden_sizes = [1000000000000]", "hidden_sizes"),
    "no units": ("hidden_sizes = [0]", "hidden_sizes"),
    "2,000 threads": ("threads = 2000", "threads"),
    "a NUL": ("gamma = 1.0\x00", "not valid TOML"),
    "an unknown key": ("code = 'import os'", "unknown key 'code'"),
    "another algorithm's key": ("num_episodes = 8", "num_episodes"),
    "a megabyte": ("#" * (1 << 20), "bytes"),
}


def with_line(path: Path, line: str) -> None:
    """Put a line into settings, in the place of the one for the same key."""
    key = line.partition(" = ")[0]
    kept = re.sub(rf"^{re.escape(key)} = (\[[^\]]*\]|.*)\n", "", path.read_text(), flags=re.M)
    path.write_text(f"{kept}\n{line}\n")


@pytest.mark.parametrize("kind", TOMLS)
def test_settings_that_are_not_a_runs_are_refused(
    spoilt: Path, room: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    line, sentence = TOMLS[kind]
    with_line(spoilt / "settings.toml", line)
    assert re.search(sentence, typed(capsys, "evaluate", spoilt, "--episodes", "1"))
    config = ("--config", spoilt / "settings.toml", "--out", room / "out")
    assert re.search(sentence, typed(capsys, "train", *config))
    said = everything(spoilt, room / "out")
    refused(said, "policy", "resume", match=sentence)
    assert not (room / "out").exists()


@pytest.mark.parametrize("data", [b"\xff\xfe", b"gamma = '\xe9'", b"\xef\xbb\xbfseed = 1"])
def test_settings_that_are_not_text_are_refused(spoilt: Path, room: Path, data: bytes) -> None:
    (spoilt / "settings.toml").write_bytes(data)
    refused(everything(spoilt, room / "out"), "policy", "evaluate", "resume", match="UTF-8|TOML")


@pytest.mark.parametrize("sizes", [[1_000_000] * 64, [1_000_000] * 2])
def test_networks_beyond_any_memory_are_refused_without_allocating_them(
    spoilt: Path, room: Path, capsys: pytest.CaptureFixture[str], sizes: list[int]
) -> None:
    with_line(spoilt / "settings.toml", f"hidden_sizes = {sizes}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with memory_below(64 << 20), pytest.raises(UprightError):
        _ = upright.load(spoilt).policy
    refused(everything(spoilt, room / "out"), "evaluate", "verdict", "resume", match=".")
    config = ("--config", spoilt / "settings.toml", "--out", room / "out")
    typed(capsys, "train", *config)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + (256 << 10)
    assert not (room / "out").exists()


@pytest.mark.parametrize(
    "lines",
    [
        ["num_steps = 1000000", "num_envs = 65536"],
        ["minibatch_size = 4000000000000000000000"],
        ["total_timesteps = 4000000000000000000000"],
        ["eval_every = 4000000000000000000000"],
        ["schedule_timesteps = 1" + "0" * 400],
        ["total_episodes = 1" + "0" * 400],
        ["value_scale = 1e308"],
        ["value_scale = 1e-308"],
        ["learning_rate = 1e308"],
        ["vf_coef = 1" + "0" * 400],
        ['env = "' + "x" * 5000 + '"'],
        ['env = "../../x"'],
        ['env = "\\u0000"'],
        ['preset = "' + "x" * 5000 + '"'],
        ['preset = "../x"'],
    ],
    ids=lambda lines: lines[0][:30],
)
def test_settings_that_are_giant_end_in_a_sentence_or_do_no_harm(
    spoilt: Path, room: Path, lines: list[str]
) -> None:
    for line in lines:
        with_line(spoilt / "settings.toml", line)
    everything(spoilt, room / "out")
    if "total_timesteps" not in lines[0]:
        with suppress(UprightError):
            upright.train(config=spoilt / "settings.toml", out=room / "out")


CODE = ["os:system", "evil:Env", "evil.py:Env", "builtins:exec", "CartPole-v1:evil", ":", "evil:"]


@pytest.mark.parametrize("name", CODE)
def test_code_that_a_file_names_is_not_imported(
    spoilt: Path,
    room: Path,
    canary: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    (room / "elsewhere").mkdir()
    monkeypatch.chdir(room / "elsewhere")
    hostile.module_that_sings(room / "elsewhere" / "evil.py", canary)
    edit(spoilt / "run.json", env=name)
    edit(spoilt / "evaluation.json", env=name)
    with_line(spoilt / "settings.toml", f'env = "{name}"')
    write_bundle(spoilt, spoilt.parent / "run.zip")
    for given in (spoilt, spoilt.parent / "run.zip"):
        said = everything(given, room / "out")
        refused(said, "evaluate", "resume", "verdict", match="code that would be imported")
        assert said["policy"] == ""
        for verb in ("evaluate", "resume"):
            assert "code that would be imported" in typed(capsys, verb, given)
        assert main(["verify", str(given)]) != 0
    settings = spoilt / "settings.toml"
    assert "code that would be imported" in typed(capsys, "train", "--config", settings)


def test_code_is_imported_where_it_is_trusted(
    spoilt: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(room)
    source = "import gymnasium\nopen('imported', 'w').close()\n"
    source += "def Env():\n    return gymnasium.make('CartPole-v1')\n"
    (room / "trusted.py").write_text(source)
    for name in ("run.json", "evaluation.json"):
        edit(spoilt / name, env="trusted.py:Env")
    with_line(spoilt / "settings.toml", 'env = "trusted.py:Env"')
    with pytest.raises(UprightError, match="trust"):
        upright.load(spoilt).evaluate(1)
    assert not (room / "imported").exists()
    assert len(upright.load(spoilt, trust_code=True).evaluate(1).returns) == 1
    assert (room / "imported").exists()
    assert main(["evaluate", str(spoilt), "--episodes", "1", "--trust-code"]) == 0


def test_a_run_that_does_not_say_which_environment_it_had_opens_none(
    spoilt: Path, room: Path
) -> None:
    for value in (None, 1, ["CartPole-v1"], {}, ""):
        edit(spoilt / "run.json", env=value)
        refused(everything(spoilt, room / "out"), "load", "resume", match="garbles 'env'")
    edit(spoilt / "run.json", env="CartPole-v1", env_is_factory="yes")
    refused(everything(spoilt, room / "out"), "load", "resume", match="garbles 'env_is_factory'")
    edit(spoilt / "run.json", env_is_factory=True)
    refused(everything(spoilt, room / "out"), "evaluate", "resume", match="was a function")


@pytest.mark.parametrize("name", ["Acrobot-v1", "MountainCar-v0", "Pendulum-v1"])
def test_a_policy_does_not_play_another_environment(spoilt: Path, room: Path, name: str) -> None:
    edit(spoilt / "run.json", env=name)
    refused(everything(spoilt, room / "out"), "evaluate", "resume", match=".")
    edit(spoilt / "run.json", env="CartPole-v1")
    with pytest.raises(UprightError):
        upright.load(spoilt, env=name).evaluate(1)


def box(**changes: Any) -> dict[str, Any]:
    record = {"type": "Box", "dtype": "float32", "low": [-1.0] * 4, "high": [1.0] * 4}
    return {"observation_space": record | changes}


def discrete(**changes: Any) -> dict[str, Any]:
    return {"action_space": {"type": "Discrete", "n": 2, "start": 0} | changes}


TYPES = (
    "object", "O", "O8", "V16", "S4", "U4", "M8[ns]", "m8", "complex64", "float128",
    "float32,float32", "(2,)f4", "1000000000f4", "(" * 1000 + "f4", "f4" * 1000, "p",
    "float33", "", "\ud800", None, 1, [], {}, True, ["f4"], [["a", "f4"]],
    {"names": ["a"], "formats": ["O"]}, "(1000000000,1000000000)f4", "a10", "list", "os",
)  # fmt: skip
SPACES: dict[str, dict[str, Any]] = {
    **{f"n {float(n):g}": discrete(n=n) for n in (10**12, 2**63, 2**70, 10**300, 0, -1, 3)},
    **{f"n {n!r}": discrete(n=n) for n in (2.0, 1e300, "2", None, [2], {}, [[2]])},
    **{f"start {s!r}": discrete(start=s) for s in (2**63, -(2**70), 0.5, "0", None, [0], {})},
    **{
        f"type {kind!r}": box(type=kind)
        for kind in ("Dict", "Graph", "box", "os:system", "", None, 1, [], {}, ["Box"])
    },
    **{f"dtype {repr(kind)[:20]}": box(dtype=kind) for kind in TYPES},
    "low above high": box(low=[1.0] * 4, high=[-1.0] * 4),
    "low without high": box(high=[]),
    "other lengths": box(low=[0.0] * 3),
    "five numbers": box(low=[0.0] * 5, high=[1.0] * 5),
    "ragged bounds": box(low=[[0.0], [0.0, 0.0]], high=[[1.0], [1.0, 1.0]]),
    "bounds of text": box(low=["a"] * 4),
    "bounds of objects": box(low=[{}] * 4),
    "bounds beyond float": box(high=[10**400] * 4),
    "bounds in many dimensions": box(low=hostile.nested(0.0, 20), high=hostile.nested(1.0, 20)),
    "a number for bounds": box(low=0.0, high=1.0),
    "text for bounds": box(low="0000", high="1111"),
    "nothing for bounds": box(low=None, high=None),
    "an infinite integer": box(dtype="int64", low=[None] * 4, high=[None] * 4),
    "a byte of 300": box(dtype="uint8", low=[0] * 4, high=[300] * 4),
    "a negative byte": box(dtype="uint8", low=[-1] * 4, high=[3] * 4),
    "100,000 numbers": box(low=[0] * 100_000, high=[1] * 100_000),
    "no space": {"observation_space": None},
    "a list for a space": {"observation_space": [box()]},
    "text for a space": {"action_space": "Discrete(2)"},
    "a box for actions": {"action_space": box()["observation_space"]},
    "a choice for observations": {"observation_space": discrete()["action_space"]},
}


@pytest.mark.parametrize("kind", SPACES)
def test_a_space_that_is_none_is_refused(spoilt: Path, room: Path, kind: str) -> None:
    edit(spoilt / "run.json", **SPACES[kind])
    with memory_below(512 << 20):
        said = everything(spoilt, room / "out")
    # What is no table at all is no record, and is refused when the run is opened.
    refused(
        said, *(("policy", "evaluate") if said["load"] == "" else ("load", "resume")), match="."
    )
    assert max(map(len, said.values())) < 5000


@pytest.mark.parametrize("schema", [None, True, 1.0, 2.0, -1, 0, 3, 2**70, "2", [], [2], {}, 1e300])
def test_another_schema_is_refused(spoilt: Path, room: Path, schema: Any) -> None:
    edit(spoilt / "run.json", schema=schema)
    refused(everything(spoilt, room / "out"), "load", "resume", match="has schema")


@pytest.mark.parametrize("value", ["\ud7ff", "\x1b[2J", "a\nerror: b\r\n", "x" * 100_000, "\x00"])
def test_text_of_a_stranger_does_not_garble_the_screen(
    spoilt: Path, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    edit(spoilt / "run.json", env=value, algo=value, status=value, seed=value)
    assert main(["runs", str(spoilt.parent)]) == 0
    out, _ = capsys.readouterr()
    out.encode("utf-8")
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2
    assert "\x1b" not in typed(capsys, "evaluate", spoilt, "--episodes", "1")
    edit(spoilt / "run.json", env="CartPole-v1", schema=value)
    assert "\x1b" not in typed(capsys, "evaluate", spoilt)


def cases(path: Path, value: Any) -> Iterator[tuple[tuple[Any, ...], str]]:
    """A JSON file's text with each of its values replaced by another one."""
    record = json.loads(path.read_text())
    for place in sorted(set(hostile.places(record)), key=str):
        text = json.dumps(hostile.replaced(record, place, value))
        if text != json.dumps(record):
            yield place, text


def asked(*questions: Callable[[], Any]) -> list[Any]:
    """The answers; an UprightError is one, and nothing else may be raised."""
    answers = []
    for question in questions:
        try:
            answers.append(question())
        except UprightError as error:
            answers.append(error)
    return answers


@pytest.mark.parametrize("value", VALUES)
def test_no_value_of_run_json_breaks_anything(tiny_run: Path, room: Path, value: Any) -> None:
    for place, text in cases(tiny_run / "run.json", value):
        given = Path(shutil.copytree(tiny_run, room / "runs" / "given"))
        (given / "run.json").write_text(text)
        with told(place, value):
            everything(given, room / "out")
        shutil.rmtree(given)


@pytest.mark.parametrize("value", VALUES)
def test_no_value_of_evaluation_json_breaks_anything(spoilt: Path, value: Any) -> None:
    free = {"schema", "versions", "timesteps"}
    for place, text in list(cases(spoilt / "evaluation.json", value)):
        (spoilt / "evaluation.json").write_text(text)
        run = upright.load(spoilt)
        with told(place, value):
            _, found = asked(run.verdict, lambda run=run: upright.verify(run))
            assert place[0] in free or isinstance(found, UprightError) or not found.holds


@pytest.mark.parametrize("value", VALUES)
def test_no_value_of_a_state_that_its_manifest_vouches_for_breaks_anything(
    tiny_run: Path, room: Path, value: Any
) -> None:
    stub = Path(shutil.copytree(tiny_run, room / "stub"))
    sole_checkpoint(stub)
    for place, text in cases(newest(stub) / "state.json", value):
        given = Path(shutil.copytree(stub, room / "runs" / "given"))
        (newest(given) / "state.json").write_text(text)
        rehash(newest(given))
        with told(place, value):
            asked(
                lambda given=given: upright.load(given).policy,
                lambda given=given: upright.resume(given, total_timesteps=192),
            )
        shutil.rmtree(given)


def sole_checkpoint(spoilt: Path) -> Path:
    """The newest checkpoint of a run that has no other, and that goes on from it."""
    stopped(spoilt)
    checkpoint = newest(spoilt)
    for other in (spoilt / "checkpoints").iterdir():
        if other != checkpoint:
            shutil.rmtree(other)
    return checkpoint


def manifest_with(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def spoil(checkpoint: Path) -> None:
        manifest = json.loads((checkpoint / "manifest.json").read_text())
        changed = change(manifest["files"])
        manifest["files"] = manifest["files"] if changed is None else changed
        (checkpoint / "manifest.json").write_text(json.dumps(manifest))

    return spoil


OTHER = "not the file that its manifest"
MANIFESTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a file above": (
        manifest_with(lambda files: files | {"../../../x": files["state.json"]}),
        "does not list",
    ),
    "an absolute file": (
        manifest_with(lambda files: {"/etc/passwd": files["state.json"]}),
        "does not list",
    ),
    "no files": (manifest_with(lambda files: {}), "does not list"),
    "a list of files": (manifest_with(lambda files: [*files]), "garbles"),
    "another size": (manifest_with(lambda files: files["state.json"].update(bytes=1)), OTHER),
    "another hash": (
        manifest_with(lambda files: files["state.json"].update(sha256="0" * 64)),
        OTHER,
    ),
    "no hash": (manifest_with(lambda files: files | {"state.json": {"bytes": 1}}), "garbles"),
    "a key more": (manifest_with(lambda files: files["state.json"].update(code="x")), "garbles"),
    "a number for an entry": (manifest_with(lambda files: files | {"state.json": 1}), "garbles"),
    "no manifest": (lambda checkpoint: (checkpoint / "manifest.json").unlink(), "Cannot read"),
    "no state": (lambda checkpoint: (checkpoint / "state.json").unlink(), "Cannot read"),
    "no weights": (lambda checkpoint: (checkpoint / "policy.safetensors").unlink(), "Cannot read"),
}


@pytest.mark.parametrize("kind", MANIFESTS)
def test_a_checkpoint_that_its_manifest_does_not_describe_is_passed_over(
    spoilt: Path, room: Path, kind: str
) -> None:
    spoil, sentence = MANIFESTS[kind]
    spoil(sole_checkpoint(spoilt))
    said = everything(spoilt, room / "out")
    refused(said, "policy", "evaluate", match="has no w(eights yet|hole checkpoint)")
    refused(said, "resume", match=sentence)


@pytest.mark.parametrize("name", ["..x", "-1", "+1", "1.5", "1e9", "١٢", "²", "x", " 1", "1_0"])
def test_a_folder_that_is_not_named_by_a_number_is_no_checkpoint(
    spoilt: Path, room: Path, name: str
) -> None:
    sole_checkpoint(spoilt).rename(spoilt / "checkpoints" / name)
    said = everything(spoilt, room / "out")
    refused(said, "policy", "evaluate", match="has no w(eights yet|hole checkpoint)")


@pytest.mark.parametrize("name", ["9" * 255, "0", "0" * 200, "1" * 20])
def test_a_checkpoint_with_an_odd_number_for_a_name_does_no_harm(
    spoilt: Path, room: Path, name: str
) -> None:
    sole_checkpoint(spoilt).rename(spoilt / "checkpoints" / name)
    said = everything(spoilt, room / "out")
    assert said["policy"] == said["evaluate"] == ""


Spoil = Callable[[Path], Any]
RUN, TRAINER = ("state", "run"), ("state", "run", "trainer")
RNG = (*TRAINER, "collector", "collector", "rng")


def with_arrays(change: Callable[[dict[str, Any]], Any]) -> Spoil:
    def spoil(checkpoint: Path) -> None:
        path = checkpoint / "trainer.safetensors"
        arrays = {name: array.copy() for name, array in load_arrays(path.read_bytes()).items()}
        change(arrays)
        path.write_bytes(save_arrays(arrays))

    return spoil


def with_value(*place: Any, value: Any) -> Spoil:
    def spoil(checkpoint: Path) -> None:
        path = checkpoint / "state.json"
        path.write_text(json.dumps(hostile.replaced(json.loads(path.read_text()), place, value)))

    return spoil


def filled(part: str, value: Any) -> Spoil:
    def change(arrays: dict[str, Any]) -> None:
        found = [name for name in arrays if part in name]
        assert found
        for name in found:
            arrays[name][...] = value

    return with_arrays(change)


def doubled(part: str) -> Spoil:
    def change(arrays: dict[str, Any]) -> None:
        found = [name for name in arrays if part in name]
        assert found
        for name in found:
            arrays[name] = np.concatenate([arrays[name], arrays[name]])

    return with_arrays(change)


def both(one: Spoil, other: Spoil) -> Spoil:
    return lambda checkpoint: (one(checkpoint), other(checkpoint))


UNJUDGED = with_value(*RUN, "judge", value={"schedule": {"due": 0, "seconds": 0}})
LATER = with_value(*TRAINER, "counters", "timesteps", value=2**62)
STATES: dict[str, Spoil] = {
    "no arrays": with_arrays(lambda arrays: arrays.clear()),
    "observations of NaN": filled("collector.obs", np.nan),
    "environments of NaN": filled("envs.state", np.nan),
    "both of NaN": both(filled("envs.state", np.nan), filled("collector.obs", np.nan)),
    "moments of NaN": filled("optimizer0.mean", np.nan),
    "negative squares": filled("optimizer0.square", -1.0),
    "returns of NaN": filled("running_return", np.nan),
    "negative lengths": filled("running_length", -(2**62)),
    "negative steps": filled("envs.steps", -(2**31)),
    "more moments": doubled("optimizer0.mean"),
    "more environments": doubled("envs.state"),
    "more lengths": doubled("running_length"),
    "more observations": doubled("collector.obs"),
    "other types": with_arrays(
        lambda arrays: arrays.update({n: a.astype(np.float16) for n, a in arrays.items()})
    ),
    "no counts": with_value(*TRAINER, "counters", value={"iterations": -1}),
    "a past that is to come": LATER,
    "no generator": with_value(*RNG, value={}),
    "another generator": with_value(*RNG, "bit_generator", value="MT19937"),
    "a generator of lists": with_value(*RNG, "state", value={"state": [], "inc": {}}),
    "a generator with half its words": with_value(*RNG, "state", value={"state": 1}),
    "a generator of 2**200": with_value(*RNG, "state", value={"state": 2**200, "inc": 1}),
    "a flag of 2**100": with_value(*RNG, "has_uint32", value=2**100),
    "episodes of text": with_value(*RUN, "experiment", "recent", value=[["nan", 2**70, -1]]),
    "episodes without end": with_value(*RUN, "experiment", "recent", value=[[1e308, 1, 0]] * 9),
    "no judgement": UNJUDGED,
    "no judgement, and a past that is to come": both(UNJUDGED, LATER),
    "logs that are longer": with_value("state", "log", "metrics.jsonl_bytes", value=2**62),
    "logs that are shorter": with_value("state", "log", "metrics.jsonl_bytes", value=7),
    "episodes that are shorter": with_value("state", "log", "episodes.jsonl_bytes", value=3),
}


@pytest.mark.parametrize("kind", STATES)
def test_a_state_that_cannot_be_is_refused_or_does_no_harm(
    spoilt: Path, room: Path, kind: str
) -> None:
    checkpoint = sole_checkpoint(spoilt)
    STATES[kind](checkpoint)
    rehash(checkpoint)
    everything(spoilt, room / "out")


@pytest.mark.parametrize(
    ("lengths", "actions"),
    [([-1, 1, 0, 0], []), ([2**62] * 4, []), ([1, 0, 0, 0], []), ([1, 0, 0, 0], [2**40])],
)
def test_episodes_whose_actions_do_not_fit_their_lengths_or_their_space_are_refused(
    room: Path, lengths: list[int], actions: list[int]
) -> None:
    how = TINY | {"backend": "sync", "total_timesteps": 128, "out": room / "runs"}
    given = upright.train("CartPole-v1", algo="ppo", preset="default", **how).path
    checkpoint = sole_checkpoint(given)

    def change(arrays: dict[str, Any]) -> None:
        (name,) = [name for name in arrays if name.endswith("envs.lengths")]
        arrays[name] = np.array(lengths, np.int64)
        arrays[name.replace("lengths", "actions")] = np.array(actions, np.int64)

    with_arrays(change)(checkpoint)
    rehash(checkpoint)
    refused(everything(given, room / "out"), "resume", match="do not fit together")


START = '{"iteration": 1, "time/total_timesteps": 64'
ROWS: dict[str, str] = {
    "no seconds": START + "}",
    "a number beyond float": START + ', "time/time_elapsed": 1, "a/b": 1' + "0" * 400 + "}",
    "seconds beyond float": START + ', "time/time_elapsed": 1' + "0" * 400 + "}",
    "a surrogate in a name": START + ', "time/time_elapsed": 1, "a/\\ud800": 1}',
    "a number beyond float32": START + ', "time/time_elapsed": 1, "a/b": 1e300}',
    "negative seconds": START + ', "time/time_elapsed": -1e300}',
    "truth": START + ', "a/b": true}',
    "text": START + ', "a/b": "c"}',
}


@pytest.mark.parametrize("kind", ROWS)
def test_metrics_that_are_none_are_refused_or_do_no_harm(
    spoilt: Path, room: Path, kind: str
) -> None:
    line = ROWS[kind].encode() + b"\n"
    (spoilt / "metrics.jsonl").write_bytes(line)
    checkpoint = sole_checkpoint(spoilt)
    with_value("state", "log", "metrics.jsonl_bytes", value=len(line))(checkpoint)
    rehash(checkpoint)
    everything(spoilt, room / "out")


def test_a_log_is_not_read_into_memory_by_the_gigabyte(spoilt: Path) -> None:
    with memory_below(64 << 20):
        upright.load(spoilt).metrics()
    with (spoilt / "metrics.jsonl").open("wb") as file:
        file.truncate(128 << 20)
    with memory_below(300 << 20), pytest.raises(UprightError, match=r"metrics\.jsonl, line 1"):
        upright.load(spoilt).metrics()


def test_a_verdict_over_many_episodes_is_checked_in_little_memory(spoilt: Path) -> None:
    record = json.loads((spoilt / "evaluation.json").read_text())
    many = {"returns": [1.0] * 100_000, "lengths": [1] * 100_000}
    edit(spoilt / "evaluation.json", proof=record["proof"] | many)
    with memory_below(256 << 20), pytest.raises(UprightError, match="contradicts"):
        upright.load(spoilt).verdict()
