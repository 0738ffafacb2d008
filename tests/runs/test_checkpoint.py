"""Weights on disk: what goes in comes out, and nothing else is let in."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from support import checkpoint_of, policy_for, same_weights, weights_of
from upright.ground.errors import UprightError
from upright.ground.state import State
from upright.ground.version import versions
from upright.policy.weights import load_weights
from upright.runs.checkpoint import read_checkpoint, sha256, weights_bytes
from upright.runs.folder import checkpoint_folders


def test_weights_read_back_bit_for_bit_with_their_digest(tmp_path: Path) -> None:
    policy, other = policy_for("ppo", seed=1), policy_for("ppo", seed=2)
    data = weights_bytes(policy.weights)
    path = tmp_path / "policy.safetensors"
    path.write_bytes(data)
    assert load_weights(path, other) == sha256(data)
    assert same_weights(weights_of(policy), weights_of(other))


def test_the_normalizers_statistics_travel_with_the_weights(tmp_path: Path) -> None:
    policy = policy_for("ppo", normalize_obs=True)
    policy.normalizer.update(np.arange(40.0, dtype=np.float32).reshape(10, 4))
    path = tmp_path / "policy.safetensors"
    path.write_bytes(weights_bytes(policy.weights))
    other = policy_for("ppo", normalize_obs=True)
    load_weights(path, other)
    np.testing.assert_array_equal(other.normalizer.mean, policy.normalizer.mean)
    assert float(other.normalizer.count) == 10


def test_equal_weights_are_equal_bytes() -> None:
    one, other = policy_for("ppo", seed=1), policy_for("ppo", seed=1)
    assert weights_bytes(one.weights) == weights_bytes(other.weights)


def corrupted(kind: str) -> bytes:
    whole = weights_bytes(policy_for("ppo").weights)
    other = policy_for("ppo").weights
    if kind == "double":
        return save({name: array.astype(np.float64) for name, array in other.items()})
    return {
        "empty": b"",
        "torn": whole[:-10],
        "header": b"\xff" * 8 + whole[8:],
        "pickle": pickle.dumps({"a": 1}),
        "other sizes": weights_bytes(policy_for("ppo", hidden_sizes=(8,)).weights),
        "a tensor less": save(dict(list(other.items())[1:])),
        "a tensor more": save({**other, "extra": np.zeros(1, np.float32)}),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "empty",
        "torn",
        "header",
        "pickle",
        "other sizes",
        "a tensor less",
        "a tensor more",
        "double",
    ],
)
def test_what_does_not_fit_the_policy_is_refused_and_changes_nothing(
    tmp_path: Path, kind: str
) -> None:
    policy = policy_for("ppo")
    before = weights_of(policy)
    path = tmp_path / "policy.safetensors"
    path.write_bytes(corrupted(kind))
    with pytest.raises(UprightError, match=r"policy\.safetensors"):
        load_weights(path, policy)
    assert same_weights(weights_of(policy), before)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UprightError, match=r"Cannot read .*policy\.safetensors: No such file"):
        load_weights(tmp_path / "policy.safetensors", policy_for("ppo"))


def test_loading_never_executes_anything(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "executed",))

    path = tmp_path / "policy.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    pickle.loads(path.read_bytes())
    (tmp_path / "executed").unlink()  # so a pickle would have executed it
    with pytest.raises(UprightError):
        load_weights(path, policy_for("ppo"))
    assert not (tmp_path / "executed").exists()


def test_a_checkpoint_is_whole_and_its_manifest_is_true(tmp_path: Path) -> None:
    folder = tmp_path / "000000128"
    weights = policy_for("ppo").weights
    state = State.joined({"a": State({"timesteps": 128}, {"mean": np.ones(3)})})
    checkpoint_of(128, weights, state).save(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == {"policy.safetensors", "trainer.safetensors", "state.json"}
    for name, entry in manifest["files"].items():
        data = (folder / name).read_bytes()
        assert entry == {"bytes": len(data), "sha256": sha256(data)}
    assert (folder / "policy.safetensors").read_bytes() == weights_bytes(weights)
    assert [path.name for path in tmp_path.iterdir()] == ["000000128"]
    read = read_checkpoint(folder, policy_for("ppo", seed=1))
    assert same_weights(read.weights, weights)
    assert read.timesteps == 128
    assert read.trainer.values == state.values
    np.testing.assert_array_equal(
        read.trainer.part("a").array("mean", (3,), np.float64), np.ones(3)
    )


@pytest.mark.parametrize("torn", [True, False])
def test_a_torn_checkpoint_gives_way_and_a_whole_one_stays(tmp_path: Path, torn: bool) -> None:
    folder = tmp_path / "000000128"
    for seed in (1, 2):
        if torn and folder.exists():
            (folder / "state.json").write_text("{")
        checkpoint_of(128, policy_for("ppo", seed=seed).weights).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["000000128"]
    found = read_checkpoint(folder, policy_for("ppo")).weights
    assert same_weights(found, weights_of(policy_for("ppo", seed=2 if torn else 1)))


def test_checkpoints_are_listed_newest_first_and_links_are_none(tmp_path: Path) -> None:
    for name in ("000000009", "000000100", ".000000200.tmp", "x"):
        (tmp_path / name).mkdir()
    (tmp_path / "000000300").symlink_to(tmp_path / "x")
    (tmp_path / "000000400").write_text("")
    assert [path.name for path in checkpoint_folders(tmp_path)] == ["000000100", "000000009"]
    assert list(checkpoint_folders(tmp_path / "nothing")) == []


def test_versions_name_what_numbers_depend_on() -> None:
    assert {"upright", "python", "cpu", "numpy", "gymnasium"} <= set(versions())
    assert all(isinstance(version, str) and version for version in versions().values())


@pytest.mark.parametrize("name", ["variance", "count"])
def test_a_normaliser_that_could_not_have_been_is_refused(tmp_path: Path, name: str) -> None:
    policy = policy_for("ppo", normalize_obs=True)
    weights = weights_of(policy)
    weights[f"normalizer.{name}"] -= 2.0
    (tmp_path / "policy.safetensors").write_bytes(weights_bytes(weights))
    with pytest.raises(UprightError, match=f"negative numbers in normalizer.{name}"):
        load_weights(tmp_path / "policy.safetensors", policy)
