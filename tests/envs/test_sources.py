"""Environments that are code: what names them, what is said of them, and who may import them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import upright
from upright.cli import main
from upright.envs import check, is_code, make_env, make_envs, spec_of
from upright.ground.errors import UprightError
from upright.policy import find_environments
from upright.runs.run import Run

CODE = """
from pathlib import Path

import gymnasium as gym
import numpy as np

with Path(__file__).with_name("imported.txt").open("a") as file:
    file.write("imported\\n")


class Env(gym.Env):
    metadata = {"render_modes": []}

    def __init__(self):
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.zeros(2, np.float32), REWARD, True, False, {}


REWARD = 1.0
number = 3
"""
REGISTERS = CODE + "\ngym.register('Sourced-v0', f'{__name__}:Env', reward_threshold=0.5)\n"
SMALL: dict[str, Any] = {
    "algo": "ppo",
    "num_envs": 2,
    "num_steps": 8,
    "num_epochs": 1,
    "hidden_sizes": [4],
    "total_timesteps": 32,
}
WORDS = (
    *("--algo", "ppo", "--num-envs", "2", "--num-steps", "8", "--num-epochs", "1"),
    *("--hidden-sizes", "4", "--total-timesteps", "32"),
)


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Nothing that one test imports or registers is there in the next; it runs in a new folder."""
    from upright.envs import loading

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules, registered = set(sys.modules), set(gym.registry)
    yield
    loading._load_file.cache_clear()
    for name in set(sys.modules) - modules:
        if name.startswith(("upright_env_", "sourced")):
            del sys.modules[name]
    for name in set(gym.registry) - registered:
        del gym.registry[name]


def write(folder: Path, name: str = "sourced.py", text: str = CODE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def imports(folder: Path) -> int:
    """How often the code in the folder ran."""
    canary = folder / "imported.txt"
    return len(canary.read_text().splitlines()) if canary.exists() else 0


def refused(env: str) -> UprightError:
    with pytest.raises(UprightError) as caught:
        make_env(env)
    return caught.value


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ("CartPole-v1", False),
        ("ale/Pong-v5", False),
        ("a:B", True),
        ("a.py:B", True),
        (dict, False),
    ],
)
def test_a_colon_makes_a_name_code(env: Any, code: bool) -> None:
    assert is_code(env) is code


@pytest.mark.parametrize(
    "env", ["sourced:Env", "sourced.py:Env", "./sourced.py:Env", "{here}/sourced.py:Env"]
)
def test_a_module_or_a_file_trains(tmp_path: Path, env: str) -> None:
    write(tmp_path)
    run = upright.train(env.format(here=tmp_path), out="runs", **SMALL)
    assert run.status == "finished"
    assert run.info["env"] == env.format(here=tmp_path)
    assert run.info["env_is_factory"] is False
    assert imports(tmp_path) == 1
    assert run.evaluate(episodes=2).mean == 1.0


def test_a_module_in_a_package_trains(tmp_path: Path) -> None:
    write(tmp_path / "sourcedpackage", "__init__.py", "")
    write(tmp_path / "sourcedpackage")
    assert upright.train("sourcedpackage.sourced:Env", out="runs", **SMALL).status == "finished"


def test_several_are_made_side_by_side(tmp_path: Path) -> None:
    write(tmp_path)
    envs = make_envs("sourced.py:Env", 2, 0, "sync")
    assert envs.reset().shape == (2, 2)
    envs.close()


def test_code_has_no_vector_form_and_no_threshold(tmp_path: Path) -> None:
    write(tmp_path)
    assert spec_of("sourced.py:Env") is None
    with pytest.raises(UprightError, match="no vector form"):
        make_envs("sourced.py:Env", 2, 0, "vector")


def test_a_module_that_registers_an_id_makes_it(tmp_path: Path) -> None:
    write(tmp_path, text=REGISTERS)
    run = upright.train("sourced:Sourced-v0", out="runs", **SMALL)
    assert run.status == "finished"
    assert run.evaluate(episodes=2).threshold == 0.5
    assert run.solved is True


