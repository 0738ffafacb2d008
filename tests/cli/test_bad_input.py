"""Bad input gets one clear sentence and exit code 2, and nothing is made."""

from pathlib import Path

import pytest
import torch

from cli.conftest import Outcome, Typed
from upright.cli import VERBS


def assert_refused(outcome: Outcome, *said: str) -> None:
    assert outcome.code == 2
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].endswith(".")
    for words in said:
        assert words in outcome.err


TRAIN = ("train", "CartPole-v1")
LIGHT: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "environment": (("train", "CartPol-v1"), ("'CartPol-v1'", "Did you mean", "CartPole-v1")),
    "flag": ((*TRAIN, "--gama", "0.9"), ("'--gama'", "Did you mean", "--gamma")),
    "range": ((*TRAIN, "--gamma", "2"), ("gamma", "at least 0 and at most 1")),
    "no command": (("trian", "CartPole-v1"), ("'trian'", "Did you mean train?")),
}
WRONG: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "algorithm": ((*TRAIN, "--algo", "ppoo"), ("'ppoo'", "Did you mean ppo?")),
    "far algorithm": ((*TRAIN, "--algo", "sac"), ("reinforce, actor-critic, ppo",)),
    "preset": ((*TRAIN, "--preset", "tund"), ("'tund'", "Did you mean tuned?")),
    "preset of another": (
        (*TRAIN, "--algo", "ppo", "--preset", "lesson"),
        ("is for reinforce and actor-critic, not ppo",),
    ),
    "type": ((*TRAIN, "--num-envs", "many"), ("num_envs = 'many'", "integer")),
    "not whole": ((*TRAIN, "--num-envs", "1.5"), ("num_envs = '1.5'",)),
    "not a number": ((*TRAIN, "--gamma", "nan"), ("gamma",)),
    "zero": ((*TRAIN, "--num-envs", "0"), ("num_envs = '0'", "at least 1")),
    "schedule": ((*TRAIN, "--learning-rate", "1:2:3"), ("learning_rate", "START:END")),
    "sizes": ((*TRAIN, "--hidden-sizes", "64,x"), ("hidden_sizes",)),
    "choice": ((*TRAIN, "--activation", "gelu"), ("'tanh' or 'relu'",)),
    "a backend of before": (
        (*TRAIN, "--backend", "async"),
        ("backend = 'async'", "say --shards 4 --workers 2", "--backend sync"),
    ),
    "seed": ((*TRAIN, "--seed", "-1"), ("seed = '-1'", "at least 0")),
    "large seed": ((*TRAIN, "--seed", str(2**63)), ("seed",)),
    "until": ((*TRAIN, "--until", "dawn"), ("'solved' or 'budget'",)),
    "device": ((*TRAIN, "--device", "tpu"), ("'auto', 'cpu' or 'cuda'",)),
    "threads": ((*TRAIN, "--threads", "0"), ("threads", "at least 1")),
    "another algorithm's": (
        (*TRAIN, "--algo", "reinforce", "--clip-range", "0.1"),
        ("reinforce has no setting 'clip_range'", "It belongs to ppo."),
    ),
    "shares": (
        (*TRAIN, "--algo", "reinforce", "--num-episodes", "10", "--num-envs", "4"),
        ("num_episodes (10)", "multiple of num_envs (4)"),
    ),
    "networks": (
        (*TRAIN, "--shared-network", "--separate-optimizers"),
        ("separate_optimizers needs separate networks",),
    ),
    "a cnn without pictures": (
        (*TRAIN, "--network", "cnn"),
        ("There is no picture in Box(", "for a CNN", "at least 3 by 3 pixels", "--network auto"),
    ),
    "a picture too small": (
        ("train", "probes.spaces:GuessSpeck", "--network", "cnn"),
        ("There is no picture in Box(0, 255, (2, 2, 3), uint8) for a CNN",),
    ),
    "a picture too large": (
        ("train", "probes.spaces:GuessWall"),
        ("has more than 16,777,216 pixels", "ResizeObservation"),
    ),
    "network": ((*TRAIN, "--network", "rnn"), ("'auto', 'mlp' or 'cnn'",)),
    "two optimisers of a cnn": (
        ("train", "probes.spaces:GuessBand", "--separate-optimizers"),
        ("separate_optimizers needs the dense network", "A CNN"),
    ),
    "stack below 0": (
        (*TRAIN, "--frame-stack", "-1"),
        ("frame_stack = '-1' is out of range: should be at least 0 and at most 64",),
    ),
    "stack of many": ((*TRAIN, "--frame-stack", "1" * 30), ("frame_stack", "at most 64")),
    "stack of words": ((*TRAIN, "--frame-stack", "four"), ("frame_stack = 'four'", "integer")),
    "stack beyond a record": (
        ("train", "probes.spaces:GuessScreen", "--frame-stack", "64"),
        ("64 observations of", "together are", "more than 16,777,216", "a smaller frame_stack"),
    ),
    "stack of texts": (
        ("train", "probes.spaces:Reading", "--frame-stack", "2"),
        ("is not supported", "TransformObservation"),
    ),
    "stack in a vector form": (
        (*TRAIN, "--backend", "vector", "--frame-stack", "2"),
        ("CartPole-v1 with frame_stack has no vector form", "sync"),
    ),
    "stack in envpool": (
        (*TRAIN, "--backend", "envpool", "--frame-stack", "2"),
        ("not CartPole-v1 with frame_stack",),
    ),
    "evaluations": ((*TRAIN, "--eval-episodes", "-3"), ("eval_episodes", "at least 0")),
    "no environment": (("train",), ("No environment was named",)),
    "a value missing": ((*TRAIN, "--gamma"), ("--gamma",)),
    "one word too many": ((*TRAIN, "Acrobot-v1"), ("'Acrobot-v1'",)),
    "no vector form": (
        ("train", "Acrobot-v1", "--backend", "vector"),
        ("Acrobot-v1 has no vector form",),
    ),
    "squashing without bounds": (
        ("train", "probes.spaces:Unbounded", "--squash-actions"),
        ("squash_actions needs bounds", "Leave squash_actions out."),
    ),
    "observation space": (
        ("train", "probes.spaces:Reading"),
        ("The space Text(", "is not supported", "Supported: Box, Discrete"),
    ),
    "out in nowhere": ((*TRAIN, "--out", "/proc/x"), ("/proc/x", "--out")),
    "no config": ((*TRAIN, "--config", "no.toml"), ("config file no.toml", "No such file")),
    "no run to evaluate": (("evaluate", "nothing"), ("nothing is not a run folder",)),
    "no run to verify": (("verify", "nothing"), ("nothing is not a run folder",)),
    "episodes": (("evaluate", "nothing", "--episodes", "0"), ("at least 1",)),
    "episodes in words": (("evaluate", "nothing", "--episodes", "ten"), ("'ten'",)),
    "no folder of runs": (("runs", "nothing"), ("There is no folder nothing",)),
    "no such environments": (("envs", "nosuchword"), ("'nosuchword'",)),
    "no run to record": (("record", "nothing"), ("nothing is not a run folder",)),
    "episodes to record": (("record", "nothing", "--episodes", "0"), ("at least 1",)),
    "two wishes at once": (
        ("record", "nothing", "--timelapse", "--checkpoint", "first"),
        ("--timelapse goes over all checkpoints",),
    ),
    "no run to plot": (("plot", "nothing"), ("nothing is not a run folder",)),
    "nothing named to plot": (("plot",), ("RUN",)),
    "a picture of no kind": (("plot", "nothing", "--out", "a.jpg"), ("no .png and no .svg",)),
    "a picture in nowhere": (("plot", "nothing", "--out", "b/a.png"), ("no folder b",)),
    "smoothness": (("plot", "nothing", "--smooth", "0"), ("at least 1",)),
    "no run to report": (("report", "nothing"), ("nothing is not a run folder",)),
    "no run to export": (("export", "nothing", "--html", "a.html"), ("not a run folder",)),
    "a page of another kind": (("export", "nothing", "--html", "a.pdf"), ("is no .html", "a.html")),
    "a model of another kind": (("export", "nothing", "--onnx", "a"), ("is no .onnx", "a.onnx")),
    "a report of another kind": (("report", "nothing", "--out", "a.mp4"), ("is no .html",)),
    "nothing to export": (("export", "nothing"), ("nothing to export", "--html FILE")),
    "nobody plays": (("play", "CartPole-v1"), ("--random",)),
    "nothing to play": (("play", "CartPol-v1", "--random"), ("CartPole-v1",)),
    "nothing named to play": (("play", "--random"), ("ENV",)),
    "episodes of play": (("play", "CartPole-v1", "--random", "--episodes", "0"), ("at least 1",)),
    "nothing to check": (("check", "CartPol-v1"), ("'CartPol-v1'", "CartPole-v1")),
    "nothing named to check": (("check",), ("ENV",)),
    "no file to check": (("check", "nothing.py:Mine"), ("There is no file nothing.py",)),
    "no such class to check": (("check", "probes.envs:Prob"), ("'Prob'", "Did you mean Probe")),
    "steps of check": (("check", "CartPole-v1", "--steps", "0"), ("at least 1",)),
    "seed of check": (("check", "CartPole-v1", "--seed", "-1"), ("out of range",)),
    "an argument without a value": (
        (*TRAIN, "--env-kwargs", "gravity"),
        ("'gravity'", "key=value"),
    ),
    "an unknown argument": (
        (*TRAIN, "--env-kwargs", "gravity=3"),
        ("CartPole-v1 takes no argument 'gravity'", "It takes sutton_barto_reward."),
    ),
    "an argument that is Upright's": (
        (*TRAIN, "--env-kwargs", "render_mode=human"),
        ("render_mode",),
    ),
    "an argument of a wrong value": (
        ("train", "FrozenLake-v1", "--env-kwargs", "map_name=9x9"),
        ("Cannot make FrozenLake-v1", "9x9"),
    ),
    "the environment last": (("train", "--env-kwargs", "a=1", "CartPole-v1"), ("first",)),
    "half a wrapper": ((*TRAIN, "--wrapper", "mine:Wrapper("), ("'mine:Wrapper('", "not closed")),
    "code in a wrapper": (
        (*TRAIN, "--wrapper", "gymnasium.wrappers:TransformReward(func=lambda r: int(r))"),
        ("lambda r: int(r)", "as TOML has it"),
    ),
    "a wrapper with a dot": (
        (*TRAIN, "--wrapper", "gymnasium.wrappers.ClipReward"),
        ("perhaps gymnasium.wrappers:ClipReward",),
    ),
    "an environment as a wrapper": (
        (*TRAIN, "--wrapper", "probes.envs:ObsReward"),
        ("probes.envs:ObsReward is no gymnasium.Wrapper",),
    ),
    "a wrapper that lacks something": (
        (*TRAIN, "--wrapper", "gymnasium.wrappers:TimeLimit"),
        ("around CartPole-v1", "missing 1 required", "--env-kwargs key=value"),
    ),
    "no module to import": ((*TRAIN, "--import", "no_suite"), ("Importing no_suite", "Install")),
    "a module that no module can be": ((*TRAIN, "--import", "a b"), ("import: 'a b'", "minigrid")),
    "no module to list": (("envs", "--import", "no_suite"), ("Importing no_suite failed",)),
    "no such place to evaluate": ((*TRAIN, "--eval-env", "CartPol-v1"), ("CartPole-v1",)),
    "another place to evaluate": (
        (*TRAIN, "--eval-env", "Acrobot-v1"),
        ("The policy is for Box", "Acrobot-v1 has Box", "Discrete(2)", "Discrete(3)"),
    ),
    "an unknown argument to check": (("check", "CartPole-v1", "--env-kwargs", "g=1"), ("'g'",)),
    "half a wrapper to check": (("check", "CartPole-v1", "--wrapper", "a"), ("module:Wrapper",)),
    "an unknown argument to play": (
        ("play", "CartPole-v1", "--random", "--env-kwargs", "g=1"),
        ("takes no argument 'g'",),
    ),
    "seed of play": (("play", "CartPole-v1", "--random", "--seed", "-1"), ("out of range",)),
}


