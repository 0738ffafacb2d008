"""What there is: environments and runs."""

import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from probes.spaces import Reading
from support import write_json
from upright.ground.errors import UprightError
from upright.ground.reading import read_json
from upright.policy.catalogue import describe, find_environments, is_supported
from upright.runs.listing import find_runs, run_folders


def test_the_newest_version_is_listed_with_what_can_be_done() -> None:
    (cartpole,) = [each for each in find_environments("cartpole") if "/" not in each.id]
    assert cartpole.id == "CartPole-v1"
    assert cartpole.trainable == "yes"
    assert (cartpole.observation_space, cartpole.action_space) == ("Box(4)", "Discrete(2)")
    assert cartpole.threshold == 475.0
    assert "tuned: " in cartpole.presets
    assert "lesson: reinforce/actor-critic" in cartpole.presets
    assert re.fullmatch(r"30 of 30 at 475, [\d,]+ steps, [\d.]+ s", cartpole.solved)


def test_what_was_never_recorded_is_not_claimed() -> None:
    (listed,) = find_environments("CliffWalkingSlippery")
    assert (listed.trainable, listed.solved) == ("yes", "")


def test_what_cannot_be_trained_is_said() -> None:
    gym.register("probes/Reading-v0", Reading)
    try:
        (listed,) = find_environments("probes/Reading")
    finally:
        del gym.registry["probes/Reading-v0"]
    assert listed.trainable == "no"


def test_an_environment_that_does_not_start_is_listed_all_the_same(easy: str) -> None:
    def broken() -> gym.Env:
        raise ImportError("no such simulator")

    gym.register("probes/Broken-v0", broken)
    try:
        found = {each.id: each.trainable for each in find_environments("probes/")}
    finally:
        del gym.registry["probes/Broken-v0"]
    assert found == {"probes/Broken-v0": "needs an extra", easy: "yes"}


def test_nothing_has_a_word_that_nothing_has() -> None:
    assert list(find_environments("no such word")) == []


def test_spaces_are_described_in_a_few_characters() -> None:
    assert describe(gym.spaces.Box(0, 1, (84, 84, 3))) == "Box(84, 84, 3)"
    assert describe(gym.spaces.Box(0, 1, (4,))) == "Box(4)"
    assert describe(gym.spaces.Discrete(7, start=3)) == "Discrete(7)"


def test_support_asks_for_both_spaces() -> None:
    box, discrete = gym.spaces.Box(0, 1, (4,)), gym.spaces.Discrete(2)
    assert is_supported(box, discrete)
    assert is_supported(discrete, gym.spaces.Dict(a=box, b=gym.spaces.Tuple([discrete])))
    assert not is_supported(gym.spaces.Text(3), discrete)
    assert not is_supported(box, gym.spaces.Tuple([gym.spaces.Text(3)]))


def test_runs_are_found_below_a_folder_and_what_is_none_is_passed_over(
    run_copy: Path, tmp_path: Path
) -> None:
    for name, text in {"torn": "{", "other": '{"a": 1}', "list": "[]"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    found = list(find_runs(tmp_path))
    assert [path for path, _ in found] == [run_copy]
    assert found[0][1]["algo"] == "ppo"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (True, False)),
        ({"threshold": -1.0}, (True, None)),
        ({"proof": {"returns": ["many"]}}, (False, None)),
        ({"proof": {"returns": []}}, (False, None)),
        ({"selection": None}, (False, None)),
    ],
)
def test_a_verdict_is_listed_from_its_episodes_whatever_run_json_says(
    run_copy: Path, changes: dict[str, Any], expected: tuple[bool, bool | None]
) -> None:
    record = read_json(run_copy / "evaluation.json")
    write_json(run_copy / "evaluation.json", record | changes)
    info = read_json(run_copy / "run.json") | {"solved": True, "mean_return": 500.0}
    write_json(run_copy / "run.json", info)
    ((_, found),) = find_runs(run_copy)
    assert (found["mean_return"] == record["mean"], found["solved"]) == expected
    if not changes:
        write_json(run_copy / "run.json", info | {"env": "Mine-v0"})
        ((_, found),) = find_runs(run_copy)
        assert (found["mean_return"] == record["mean"], found["solved"]) == expected


def test_hidden_folders_links_and_checkpoints_are_not_looked_into(
    run_copy: Path, tmp_path: Path
) -> None:
    (tmp_path / ".hidden" / "run").mkdir(parents=True)
    (run_copy / "checkpoints" / "deep").mkdir()
    for folder in (tmp_path / ".hidden" / "run", run_copy / "checkpoints" / "deep"):
        write_json(folder / "run.json", {"schema": 2})
    (tmp_path / "link").symlink_to(run_copy, target_is_directory=True)
    (tmp_path / "checkpoints" / "mine").mkdir(parents=True)
    write_json(tmp_path / "checkpoints" / "mine" / "run.json", {"schema": 2})
    assert run_folders(tmp_path) == [tmp_path / "checkpoints" / "mine", run_copy]


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UprightError, match="There is no folder"):
        list(find_runs(tmp_path / "runs"))