def test_a_file_that_registers_an_id_makes_it(tmp_path: Path) -> None:
    write(tmp_path, text=REGISTERS)
    assert spec_of("sourced.py:Sourced-v0") is not None
    assert upright.train("sourced.py:Sourced-v0", out="runs", **SMALL).solved is True


def test_a_relative_path_is_taken_from_the_folder_of_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two", text=CODE.replace("REWARD = 1.0", "REWARD = 2.0"))
    rewards = []
    for name in ("one", "two"):
        monkeypatch.chdir(tmp_path / name)
        made = make_env("sourced.py:Env")
        made.reset()
        rewards.append(made.step(0)[1])
    assert rewards == [1.0, 2.0]


def test_two_files_of_the_same_name_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one"), write(tmp_path / "two")
    first, second = type(make_env(f"{one}:Env")), type(make_env(f"{two}:Env"))
    assert first is not second
    assert type(make_env(f"{one}:Env")) is first
    for each in (first, second):
        assert getattr(sys.modules[each.__module__], "Env") is each  # noqa: B009


def test_a_file_that_failed_once_is_no_module_left_half_way(tmp_path: Path) -> None:
    write(tmp_path, text="raise ValueError('not yet')")
    before = set(sys.modules)
    refused("sourced.py:Env")
    assert not any(name.startswith("upright_env_") for name in set(sys.modules) - before)
    write(tmp_path)
    assert isinstance(make_env("sourced.py:Env"), gym.Env)


def test_a_file_that_is_not_there_is_named_with_the_folder(tmp_path: Path) -> None:
    error = refused("missing.py:Env")
    assert error.message == "There is no file missing.py."
    assert str(tmp_path) in error.hint


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    assert refused("folder.py:Env").message == "There is no file folder.py."


def test_a_module_that_is_not_there_is_named() -> None:
    error = refused("sourced_missing:Env")
    assert "sourced_missing" in error.message
    assert "No module named" in error.message


@pytest.mark.parametrize("place", ["sourced.py", "sourced"])
@pytest.mark.parametrize(("name", "near"), [("Evn", "Env"), ("env", "Env"), ("Sourced-v1", "-v0")])
def test_a_name_that_is_not_there_is_answered_with_the_nearest(
    tmp_path: Path, place: str, name: str, near: str
) -> None:
    write(tmp_path, text=REGISTERS)
    error = refused(f"{place}:{name}")
    assert error.message == f"{place} has no environment '{name}'."
    assert error.hint.startswith("Did you mean ")
    assert near in error.hint


def test_a_name_that_is_nothing_to_call_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    error = refused("sourced.py:number")
    assert error.message == "sourced.py has no environment 'number'."


def test_a_name_with_nothing_near_says_what_it_should_be(tmp_path: Path) -> None:
    write(tmp_path)
    assert refused("sourced.py:Zzzzzzzzzzzzzzz").hint == "It should be a class or a function."


@pytest.mark.parametrize("env", ["sourced.py:", ":Env", ":", "sourced.py::Env", "..:Env"])
def test_half_a_name_is_refused(tmp_path: Path, env: str) -> None:
    write(tmp_path)
    refused(env)


RAISING: dict[str, tuple[str, str]] = {
    "an exception": ("raise RuntimeError('no display')", "RuntimeError: no display"),
    "a syntax error": ("class Env(:", "SyntaxError"),
    "a missing import": ("import sourced_not_there", "No module named 'sourced_not_there'"),
}


@pytest.mark.parametrize("place", ["sourced.py", "sourced"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        *RAISING.values(),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
    ],
    ids=[*RAISING, "an exit"],
)
def test_code_that_fails_when_it_is_imported_is_named(
    tmp_path: Path, place: str, text: str, said: str
) -> None:
    write(tmp_path, text=text)
    error = refused(f"{place}:Env")
    assert error.message.startswith(f"Importing {place} for the environment {place}:Env failed: ")
    assert said in error.message


def test_what_cannot_be_imported_leaves_no_run(tmp_path: Path) -> None:
    write(tmp_path, text="raise RuntimeError('no display')")
    with pytest.raises(UprightError, match="no display"):
        upright.train("sourced.py:Env", out="runs", **SMALL)
    assert not (tmp_path / "runs").exists()


