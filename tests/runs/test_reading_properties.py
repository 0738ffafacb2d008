"""Whatever bytes a reader is given, it raises an UprightError or nothing, in little memory."""

import json
import os
import struct
import tempfile
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save as save_arrays

import hostile
from support import checkpoint_of, policy_for
from upright.ground.errors import UprightError
from upright.ground.files import as_json
from upright.ground.reading import MAX_DEPTH, parse_json
from upright.ground.state import State
from upright.ground.tensors import parse_tensors
from upright.judging.evaluation import Evaluation
from upright.policy.spaces import space_from_json, space_to_json
from upright.runs.bundle import unpack, write_bundle
from upright.runs.checkpoint import MANIFEST, STATE, TRAINER, WEIGHTS, read_checkpoint
from upright.settings.config import read_config
from upright.settings.hyperparameters import SETTINGS
from upright.settings.recipe import ENVIRONMENT
from upright.settings.resolving import read_recipe, resolve

LONG = int(os.environ.get("UPRIGHT_EXAMPLES", "0"))
CAP = 64 << 20

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def many(examples: int) -> settings:
    """So many examples; more where UPRIGHT_EXAMPLES says so."""
    return settings(
        max_examples=LONG or examples // 2,
        database=None,
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if LONG else [])],
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def harmless() -> Iterator[Path]:
    """A folder to read from; nothing is written outside it, and little memory is taken."""
    with tempfile.TemporaryDirectory() as name, hostile.watched(Path(name)):
        tracemalloc.start()
        try:
            with suppress(UprightError):
                yield Path(name)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < CAP, f"{peak:,} bytes"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
BYTES = st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8"))


@st.composite
def mutated(draw: st.DrawFn, whole: bytes) -> bytes:
    """Valid bytes, in which a few slices are flipped, inserted, deleted, doubled or replaced."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.integers(0, 40)))
        how = draw(st.sampled_from(["flip", "insert", "delete", "double", "move", "token"]))
        if how == "flip" and begin < len(data):
            data[begin] ^= draw(st.integers(1, 255))
        elif how == "insert":
            data[begin:begin] = draw(st.binary(max_size=8))
        elif how == "delete":
            del data[begin:end]
        elif how == "double":
            data[begin:begin] = data[begin:end] * draw(st.integers(1, 20))
        elif how == "move":
            data[draw(st.integers(0, len(data))) : 0] = data[begin:end]
        else:
            data[begin:end] = draw(st.sampled_from(TOKENS))
    return bytes(data)


TOKENS = [
    b"-1",
    b"1e999", b"NaN", b"[" * 50, b'"', b"\\", b"null", b"true", b"{}", b"9" * 30, b"9" * 5000,
    b"\x00", b"\xff\xff\xff\xff", b"PK\x01\x02", b"PK\x05\x06", b"../", b"\\ud800", b"\xff", b"0.5",
]  # fmt: skip


def with_replaced(record: Any) -> st.SearchStrategy[Any]:
    """A JSON value with one of its parts replaced by any other."""
    return st.builds(
        lambda place, value: hostile.replaced(record, place, value),
        st.sampled_from(sorted(set(hostile.places(record)), key=str)),
        JSON,
    )


def header_bytes() -> bytes:
    return save_arrays({"a.b": np.ones((2, 3), np.float32), "c": np.zeros(3, np.int64)})


SETTINGS_TOML = tomli_w.dumps(resolve("CartPole-v1", "ppo").flat()).encode()
EVALUATION = Evaluation((9.0, 10.5), 3, True, 475.0, (9, 10), 2, "sync").as_dict()
SPACE = space_to_json(gym.spaces.Box(np.float32([-1, -np.inf]), np.float32([1, np.inf])))
SIZES = {"hidden_sizes": (4,)}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint, for reading only."""
    folder = tmp_path_factory.mktemp("checkpoints") / "000000128"
    state = State({"counters": {"timesteps": 128}}, {"mean": np.ones(5, np.float32)})
    checkpoint_of(128, policy_for("ppo", **SIZES).weights, state).save(folder.parent)
    return folder


