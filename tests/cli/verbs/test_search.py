"""`upright search`: its tables, its object, its exit codes, and what it refuses."""

import json
from pathlib import Path

import pytest

from cli.conftest import Typed
from cli.test_bad_input import assert_refused
from upright.cli.verbs import search as verb
from upright.cli.verbs.seeds import HEADER_OF_SEEDS

SMALL = (
    "--preset", "default", "--num-envs", "4", "--num-steps", "32", "--num-epochs", "1",
    "--total-timesteps", "256", "--eval-episodes", "10", "--no-media", "--seeds-per-trial", "1",
)  # fmt: skip


def test_tables_and_sentences_end_stdout_and_the_best_can_be_trained(
    inside: Typed, tmp_path: Path
) -> None:
    pytest.importorskip("optuna", reason="needs the extra tune")
    words = ("search", "CartPole-v1", "--trials", "2", "--confirm", "2", *SMALL)
    said = inside(*words)
    assert said.code == 0
    trials, sentences, seeds, numbers, last = said.out.split("\n\n")
    header, *rows = trials.splitlines()
    assert tuple(header.split()) == verb.HEADER_OF_TRIALS
    assert {row.split()[0] for row in rows} == {"0", "1"}
    assert all("searches/CartPole-v1/ppo/trial-00" in row for row in rows)
    assert sentences.startswith("2 trials: 2 came to an end.\nThe best is trial ")
    assert "What counts is 2 seeds that the search never used:" in sentences
    assert tuple(seeds.splitlines()[0].split()) == HEADER_OF_SEEDS
    assert numbers.startswith("Solved and verified: 0 of 2\nMean return: ")
    settings, command = last.splitlines()
    assert settings.startswith(f"The settings of trial {rows[0].split()[0]}: learning_rate 0.0")
    assert command == "upright train CartPole-v1 --config searches/CartPole-v1/ppo/best.toml"
    lines = said.err.splitlines()
    assert lines[:3] == [
        "Upright: searching settings for CartPole-v1 ...", "ppo (preset default), 2 trials",
        "The search is in searches/CartPole-v1/ppo.",
    ]  # fmt: skip
    assert "trial 0 begins" in lines
    assert any(line.endswith("(2 of 2)") and line.startswith("trial ") for line in lines)
    assert "ppo (preset default), 2 seeds" in lines
    again = inside(*words, "--quiet")
    assert (again.out, again.err) == (said.out, "")
    assert inside(*command.split()[1:], "--seed", "4", "--no-media").code == 0
    assert "trial-001" in inside("runs", "searches").out


def test_json_ends_stdout_with_one_object_and_nothing_else(inside: Typed) -> None:
    pytest.importorskip("optuna", reason="needs the extra tune")
    words = ("--trials", "1", "--confirm", "1", "--reward-threshold", "5", "--json", *SMALL)
    told = json.loads(inside("search", "CartPole-v1", *words).out)
    assert (told["env"], told["algo"], told["best"], told["failed"]) == (
        "CartPole-v1",
        "ppo",
        0,
        [],
    )
    assert told["folder"] == "searches/CartPole-v1/ppo"
    (trial,) = told["trials"]
    assert (trial["state"], trial["solved"], trial["seeds"]) == ("finished", 1, 1)
    assert told["confirmation"]["solved"] == 1
    assert told["confirmation"]["runs"][0]["run"] == (
        "searches/CartPole-v1/ppo/trial-000/CartPole-v1/ppo-s0"
    )


def test_a_trial_that_failed_is_named_and_the_exit_code_is_1(inside: Typed, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="needs the extra tune")
    (tmp_path / "space.toml").write_text("[num_envs]\nlow = 1\nhigh = 16\n")
    words = ("--algo", "reinforce", "--preset", "default", "--num-episodes", "16", "--trials", "6",
             "--total-timesteps", "64", "--eval-episodes", "2", "--seeds-per-trial", "1",
             "--confirm", "0", "--space", "space.toml")  # fmt: skip
    said = inside("search", "CartPole-v1", *words)
    assert said.code == 1
    assert "no fresh seed confirms it" in said.out
    assert "failed: The settings do not fit together" in said.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--trials", "0"), "0 is out of range, allowed: at least 1"),
        (("--time", "10"), "'10' is no time."),
        (("--jobs", "0"), "0 is out of range, allowed: 1 to 1000"),
        (("--confirm", "1001"), "1001 is out of range, allowed: 0 to 1000"),
        (("--seeds", "1-3"), "Did you mean --seed"),
        (("--space", "none.toml"), "none.toml: No such file or directory."),
        (("--gamma", "2"), "at least 0 and at most 1"),
        (("--network", "cnn"), "There is no picture"),
    ],
)
def test_bad_input_is_refused_in_a_sentence_and_nothing_is_made(
    words: tuple[str, ...], said: str, inside: Typed, tmp_path: Path
) -> None:
    pytest.importorskip("optuna", reason="needs the extra tune")
    assert_refused(inside("search", "CartPole-v1", *words), said)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_space_is_refused_with_its_line_and_nothing_is_made(
    inside: Typed, tmp_path: Path
) -> None:
    (tmp_path / "space.toml").write_text("[gamma]\nlow = 0.9\nhigh = 0.1\n")
    said = inside("search", "CartPole-v1", "--space", "space.toml")
    assert_refused(said, "space.toml, line 1: gamma: the range from 0.9 to 0.1 is empty.")
    assert [path.name for path in tmp_path.iterdir()] == ["space.toml"]


def test_help_says_what_counts_and_that_the_same_command_goes_on(
    inside: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        inside("search", "--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "The same command picks up" in text
    assert "what counts is what those come to" in text
    assert "--learning-rate" in text
    assert "default searches" in text