def trained(folder: Path) -> Run:
    """A run on a file, and no trace that it was imported."""
    path = write(folder)
    run = upright.train(f"{path}:Env", out=folder / "runs", **SMALL)
    (folder / "imported.txt").unlink()
    from upright.envs import loading

    loading._load_file.cache_clear()
    return run


def test_the_returned_run_of_code_that_the_user_named_evaluates(tmp_path: Path) -> None:
    assert trained(tmp_path).evaluate(episodes=2).mean == 1.0


def test_a_run_on_code_imports_nothing_unless_it_is_trusted(tmp_path: Path) -> None:
    run = upright.load(trained(tmp_path).path)
    assert run.policy is not None
    assert run.metrics()
    assert "status=" in repr(run)
    with pytest.raises(UprightError, match="code that would be imported and run") as caught:
        run.evaluate(episodes=2)
    assert "--trust-code" in caught.value.hint
    with pytest.raises(UprightError, match="code that would be imported and run"):
        run.verdict()
    with pytest.raises(UprightError, match="code that would be imported and run"):
        upright.resume(run.path, total_timesteps=64)
    with pytest.raises(UprightError, match="code that would be imported and run"):
        upright.train(config=run.path / "settings.toml", out=tmp_path / "again")
    assert imports(tmp_path) == 0
    assert not (tmp_path / "again").exists()


def test_a_run_on_code_that_is_trusted_evaluates_and_goes_on(tmp_path: Path) -> None:
    run = upright.load(trained(tmp_path).path, trust_code=True)
    assert run.evaluate(episodes=2).mean == 1.0
    assert imports(tmp_path) == 1
    longer = upright.resume(run.path, total_timesteps=64, trust_code=True)
    assert longer.info["timesteps"] == 64
    assert longer.evaluate(episodes=2).mean == 1.0


def test_a_run_on_code_evaluates_on_what_is_given_without_importing(tmp_path: Path) -> None:
    from probes.envs import ConstantReward

    run = upright.load(trained(tmp_path).path, env=ConstantReward)
    assert run.evaluate(episodes=2).mean == 1.0
    assert imports(tmp_path) == 0


def test_a_config_of_code_trains_if_it_is_trusted_or_named(tmp_path: Path) -> None:
    run = trained(tmp_path)
    config = run.path / "settings.toml"
    with pytest.raises(UprightError) as caught:
        upright.train(config=config, out=tmp_path / "again")
    assert (
        caught.value.hint == "If you trust it, say --trust-code, or name the environment yourself."
    )
    assert imports(tmp_path) == 0
    trusted = upright.train(config=config, out=tmp_path / "trusted", trust_code=True)
    named = upright.train(run.info["env"], config=config, out=tmp_path / "named")
    assert trusted.status == named.status == "finished"


def test_code_hidden_in_a_run_of_an_ordinary_environment_is_not_imported(
    tmp_path: Path, run_copy: Path
) -> None:
    place = write(tmp_path / "hidden")
    for name in ("run.json", "settings.toml"):
        text = (run_copy / name).read_text()
        (run_copy / name).write_text(text.replace("CartPole-v1", f"{place}:Env"))
    assert json.loads((run_copy / "run.json").read_text())["env"] == f"{place}:Env"
    run = upright.load(run_copy)
    for act in (run.evaluate, lambda: upright.resume(run_copy)):
        with pytest.raises(UprightError, match="code that would be imported and run"):
            act()
    assert imports(tmp_path / "hidden") == 0


