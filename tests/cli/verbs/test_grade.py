"""`upright grade`: a class of students, some of whom changed what their runs say."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

import upright
from cli.conftest import Typed
from upright.runs import write_bundle

LITTLE: dict[str, Any] = {
    "num_envs": 2, "num_steps": 32, "hidden_sizes": [8], "total_timesteps": 128, "eval_every": 64,
    "eval_episodes": 10, "media": False, "preset": "default",
}  # fmt: skip


def rewritten(path: Path, change: Callable[[Any], None]) -> None:
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table, indent=2) + "\n")


def better_returns(run: Path) -> None:
    """The proof's episodes, all of 500, and everything that follows from them."""

    def change(table: Any) -> None:
        for part in (table["proof"], table["selection"]):
            part["returns"] = [500.0] * len(part["returns"])
            part.update(mean=500.0, std=0.0, interval=[500.0, 500.0], solved=True)
        table.update(mean=500.0, interval=[500.0, 500.0], solved=True)

    rewritten(run / "evaluation.json", change)
    rewritten(run / "run.json", lambda table: table.update(solved=True, mean_return=500.0))
    rows = [json.loads(row) for row in (run / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        row.update({"eval/mean_reward": 500.0})
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def other_weights(run: Path) -> None:
    path = run / "policy.safetensors"
    save_file({name: array * 1.5 for name, array in load_file(path).items()}, path)


def fewer_steps(run: Path) -> None:
    rewritten(run / "evaluation.json", lambda table: table.update(timesteps=32))


def fewer_steps_in_all(run: Path) -> None:
    rewritten(run / "run.json", lambda table: table.update(timesteps=64))


def another_seed(run: Path) -> None:
    rewritten(run / "run.json", lambda table: table.update(seed=77))


def a_lower_bar(run: Path) -> None:
    path = run / "settings.toml"
    path.write_text("reward_threshold = 5.0\n" + path.read_text())


def no_json(run: Path) -> None:
    (run / "run.json").write_text("{")


TAMPERED = {
    "better": (better_returns, "another return than was recorded"),
    "weights": (other_weights, "The weights are not the ones that were judged."),
    "steps": (fewer_steps, "metrics.jsonl has no evaluation of"),
    "total": (fewer_steps_in_all, "run.json tells of 64 timesteps, metrics.jsonl of"),
    "seed": (another_seed, "run.json tells of seed 77, settings.toml of"),
    "bar": (a_lower_bar, "threshold"),
    "garbled": (no_json, "not valid JSON"),
}


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of twelve: seven whose runs will be spoilt, and five whose runs hold."""
    room = tmp_path_factory.mktemp("class")
    for seed, name in enumerate([*TAMPERED, "ada", "bola", "chidi"]):
        upright.train("CartPole-v1", "ppo", seed=seed, out=room / name, **LITTLE)
    upright.train("Acrobot-v1", "ppo", seed=1, out=room / "dayo", reward_threshold=-600, **LITTLE)
    (bundled,) = (room / "chidi").rglob("run.json")
    write_bundle(bundled.parent, room / "efe.zip")
    return room


@pytest.fixture
def room(honest: Path, tmp_path: Path) -> Path:
    """The same class, to spoil."""
    return shutil.copytree(honest, tmp_path / "class")


def test_a_tampered_run_is_named_and_no_other(room: Path, inside: Typed) -> None:
    for name, (spoil, _) in TAMPERED.items():
        (record,) = (room / name).rglob("run.json")
        spoil(record.parent)
    said = inside("grade", room, "--csv")
    rows = {row["student"]: row for row in csv.DictReader(io.StringIO(said.out))}
    assert said.code == 1
    assert len(rows) == 12
    assert {name for name, row in rows.items() if row["holds"] == "False"} == {*TAMPERED}
    for name, (_, why) in TAMPERED.items():
        assert why in rows[name]["remark"]
        assert rows[name]["mean"] == rows[name]["solved"] == ""
    ada, dayo = rows["ada"], rows["dayo"]
    assert (ada["environment"], ada["algorithm"], ada["solved"]) == ("CartPole-v1", "ppo", "False")
    assert float(ada["low"]) <= float(ada["mean"]) <= float(ada["high"])
    assert 64 <= int(ada["steps"]) <= 256
    assert ada["threshold"] == "475.0"
    assert (dayo["solved"], dayo["threshold"]) == ("True", "-600.0")
    assert "reward_threshold -600" in dayo["remark"]
    assert "the same weights as chidi" in rows["efe"]["remark"]


@pytest.mark.long
def test_where_all_hold_the_exit_code_is_0_and_the_table_says_so(room: Path, inside: Typed) -> None:
    said = inside("grade", room)
    assert said.code == 0
    assert len(said.out.splitlines()) == 13
    assert "DOES NOT HOLD" not in said.out
    told = json.loads(inside("grade", room, "--json").out)
    assert [each["holds"] for each in told["runs"]] == [True] * 12


CODE = """
import pathlib
pathlib.Path("canary").touch()
"""


def test_no_students_code_is_executed(tmp_path: Path, inside: Typed) -> None:
    (tmp_path / "mine.py").write_text(
        "import gymnasium\nEnv = lambda: gymnasium.make('CartPole-v1')\n"
    )
    upright.train(f"{tmp_path}/mine.py:Env", "ppo", out=tmp_path / "class" / "femi", **LITTLE)
    (tmp_path / "mine.py").write_text(CODE)
    said = inside("grade", tmp_path / "class")
    assert said.code == 1
    assert "is code that would be imported and run" in said.out
    assert not (tmp_path / "canary").exists()


def test_who_handed_in_nothing_and_what_is_no_run_are_told(tmp_path: Path, inside: Typed) -> None:
    (tmp_path / "class" / "gbenga").mkdir(parents=True)
    (tmp_path / "class" / "=cmd.zip").write_bytes(b"PK")
    said = inside("grade", tmp_path / "class", "--csv")
    assert said.code == 1
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [row["student"] for row in rows] == ["'=cmd", "gbenga"]
    assert "There is no run." in rows[1]["remark"]
    refused = inside("grade", tmp_path / "nobody")
    assert refused.code == 2
    assert "There is no folder" in refused.err