@pytest.mark.parametrize("name", LIGHT)
def test_a_shell_gets_exit_code_2_and_a_sentence(shell: Typed, tmp_path: Path, name: str) -> None:
    words, said = LIGHT[name]
    assert_refused(shell(*words), *said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_and_nothing_is_made(
    inside: Typed, tmp_path: Path, name: str
) -> None:
    words, said = WRONG[name]
    assert_refused(inside(*words), *said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_cuda_that_is_not_there_is_said(inside: Typed, tmp_path: Path) -> None:
    assert_refused(inside(*TRAIN, "--device", "cuda"), "CUDA", "--device cpu")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('algo = "ppo"\n\ngama = 0.9\n', ("my.toml, line 3", "'gama'", "Did you mean gamma")),
        ("gamma = \n", ("my.toml is not valid TOML", "line 1")),
        ('gamma = 0.9\ngamma = "x"\n', ("my.toml is not valid TOML",)),
        ("gamma = 3.0\n", ("gamma = 3.0", "at most 1")),
        ('algo = "reinforce"\nclip_range = 0.1\n', ("my.toml", "'clip_range'")),
        ("preset = 3\n", ("preset",)),
        ("env_kwargs = 3\n", ("env_kwargs: should be a table",)),
        ("env_kwargs = {a = nan}\n", ("env_kwargs: holds nan",)),
        ("env_kwargs = {a = 1979-05-27}\n", ("env_kwargs: holds a value of type date",)),
        (f"env_kwargs = {{a = {'[' * 90}{']' * 90}}}\n", ("env_kwargs: is nested more than",)),
        (f"env_kwargs = {{a = {'[' * 990}{']' * 990}}}\n", ("my.toml is not valid TOML",)),
        (f"[env_kwargs]\n{'a' * 1500} = '{'b' * 400}'\n" * 9, ("my.toml is not valid TOML",)),
        ("".join(f"env_kwargs.a{n} = '{'b' * 99}'\n" for n in range(200)), ("too long",)),
        ("wrapper = {a = 1}\n", ("my.toml, line 1", "wrapper")),
        ("wrapper = [1]\n", ("wrapper: should be a text",)),
        (f"wrapper = {['m:W'] * 21}\n", ("wrapper: should be at most 20",)),
        (f"wrapper = 'm:{'W' * 1500}'\n", ("wrapper: ", "1 to 900 characters")),
        ("wrapper = 'm:W(a=open(1))'\n", ("wrapper: ", "as TOML has it")),
        ("imports = 'os; evil'\n", ("import: ", "should be a module")),
        ("eval_env = ''\n", ("eval_env: should be 1 to 900 characters",)),
        ("eval_env = 3\n", ("eval_env: should be a valid string",)),
        ("algo = []\n", ("algo",)),
    ],
)
def test_a_config_file_that_will_not_do_is_named(
    inside: Typed, tmp_path: Path, text: str, said: tuple[str, ...]
) -> None:
    (tmp_path / "my.toml").write_text(text)
    assert_refused(inside(*TRAIN, "--config", "my.toml"), *said)
    assert [path.name for path in tmp_path.iterdir()] == ["my.toml"]