def typed(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    capsys.readouterr()
    return main([str(word) for word in words]), *capsys.readouterr()


def test_the_command_line_trains_a_file_and_trusts_only_what_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(tmp_path)
    config, env = run.path / "settings.toml", run.info["env"]
    for words in (
        ("evaluate", run.path, "--episodes", "2"),
        ("resume", run.path, "--total-timesteps", "64"),
        ("train", "--config", config),
    ):
        code, out, err = typed(capsys, *words)
        assert (code, out) == (2, "")
        assert "is code that would be imported and run" in err or "code that would be" in err
        assert "--trust-code" in err
    assert imports(tmp_path) == 0
    for words in (
        ("evaluate", run.path, "--episodes", "2", "--trust-code"),
        ("verify", run.path, "--trust-code"),
        ("train", "--config", config, "--trust-code"),
        ("train", env, "--config", config),
        ("resume", run.path, "--total-timesteps", "64", "--trust-code"),
    ):
        code, _, err = typed(capsys, *words)
        assert (code, "error" in err) == (0, False), err
    assert imports(tmp_path) == 1


def test_verify_refuses_code_as_the_other_commands_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(tmp_path)
    code, out, err = typed(capsys, "verify", run.path)
    assert imports(tmp_path) == 0
    assert (code, out) == (2, "")
    assert "--trust-code" in err


@pytest.mark.parametrize("words", [("runs",), ("bundle", "RUN")])
def test_a_list_or_a_bundle_imports_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    run = trained(tmp_path)
    code, _, err = typed(capsys, *[run.path if word == "RUN" else word for word in words])
    assert code == 0, err
    assert imports(tmp_path) == 0


def test_a_file_finds_what_lies_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "poles_of_mine.py").write_text("ID = 'CartPole-v1'\n")
    (tmp_path / "random.py").write_text("raise RuntimeError('a file of this name hid another')\n")
    (tmp_path / "mine.py").write_text(
        "import random, gymnasium\nfrom poles_of_mine import ID\n\n"
        "def pole():\n    random.random()\n    return gymnasium.make(ID)\n"
    )
    made = make_env(f"{tmp_path}/mine.py:pole")
    assert made.spec is not None
    assert made.spec.id == "CartPole-v1"
    made.close()
    sys.modules.pop("poles_of_mine")


def test_play_takes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path)
    code, out, _ = typed(capsys, "play", "sourced.py:Env", "--random", "--seed", "0")
    assert code == 0
    assert "Action space: Discrete(2)" in out
    assert out.endswith("Total reward: 1\n")


def test_play_takes_arguments_and_wrappers(capsys: pytest.CaptureFixture[str]) -> None:
    around = ("--env-kwargs", "max_episode_steps=4", "--wrapper", "probes.envs:Halved")
    code, out, _ = typed(capsys, "play", "CartPole-v1", "--random", "--seed", "0", *around)
    assert code == 0
    assert out.endswith("Total reward: 2\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("play", "missing.py:Env", "--random"), "There is no file missing.py."),
        (("play", "sourced.py:Evn", "--random"), "has no environment 'Evn'."),
        (("train", "missing.py:Env", *WORDS), "There is no file missing.py."),
        (("train", "sourced.py:Evn", *WORDS), "has no environment 'Evn'."),
        (("train", "sourced_missing:Env", *WORDS), "No module named 'sourced_missing'"),
    ],
)
def test_the_command_line_refuses_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    write(tmp_path)
    code, out, err = typed(capsys, *words)
    assert (code, out) == (2, "")
    (error,) = (line for line in err.splitlines() if line.startswith("error: "))
    assert said in error
    assert "hint: " in err
    assert not (tmp_path / "runs").exists()


def test_a_shell_trains_a_file_of_its_own_folder(tmp_path: Path) -> None:
    write(tmp_path, "mine.py")
    shared = ("--shards", "2", "--workers", "1")
    done = subprocess.run(
        [sys.executable, "-m", "upright", "train", "mine:Env", *shared, *WORDS],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "mine-Env" / "ppo-s0" / "run.json").is_file()


def test_mujoco_says_a_warning_once_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    mujoco = pytest.importorskip("mujoco")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("upright.envs.mujoco._said", set())
    mujoco.set_mju_user_warning(None)
    for _ in range(3):
        make_env("HalfCheetah-v5").close()
    say = mujoco.get_mju_user_warning()
    for time in (0.1, 9.0):
        say(f"The simulation is unstable. Time = {time}.")
    lines = capfd.readouterr().err.split("MuJoCo: ")[1:]
    assert lines[-1] == "The simulation is unstable. Time = 0.1.\n"
    assert len({*lines}) == len(lines) <= 2
    assert [*tmp_path.iterdir()] == []