@pytest.fixture(scope="module")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small bundle."""
    run = tmp_path_factory.mktemp("run")
    (run / "run.json").write_bytes(as_json({"schema": 2}))
    (run / "settings.toml").write_bytes(SETTINGS_TOML)
    (run / "checkpoints").mkdir()
    for source in checkpoint.iterdir():
        target = run / "checkpoints" / "000000128" / source.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(source.read_bytes())
    write_bundle(run, run / "run.zip")
    return (run / "run.zip").read_bytes()


def unpacked(folder: Path, data: bytes) -> None:
    """Unpack a bundle below `folder`, and leave nothing there."""
    (folder / "bundle").write_bytes(data)
    (folder / "in").mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(folder / "in")
    try:
        found = unpack(folder / "bundle")
        assert (found / "run.json").is_file()
        assert found.parent == folder / "in"
    except UprightError:
        assert list((folder / "in").iterdir()) == []
        raise
    finally:
        tempfile.tempdir = before


def checked(folder: Path, source: Path, files: dict[str, bytes], vouch: bool = True) -> None:
    """Read a checkpoint with some of its files replaced."""
    copy = folder / source.name
    copy.mkdir()
    for path in source.iterdir():
        (copy / path.name).write_bytes(files.get(path.name, path.read_bytes()))
    if vouch:
        hostile.rehash(copy)
    read_checkpoint(copy, policy_for("ppo", **SIZES))


def recipe_of(folder: Path, data: bytes) -> None:
    (folder / "settings.toml").write_bytes(data)
    read_recipe(folder / "settings.toml")


def config_of(folder: Path, data: bytes) -> None:
    (folder / "settings.toml").write_bytes(data)
    read_config(folder / "settings.toml")
    resolve(config=folder / "settings.toml")


READERS: dict[str, tuple[Callable[[Path, bytes], Any], bytes]] = {
    "JSON": (lambda _, data: parse_json(data, "x"), as_json(EVALUATION)),
    "header": (lambda _, data: parse_tensors(data, "x"), header_bytes()),
    "recipe": (recipe_of, SETTINGS_TOML),
    "config": (config_of, SETTINGS_TOML),
}


@pytest.mark.parametrize("reader", READERS)
@many(150)
@given(data=BYTES | st.binary(max_size=100).map(lambda tail: header_bytes()[:40] + tail))
def test_any_bytes_are_read_or_refused(reader: str, data: bytes) -> None:
    with harmless() as folder:
        READERS[reader][0](folder, data)


@pytest.mark.parametrize("reader", READERS)
@many(250)
@given(data=st.data())
def test_valid_files_that_were_changed_are_read_or_refused(reader: str, data: Any) -> None:
    read, whole = READERS[reader]
    changed = data.draw(mutated(whole))
    with harmless() as folder:
        read(folder, changed)


@many(150)
@given(table=st.dictionaries(st.text(max_size=6), JSON, max_size=4))
def test_any_header_is_read_or_refused(table: dict[str, Any]) -> None:
    with harmless():
        parse_tensors(hostile.header(json.dumps(table).encode()), "x")


DTYPES = ("BOOL", "U8", "I16", "F16", "BF16", "I32", "F32", "I64", "F64")
ENTRY = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from([*DTYPES, "F33"]) | JSON,
        "shape": st.lists(st.integers(-1, 2**64), max_size=4) | JSON,
        "data_offsets": st.lists(st.integers(-1, 64), max_size=3) | JSON,
    }
)


@many(300)
@given(
    table=st.dictionaries(st.text(max_size=6), ENTRY, max_size=4),
    body=st.binary(max_size=64),
    slip=st.integers(-3, 3),
)
def test_any_tensors_are_read_or_refused(table: dict[str, Any], body: bytes, slip: int) -> None:
    text = json.dumps(table).encode()
    with harmless():
        found = parse_tensors(hostile.header(text, body, max(0, len(text) + slip)), "x")
        assert sum(array.nbytes for array in found.values()) == len(body) - slip


@many(100)
@given(data=st.data())
def test_a_bundle_that_was_changed_is_unpacked_or_refused(bundle: bytes, data: Any) -> None:
    changed = data.draw(mutated(bundle) | st.binary(max_size=200))
    with harmless() as folder:
        unpacked(folder, changed)


NAMES = st.sampled_from(
    ["run.json", "settings.toml", "checkpoints/1/state.json", "checkpoints/", "../x",
     "/x", "run.json/", "checkpoints/01/state.json", "checkpoints/1/", "C:/x", "a\\b", ".lock"]
) | st.text(min_size=1, max_size=12)  # fmt: skip


@many(150)
@given(
    members=st.lists(st.tuples(NAMES, st.binary(max_size=40)), max_size=6),
    kind=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)
@example(members=[("\0", b""), ("run.json\0x", b"")], kind=zipfile.ZIP_STORED)
def test_a_zip_of_any_members_is_unpacked_or_refused(
    members: list[tuple[str, bytes]], kind: int
) -> None:
    safe = [(name.encode("utf-8", "replace").decode(), data) for name, data in members]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = hostile.zip_of([("run.json", b"{}"), *safe], kind)
    with harmless() as folder:
        unpacked(folder, data)


@pytest.mark.parametrize("name", [STATE, MANIFEST, WEIGHTS, TRAINER])
@many(60)
@given(data=st.data(), vouch=st.booleans())
def test_a_checkpoint_that_was_changed_is_read_or_refused(
    checkpoint: Path, name: str, data: Any, vouch: bool
) -> None:
    changed = data.draw(mutated((checkpoint / name).read_bytes()))
    with harmless() as folder:
        checked(folder, checkpoint, {name: changed}, vouch and name != MANIFEST)


@many(150)
@given(data=st.data())
def test_a_state_of_any_values_is_read_or_refused(checkpoint: Path, data: Any) -> None:
    record = json.loads((checkpoint / STATE).read_text())
    value = data.draw(with_replaced(record) | JSON)
    with harmless() as folder:
        checked(folder, checkpoint, {STATE: json.dumps(value).encode()})


@many(150)
@given(data=st.data())
def test_a_manifest_of_any_values_is_believed_only_where_it_is_true(
    checkpoint: Path, data: Any
) -> None:
    record = json.loads((checkpoint / MANIFEST).read_text())
    value = data.draw(with_replaced(record) | JSON)
    with harmless() as folder:
        checked(folder, checkpoint, {MANIFEST: json.dumps(value).encode()}, vouch=False)
        assert value["files"] == record["files"]


PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=9)
SPACES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["Box", "Discrete"]) | PLAIN,
        "dtype": st.sampled_from(["float32", "int64", "uint8", "bool", "object", "V8"]) | PLAIN,
        "low": st.lists(PLAIN, max_size=3) | JSON,
        "high": st.lists(PLAIN, max_size=3) | JSON,
        "n": PLAIN,
        "start": PLAIN,
    },
)


@many(400)
@given(record=SPACES | with_replaced(SPACE) | JSON)
def test_a_space_of_any_values_is_rebuilt_or_refused(record: Any) -> None:
    with harmless():
        space_from_json(record)


@many(400)
@given(record=with_replaced(EVALUATION) | JSON)
def test_an_evaluation_of_any_values_is_rebuilt_or_refused(record: Any) -> None:
    with harmless():
        assert Evaluation.from_dict(record).as_dict() == record


@many(200)
@given(record=with_replaced(EVALUATION))
def test_an_evaluations_record_of_any_values_is_rebuilt_or_refused(record: Any) -> None:
    with harmless():
        Evaluation.from_record(record)


@many(200)
@given(
    table=st.dictionaries(
        st.sampled_from(
            [*SETTINGS["ppo"].model_fields, *ENVIRONMENT, "env", "seed", "until", "keep", "threads"]
        ),
        st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats()
        | st.text(max_size=9)
        | st.lists(st.integers(-1, 2**40) | st.text(max_size=3), max_size=4)
        | st.dictionaries(st.text(max_size=3), st.floats() | st.lists(st.text(max_size=3)))
        | st.sampled_from(["m:W(", "m:W(a=1)", "a.py:W", "m:W(a=[[[[[[1]]]]]])"]),
        max_size=4,
    )
)
def test_settings_of_any_values_are_read_or_refused(table: dict[str, Any]) -> None:
    whole = resolve("CartPole-v1", "ppo").flat() | table
    data = tomli_w.dumps(whole).encode("utf-8", "replace")
    with harmless() as folder:
        recipe_of(folder, data)


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, dict | list) + max(map(depth_of, inner), default=0)


@many(200)
@given(value=st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_finite_json_comes_back_as_it_went_in(value: dict[str, Any]) -> None:
    try:
        data = as_json(value)
    except ValueError:
        return  # it held a number that is not finite, which is not written either
    if depth_of(value) <= MAX_DEPTH:
        assert parse_json(data, "x") == value


@many(100)
@given(
    shapes=st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(
            lambda name: name != "__metadata__"
        ),
        st.tuples(
            st.sampled_from(["float32", "float64", "int64", "bool", "uint8"]),
            st.lists(st.integers(0, 4), max_size=3),
        ),
        max_size=5,
    )
)
def test_the_header_of_what_was_saved_names_every_tensor(shapes: dict[str, Any]) -> None:
    data = save_arrays({name: np.zeros(shape, kind) for name, (kind, shape) in shapes.items()})
    found = parse_tensors(data, "x")
    assert {name: (str(array.dtype), [*array.shape]) for name, array in found.items()} == shapes
    (length,) = struct.unpack("<Q", data[:8])
    assert length <= len(data)


@many(100)
@given(
    low=st.lists(st.floats(-100, 0, width=32) | st.just(-np.inf), min_size=1, max_size=4),
    kind=st.sampled_from(["float32", "float64"]),
    n=st.integers(1, 2**40),
    start=st.integers(-(2**40), 2**40),
)
def test_a_space_comes_back_as_it_went_in(low: list[float], kind: str, n: int, start: int) -> None:
    bound = np.array(low, kind)
    high = np.where(np.isfinite(bound), bound + 1, np.inf).astype(kind)
    box = gym.spaces.Box(bound, high, dtype=np.dtype(kind).type)
    assert space_from_json(json.loads(json.dumps(space_to_json(box)))) == box
    choice = gym.spaces.Discrete(n, start=start)
    assert space_from_json(json.loads(json.dumps(space_to_json(choice)))) == choice


@many(100)
@given(
    episodes=st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.integers(1, 1000)), min_size=1, max_size=20
    ),
    threshold=st.none() | st.floats(-1e6, 1e6),
    seed=st.integers(0, 2**63 - 1),
)
def test_an_evaluation_comes_back_as_it_went_in(
    episodes: list[tuple[float, int]], threshold: float | None, seed: int
) -> None:
    returns, lengths = zip(*episodes, strict=True)
    evaluation = Evaluation(returns, seed, True, threshold, lengths, 2, "sync")
    assert Evaluation.from_dict(json.loads(json.dumps(evaluation.as_dict()))) == evaluation


@many(60)
@given(
    gamma=st.floats(0, 1),
    sizes=st.lists(st.integers(1, 100), max_size=4),
    rates=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    algo=st.sampled_from([*SETTINGS]),
    seed=st.integers(0, 2**63 - 1),
)
def test_a_recipe_comes_back_as_it_went_in(
    gamma: float, sizes: list[int], rates: tuple[float, float], algo: str, seed: int
) -> None:
    rate = f"{rates[0]!r}:{rates[1]!r}"
    given_ = {"gamma": gamma, "hidden_sizes": tuple(sizes), "learning_rate": rate, "seed": seed}
    recipe = resolve("CartPole-v1", algo, **given_)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "settings.toml"
        path.write_bytes(tomli_w.dumps(recipe.flat()).encode())
        assert read_recipe(path) == recipe


def test_inputs_as_large_as_a_reader_takes_stay_in_little_memory(tmp_path: Path) -> None:
    large = {
        "JSON": b'{"a": [' + b"[1.5]," * 16_000 + b"1]}",
        "header": hostile.header({f"{n}": hostile.entry("U8", [0], [0, 0]) for n in range(1_500)}),
        "recipe": SETTINGS_TOML + b"#" * 100_000,
        "config": SETTINGS_TOML + b"# x\n" * 25_000,
    }
    for name, data in large.items():
        with harmless() as folder:
            READERS[name][0](folder, data)
    assert list(tmp_path.iterdir()) == []
