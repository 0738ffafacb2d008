"""What the board knows of a folder, and what of it is news."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from show.board.conftest import copy_of
from support import write_json
from upright.ground.errors import UprightError
from upright.ground.reading import read_json
from upright.show.board import memory
from upright.show.board.memory import Board


def looked(folder: Path) -> Board:
    """A board that has read all that there is."""
    board = Board(folder)
    while board.look():
        pass
    return board


def by_path(board: Board, since: int = 0) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in board.changes(since)["runs"]}


def test_every_run_has_a_row(several: Path, finished_run: Path) -> None:
    rows = by_path(looked(several))
    assert sorted(rows) == [
        *(f"CartPole-v1/ppo-s{name}" for name in ("0", "0-2", "1", "1-2", "2", "3")),
        "Other-v0/ppo-s0",
    ]
    row, record = rows["CartPole-v1/ppo-s2"], read_json(finished_run / "run.json")
    assert (row["env"], row["algo"], row["seed"]) == ("CartPole-v1", "ppo", 2)
    assert (row["state"], row["note"]) == ("finished", "")
    assert (row["steps"], row["budget"]) == (record["timesteps"], 2048)
    assert row["threshold"] == 475.0
    assert row["judged"]["mean"] == pytest.approx(record["mean_return"], rel=1e-5)
    assert row["judged"]["solved"] is record["solved"]
    low, high = row["judged"]["interval"]
    assert low <= row["judged"]["mean"] <= high
    steps, values = row["returns"]
    assert len(steps) == len(values) > 1
    assert values[-1] == row["recent"]
    assert row["evaluation"] is not None


def test_seeds_of_the_same_settings_are_a_group_and_names_tell_groups_apart(several: Path) -> None:
    board = looked(several)
    answer = board.changes()
    groups = {each["id"]: (each["env"], each["name"]) for each in answer["groups"]}
    members: dict[tuple[str, str], set[str]] = {}
    for row in answer["runs"]:
        members.setdefault(groups[row["group"]], set()).add(row["path"].partition("/")[2])
    assert members == {
        ("CartPole-v1", "ppo, gamma 0.99"): {f"ppo-s{seed}" for seed in range(4)},
        ("CartPole-v1", "ppo, gamma 0.9"): {"ppo-s0-2", "ppo-s1-2"},
        ("Other-v0", "ppo"): {"ppo-s0"},
    }


def test_only_what_changed_is_news(several: Path) -> None:
    board = looked(several)
    seen = board.changes()["version"]
    board.look()
    again = board.changes(seen)
    assert (again["version"], again["runs"], again["gone"]) == (seen, [], [])
    assert "groups" not in again
    with (several / "CartPole-v1" / "ppo-s3" / "metrics.jsonl").open("a") as file:
        file.write('{"time/total_timesteps": 4096, "rollout/ep_rew_mean": 123.0}\n')
    board.look()
    (row,) = board.changes(seen)["runs"]
    assert (row["path"], row["steps"], row["recent"]) == ("CartPole-v1/ppo-s3", 4096, 123.0)


def test_an_unchanged_run_is_not_read_again(several: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    open_file = os.open

    def noted(path: Any, *args: Any, **options: Any) -> int:
        if Path(path).is_relative_to(several):
            read.append(Path(path).parent.name)
        return open_file(path, *args, **options)

    monkeypatch.setattr(os, "open", noted)
    board = looked(several)
    assert len(read) == 7 * 4
    read.clear()
    for _ in range(5):
        board.look()
    assert read == []
    record = several / "CartPole-v1" / "ppo-s1" / "run.json"
    write_json(record, read_json(record) | {"status": "interrupted"})
    read.clear()
    board.look()
    assert read == ["ppo-s1"]
    assert by_path(board)["CartPole-v1/ppo-s1"]["state"] == "stopped"


def test_runs_that_begin_appear_and_those_that_are_deleted_go(
    several: Path, finished_run: Path
) -> None:
    board = looked(several)
    seen, numbers = (
        board.changes()["version"],
        {row["path"]: row["id"] for row in board.changes()["runs"]},
    )
    copy_of(finished_run, several / "CartPole-v1" / "ppo-s9", {"seed": "9"}, seed=9)
    shutil.rmtree(several / "Other-v0")
    while board.look():
        pass
    news = board.changes(seen)
    assert [row["path"] for row in news["runs"]] == ["CartPole-v1/ppo-s9"]
    assert news["gone"] == [numbers["Other-v0/ppo-s0"]]
    assert news["runs"][0]["id"] not in numbers.values()
    assert board.run_at(numbers["Other-v0/ppo-s0"]) is None


def test_many_runs_are_read_a_batch_at_a_time(
    several: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "BATCH", 3)
    board = Board(several)
    assert (board.changes()["waiting"], board.changes()["runs"]) == (7, [])
    counts = []
    while board.look():
        counts.append((len(board.changes()["runs"]), board.changes()["waiting"]))
    assert counts == [(3, 4), (6, 1)]
    assert (len(board.changes()["runs"]), board.changes()["waiting"]) == (7, 0)


def test_a_folder_that_goes_and_comes_back_is_said(several: Path) -> None:
    board = looked(several)
    seen = board.changes()["version"]
    several.rename(several.parent / "away")
    board.look()
    news = board.changes(seen)
    assert len(news["gone"]) == 7
    assert news["problem"].startswith("There is no folder ")
    (several.parent / "away").rename(several)
    while board.look():
        pass
    assert (len(board.changes()["runs"]), board.changes()["problem"]) == (7, "")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UprightError, match="There is no folder"):
        Board(tmp_path / "runs")


def test_a_run_itself_is_a_folder_of_one(finished_run: Path) -> None:
    (row,) = looked(finished_run).changes()["runs"]
    assert row["path"] == finished_run.name


def test_what_is_garbled_is_listed_with_a_sentence(several: Path) -> None:
    for name, file, text in (
        ("ppo-s0", "run.json", "{"),
        ("ppo-s1", "settings.toml", "= 3"),
        ("ppo-s2", "metrics.jsonl", "no rows\n"),
        ("ppo-s3", "evaluation.json", "[]"),
    ):
        (several / "CartPole-v1" / name / file).write_text(text)
    rows = by_path(looked(several))
    first, second, third, fourth = (rows[f"CartPole-v1/ppo-s{n}"] for n in range(4))
    assert (first["state"], first["env"], first["seed"]) == ("unreadable", "", None)
    assert "run.json is not valid JSON" in first["note"]
    assert "settings.toml is not valid TOML" in second["note"]
    assert (second["state"], second["env"]) == ("finished", "CartPole-v1")
    assert "no row of metrics" in third["note"]
    assert third["returns"] == [[], []]
    assert fourth["judged"] is None


def test_settings_that_cannot_be_read_change_no_other_groups_name(several: Path) -> None:
    def names(board: Board) -> set[str]:
        return {group["name"] for group in board.changes()["groups"]}

    before = names(looked(several))
    (several / "CartPole-v1" / "ppo-s1" / "settings.toml").write_text("= 3")
    assert names(looked(several)) == before | {"ppo, settings that cannot be read"}


def test_another_projects_run_json_is_passed_over(several: Path) -> None:
    (several / "theirs").mkdir()
    write_json(several / "theirs" / "run.json", {"name": "of another project"})
    board = looked(several)
    assert len(board.changes()["runs"]) == 7
    seen = board.changes()["version"]
    write_json(several / "Other-v0" / "ppo-s0" / "run.json", {"name": "it too"})
    board.look()
    assert len(board.changes(seen)["gone"]) == 1


def test_what_a_stranger_writes_stays_text_and_numbers(several: Path, finished_run: Path) -> None:
    hostile = {
        "env": "</script><script>alert(1)</script>\x1b[2J\u202e" + "x" * 5000,
        "algo": {"deep": ["list"]},
        "seed": 2**62,
        "status": ["running"],
        "started": 5,
        "timesteps": "many",
        "preset": None,
    }
    copy_of(finished_run, several / "x\x1b]0;pwn\x07", **hostile)
    row = by_path(looked(several))["x\ufffd]0;pwn\ufffd"]
    assert row["env"].startswith("</script><script>alert(1)</script>\ufffd[2J\ufffdxxx")
    assert len(row["env"]) < 220
    assert (row["seed"], row["started"], row["preset"]) == (None, "5", "None")
    assert row["algo"] == "{'deep': ['list']}"
    assert isinstance(row["state"], str)


def test_no_link_leads_out_of_the_folder(several: Path, finished_run: Path, tmp_path: Path) -> None:
    outside = copy_of(finished_run, tmp_path / "outside")
    (several / "link").symlink_to(outside, target_is_directory=True)
    linked = several / "CartPole-v1" / "linked"
    linked.mkdir()
    for name in ("run.json", "settings.toml", "metrics.jsonl"):
        (linked / name).symlink_to(outside / name)
    rows = by_path(looked(several))
    assert "link" not in rows
    assert rows["CartPole-v1/linked"]["state"] == "unreadable"
    assert "is a link" in rows["CartPole-v1/linked"]["note"]
    assert rows["CartPole-v1/linked"]["returns"] == [[], []]