def test_a_file_as_out_folder_is_refused_and_left_alone(inside: Typed, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    assert_refused(inside(*TRAIN, "--out", "mine"), "mine", "--out")
    assert (tmp_path / "mine").read_text() == "mine"


LONG_NAME = "n" * 300


@pytest.mark.parametrize(
    "words",
    [
        ("compare", LONG_NAME),
        ("compare", "one", "other", "--out", f"{LONG_NAME}.png"),
        ("board", LONG_NAME),
        ("runs", LONG_NAME),
        ("seeds", "CartPole-v1", "--out", LONG_NAME),
        ("search", "CartPole-v1", "--out", LONG_NAME),
        ("train", "CartPole-v1", "--out", LONG_NAME),
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_a_name_that_no_file_can_have_is_refused(
    inside: Typed, tmp_path: Path, words: tuple[str, ...]
) -> None:
    assert_refused(inside(*words), "too long")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("verb", ["train", "seeds"])
def test_a_folder_that_no_record_could_name_is_refused(
    inside: Typed, tmp_path: Path, verb: str
) -> None:
    assert_refused(inside(verb, "CartPole-v1", "--out", "runs\udcff"), "not UTF-8", "--out")
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_is_no_run_is_refused_by_every_verb_that_takes_one(
    inside: Typed, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for verb in ("evaluate", "verify", "diagnose"):
        assert_refused(inside(verb, "empty"), "empty is not a run folder")
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_run_without_a_verdict_cannot_be_verified(inside: Typed, run_copy: Path) -> None:
    (run_copy / "evaluation.json").unlink()
    assert_refused(inside("verify", run_copy), "has no verdict")


def test_debug_shows_the_traceback_and_keeps_the_exit_code(shell: Typed) -> None:
    outcome = shell("train", "CartPol-v1", "--debug")
    assert outcome.code == 2
    assert "error: There is no environment 'CartPol-v1'." in outcome.err
    assert "Traceback (most recent call last)" in outcome.err


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_flag_is_refused_by_every_verb(inside: Typed, verb: str) -> None:
    needed = {"play": ["CartPole-v1"], "train": [], "runs": [], "envs": [], "doctor": []}.get(
        verb, ["x"]
    )
    assert_refused(inside(verb, *needed, "--no-such-flag"), "'--no-such-flag'")


def test_an_error_that_nobody_foresaw_is_short_and_fails(
    inside: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("upright.envs.make_env", broken)
    outcome = inside("play", "CartPole-v1", "--random")
    assert outcome.code == 1
    assert "error: RuntimeError: out of luck" in outcome.err
    assert "Traceback" not in outcome.err
    assert "Traceback" in inside("play", "CartPole-v1", "--random", "--debug").err


def test_an_interrupt_ends_with_code_130(inside: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("upright.envs.make_env", interrupted)
    outcome = inside("play", "CartPole-v1", "--random")
    assert outcome.code == 130
    assert "Traceback" not in outcome.err