def test_what_takes_mujocos_warnings_already_goes_on_taking_them() -> None:
    mujoco, taken = pytest.importorskip("mujoco"), []
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(taken.append)
    try:
        make_env("HalfCheetah-v5").close()
        mujoco.get_mju_user_warning()("unstable")
    finally:
        mujoco.set_mju_user_warning(before)
    assert taken[-1] == "unstable"


BROKEN = {
    "its module raises": ("boom:Env", "raise RuntimeError('boom')", "RuntimeError: boom"),
    "its module ends": ("ends:Env", "raise SystemExit(1)", "SystemExit: 1"),
    "it has no such class": ("bare:Env", "", "AttributeError: module 'bare' has no"),
    "it names no class": ("bare", "", "ValueError: not enough values to unpack"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_an_id_whose_class_cannot_be_loaded_is_named_and_hides_no_other(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry_point, code, said = BROKEN[what]
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    name = entry_point.partition(":")[0]
    (tmp_path / f"{name}.py").write_text(code)
    gym.register("probes/Broken-v0", entry_point)
    try:
        for words in (["train", "probes/Broken-v0"], ["check", "probes/Broken-v0"]):
            assert main(words) == 2
            assert f"error: Cannot make probes/Broken-v0: {said}" in capsys.readouterr().err
        assert main(["envs", "Broken"]) == 0
        assert "does not start" in capsys.readouterr().out
    finally:
        del gym.registry["probes/Broken-v0"]
        sys.modules.pop(name, None)
    assert [path.name for path in tmp_path.glob("*") if path.is_dir()] in ([], ["__pycache__"])


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), "ten"])
def test_a_threshold_that_is_no_number_is_refused_before_anything_is_made(
    threshold: Any, tmp_path: Path
) -> None:
    place = "gymnasium.envs.classic_control.cartpole:CartPoleEnv"
    gym.register("probes/Odd-v0", place, reward_threshold=threshold, max_episode_steps=10)
    try:
        with pytest.raises(UprightError, match=r"is registered with the reward_threshold"):
            upright.train("probes/Odd-v0", out=tmp_path, preset="default")
        assert list(tmp_path.iterdir()) == []
        listed = {each.id: each for each in find_environments("Odd")}
        assert listed["probes/Odd-v0"].threshold is None
        chosen: dict[str, Any] = {"total_timesteps": 128, "num_envs": 2, "num_steps": 16}
        chosen |= {"reward_threshold": 9.0, "eval_episodes": 2, "media": False}
        assert upright.train("probes/Odd-v0", out=tmp_path, preset="default", **chosen).solved
    finally:
        del gym.registry["probes/Odd-v0"]


def test_what_returns_one_environment_again_and_again_is_refused(tmp_path: Path) -> None:
    one = gym.make("CartPole-v1")
    with pytest.raises(UprightError, match="returned the same environment twice"):
        upright.train(lambda: one, out=tmp_path, preset="default")
    wrong = [each for each in check(lambda: one, 0, 100) if each.outcome == "wrong"]
    assert "returned the same environment twice" in wrong[0].sentence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["mine.py", "./mine.py"])
def test_a_file_alone_is_told_how_to_name_what_is_in_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(UprightError) as refused:
        make_env(name)
    assert refused.value.hint == f"Name what is in it: {name}:Name."


def test_only_where_something_is_missing_it_is_to_be_installed() -> None:
    gym.register("probes/Nothing-v0", vector_entry_point="no:where")
    try:
        with pytest.raises(UprightError) as refused:
            make_env("probes/Nothing-v0")
        assert (refused.value.message[:12], refused.value.hint) == ("Cannot make ", "")
    finally:
        del gym.registry["probes/Nothing-v0"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (lambda: gym.make("CartPole-v1"), "This CartPole-v1 is made already"),
        (lambda: gym.make_vec("CartPole-v1", 2), "This CartPole-v1 is made already"),
        (lambda: gym.make("CartPole-v1").unwrapped, "This CartPole-v1 is made already"),
        (lambda: 3, "An object of type int makes no environment"),
    ],
)
def test_what_is_no_maker_of_environments_is_refused_with_what_is(source: Any, said: str) -> None:
    with pytest.raises(UprightError, match=said) as caught:
        upright.train(source())
    assert caught.value.hint.startswith("Give")
