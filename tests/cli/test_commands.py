"""What the commands print, where, and with which exit code."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import upright
from cli.conftest import Typed
from upright.cli import VERBS, main
from upright.cli.arguments import program
from upright.settings.hyperparameters import SETTINGS

SUMMARY = {
    "run",
    "env",
    "algo",
    "seed",
    "timesteps",
    "iterations",
    "train_seconds",
    "eval_seconds",
    "solved",
    "mean_return",
    "threshold",
}
SHORT = ("--algo", "ppo", "--preset", "default", "--total-timesteps", "1500")


def test_the_console_script_is_the_command_line() -> None:
    (script,) = entry_points(group="console_scripts", name="upright")
    assert script.value == "upright.cli:main"


def test_help_lists_every_command(shell: Typed) -> None:
    outcome = shell("--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert all(f"  {verb} " in outcome.out for verb in VERBS)
    assert set(VERBS) >= {"play", "train", "evaluate", "verify", "runs", "envs"}


def test_something_is_on_the_screen_before_anything_slow_is_imported() -> None:
    code = (
        "import sys\n"
        "from upright.cli import main\n"
        "for name in ('torch', 'gymnasium', 'numpy'):\n"
        "    sys.modules[name] = None\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    for words in (
        ("play", "CartPole-v1", "--random"),
        ("train", "CartPole-v1"),
        ("resume", "runs/x"),
        ("bundle", "runs/x"),
        ("evaluate", "runs/x"),
        ("verify", "runs/x"),
        ("runs",),
        ("envs",),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        first, *rest = done.stderr.splitlines()
        assert first
        assert not first.startswith("error: ")
        assert any("import of" in line for line in rest)


def test_no_word_at_all_is_help(inside: Typed) -> None:
    assert inside() == inside("--help")


def test_the_version_is_the_packages(inside: Typed) -> None:
    assert inside("--version").out == f"upright {upright.__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_help(shell: Typed, verb: str) -> None:
    outcome = shell(verb, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"usage: upright {verb}")
    assert "--debug" in outcome.out


def test_every_setting_is_a_flag_of_its_own_name(
    inside: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        inside("train", "--help")
    flags = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    names = {name for settings in SETTINGS.values() for name in settings.model_fields}
    own = {"algo", "preset", "seed", "out", "config", "threads", "device", "until", "json"}
    assert {f"--{name.replace('_', '-')}" for name in names | own} <= flags


def test_play_prints_the_spaces_every_reward_and_the_total(shell: Typed) -> None:
    outcome = shell("play", "CartPole-v1", "--random", "--episodes", "2", "--seed", "3")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0] == "Action space: Discrete(2)"
    assert lines[1].startswith("Observation space: Box(")
    totals = [line for line in lines if line.startswith("Total reward: ")]
    assert len(totals) == 2
    assert lines[-1] == totals[-1]
    steps = [line for line in lines if re.fullmatch(r"\[[-+e. \d]+\] -> 1\.0", line)]
    assert sum(int(total.split(": ")[1]) for total in totals) == len(steps)
    assert len(steps) == len(lines) - 4


def test_play_prints_a_picture_in_a_few_words(inside: Typed) -> None:
    alone = inside("play", "probes.spaces:GuessBand", "--random", "--seed", "1").out.splitlines()
    assert alone[2].startswith("picture 8x9x3, mean 28.3 -> ")
    beside = inside("play", "probes.spaces:Wandering", "--random", "--seed", "1").out.splitlines()
    assert beside[2].startswith("{'camera': 'picture 8x9x3, mean 28.3', 'noise': array(")


def test_play_with_a_seed_is_the_same_again(inside: Typed) -> None:
    words = ("play", "CartPole-v1", "--random", "--episodes", "2", "--seed")
    assert inside(*words, "3") == inside(*words, "3")
    assert inside(*words, "3").out != inside(*words, "4").out


def test_play_says_in_a_sentence_which_mask_will_not_do(inside: Typed) -> None:
    outcome = inside("play", "envs.test_checking:Forbids", "--random", "--seed", "0")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-2:] == [
        "error: envs.test_checking:Forbids: its action mask forbids everything, and the episode "
        "goes on.",
        "hint:  Mend its action masks; --mask off trains without them.",
    ]


def test_play_takes_what_cannot_be_trained_yet(inside: Typed) -> None:
    outcome = inside("play", "FrozenLake-v1", "--random", "--seed", "0")
    assert outcome.code == 0
    assert "Observation space: Discrete(16)" in outcome.out


def test_train_with_json_leaves_one_object_on_stdout(shell: Typed, tmp_path: Path) -> None:
    outcome = shell("train", "CartPole-v1", *SHORT, "--seed", "4", "--json")
    assert outcome.code == 0
    (line,) = outcome.out.splitlines()
    summary = json.loads(line)
    assert summary.keys() == SUMMARY
    assert (summary["env"], summary["algo"], summary["seed"]) == ("CartPole-v1", "ppo", 4)
    assert summary["threshold"] == 475.0
    assert summary["solved"] in (True, False)
    assert 1500 <= summary["timesteps"] < 4000
    assert summary["run"] == "runs/CartPole-v1/ppo-s4"
    info = json.loads((tmp_path / summary["run"] / "run.json").read_text())
    assert summary.items() <= info.items()
    assert info["status"] == "finished"
    assert outcome.err.startswith("Upright: training CartPole-v1")
    assert "mean return" in outcome.err


def test_train_without_json_says_where_the_run_is_and_what_to_type_next(
    inside: Typed, tmp_path: Path
) -> None:
    outcome = inside("train", "CartPole-v1", *SHORT, "--out", "here", "--eval-every", "500")
    folder = "here/CartPole-v1/ppo-s0"
    assert outcome.code == 0
    assert [line for line in outcome.out.splitlines()[1:] if not line.startswith("Note: ")] == [
        f"Run:  {folder}",
        f"Next: {program()} watch {folder}",
        f"      {program()} verify {folder}",
    ]
    assert "greedy policy" in outcome.err
    assert "device cpu: " in outcome.err
    assert (tmp_path / folder / "policy.safetensors").is_file()


def test_without_a_threshold_solved_is_null(inside: Typed, unjudged: str) -> None:
    outcome = inside("train", unjudged, *SHORT, "--json")
    summary = json.loads(outcome.out)
    assert (summary["solved"], summary["threshold"]) == (None, None)


def test_flags_reach_the_settings(inside: Typed, tmp_path: Path) -> None:
    flags = "--learning-rate 0.01:0 --hidden-sizes 8,4 --no-bias --normalize-obs --threads 1"
    inside("train", "CartPole-v1", *SHORT, *flags.split(), "--gamma=0.9", "--seed", "6")
    recipe = upright.load(tmp_path / "runs" / "CartPole-v1" / "ppo-s6").recipe
    assert (recipe.settings.learning_rate.start, recipe.settings.learning_rate.end) == (0.01, 0.0)
    assert recipe.settings.hidden_sizes == (8, 4)
    assert (recipe.settings.bias, recipe.settings.normalize_obs) == (False, True)
    assert recipe.settings.gamma == 0.9


def test_the_line_in_command_txt_repeats_the_run(
    inside: Typed, tmp_path: Path, finished_run: Path
) -> None:
    _, *words = shlex.split((finished_run / "command.txt").read_text())
    assert inside(*words).code == 0
    again = tmp_path / "runs" / "CartPole-v1" / "ppo-s0"
    for name in ("policy.safetensors", "settings.toml", "evaluation.json"):
        assert (again / name).read_bytes() == (finished_run / name).read_bytes()


def test_the_settings_of_a_run_repeat_it(inside: Typed, tmp_path: Path, finished_run: Path) -> None:
    assert inside("train", "--config", finished_run / "settings.toml").code == 0
    again = tmp_path / "runs" / "CartPole-v1" / "ppo-s0" / "policy.safetensors"
    assert again.read_bytes() == (finished_run / "policy.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("algo", "pattern"),
    [("reinforce", r"^\d+ -> \d+$"), ("actor-critic", r"^Iteration: \d+, Score: \d+$")],
)
def test_the_lessons_print_their_scores_on_stderr(
    shell: Typed, tmp_path: Path, algo: str, pattern: str
) -> None:
    outcome = shell(
        *("train", "CartPole-v1", "--algo", algo, "--preset", "lesson"),
        *("--total-episodes", "3", "--json"),
    )
    assert outcome.code == 0
    scores = re.findall(pattern, outcome.err, re.MULTILINE)
    assert len(scores) == {"reinforce": 1, "actor-critic": 3}[algo]
    assert json.loads(outcome.out)["iterations"] == 3


def test_evaluate_says_the_mean_or_all_as_json(inside: Typed, finished_run: Path) -> None:
    text = inside("evaluate", finished_run, "--episodes", "7", "--seed", "2")
    record = inside("evaluate", finished_run, "--episodes", "7", "--seed", "2", "--json")
    assert text.code == record.code == 0
    found = json.loads(record.out)
    assert (found["episodes"], found["seed"], len(found["returns"])) == (7, 2, 7)
    assert found["deterministic"] is True
    assert f"Mean return {found['mean']:.1f}" in text.out
    assert "below the threshold of 475" in text.out
    stochastic = json.loads(inside("evaluate", finished_run, "--stochastic", "--json").out)
    assert (stochastic["deterministic"], stochastic["episodes"]) == (False, 100)


@pytest.mark.long
def test_evaluate_in_a_shell_ends_stdout_with_one_object(shell: Typed, finished_run: Path) -> None:
    outcome = shell("evaluate", finished_run, "--episodes", "5", "--json")
    assert outcome.code == 0
    (line,) = outcome.out.splitlines()
    assert json.loads(line)["mean"] == upright.load(finished_run).evaluate(5).mean


@pytest.mark.long
def test_verify_in_a_shell_holds_and_after_a_flipped_bit_it_does_not(
    shell: Typed, run_copy: Path
) -> None:
    outcome = shell("verify", run_copy, "--json")
    assert outcome.code == 0
    (line,) = outcome.out.splitlines()
    found = json.loads(line)
    assert (found["holds"], found["identical"]) == (True, True)
    assert found["recorded_mean"] == found["repeated_mean"]
    path = run_copy / "policy.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    outcome = shell("verify", run_copy)
    assert outcome.code == 1
    assert outcome.out.startswith("Does not hold: The weights")


@pytest.mark.parametrize("key", ["mean", "returns", "threshold"])
def test_verify_fails_after_an_edit(inside: Typed, run_copy: Path, key: str) -> None:
    assert inside("verify", run_copy).out.startswith("Holds: ")
    path = run_copy / "evaluation.json"
    record = json.loads(path.read_text())
    if key == "returns":
        record["proof"]["returns"][0] += 1.0
    else:
        record[key] += 1.0
    path.write_text(json.dumps(record))
    outcome = inside("verify", run_copy)
    assert outcome.code == 1
    assert outcome.out.startswith("Does not hold: ")
    outcome = inside("verify", run_copy, "--json")
    assert outcome.code == 1
    assert json.loads(outcome.out)["holds"] is False


@pytest.mark.parametrize("damage", [{"mean": None}, {"mean": "high"}, {"proof": 3}])
def test_verify_of_a_garbled_verdict_fails_without_a_traceback(
    inside: Typed, run_copy: Path, damage: dict[str, object]
) -> None:
    path = run_copy / "evaluation.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    for words in ((), ("--json",)):
        outcome = inside("verify", run_copy, *words)
        assert outcome.code == 1
        assert "error" not in outcome.err


def test_runs_is_a_table_of_what_is_there(inside: Typed, run_copy: Path, tmp_path: Path) -> None:
    outcome = inside("runs", tmp_path)
    assert outcome.code == 0
    header, row = outcome.out.splitlines()
    assert header.split() == [
        *("run", "environment", "algorithm", "seed", "status", "steps", "mean", "solved"),
    ]
    assert row.split()[:5] == [str(run_copy), "CartPole-v1", "ppo", "0", "finished"]
    assert row.split()[-1] == "no"


def test_runs_of_an_empty_folder_says_what_makes_one(inside: Typed, tmp_path: Path) -> None:
    outcome = inside("runs", tmp_path)
    assert (outcome.code, outcome.out) == (0, "")
    assert "upright train CartPole-v1" in outcome.err


def test_envs_is_a_table_of_what_can_be_trained(shell: Typed) -> None:
    outcome = shell("envs", "cartpole")
    assert outcome.code == 0
    header, *rows = outcome.out.splitlines()
    assert header.split() == [
        *("environment", "trainable", "observations", "actions", "threshold", "presets", "solved"),
    ]
    (row,) = [row for row in rows if row.startswith("CartPole-v1 ")]
    assert row.split()[1:5] == ["yes", "Box(4)", "Discrete(2)", "475"]
    assert "lesson" in row
    assert "30 of 30 at 475" in row


def test_a_folders_name_is_no_command_to_a_terminal(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "x\x1b]0;pwn\x07"
    shutil.copytree(finished_run, folder)
    for words in (
        ["evaluate", str(folder), "--episodes", "1"],
        ["verify", str(folder)],
        ["resume", str(folder)],
        ["runs", str(folder)],
        ["bundle", str(folder), "--out", str(tmp_path / "y\x1b.zip")],
    ):
        assert main(words) == 0
        said = capsys.readouterr()
        assert "\x1b" not in said.out + said.err
        assert "\\x1b" in said.out + said.err


@pytest.mark.long
def test_a_folders_name_need_not_be_text(finished_run: Path, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff"))
    shutil.copytree(finished_run, folder)
    done = subprocess.run(
        [sys.executable, "-m", "upright", "bundle", folder],
        env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.splitlines()[1:]) == (0, [])
    assert "bad\\udcff.zip" in done.stdout
