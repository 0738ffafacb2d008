"""The page of a run, without a browser."""

import base64
import hashlib
import html
import json
import re
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import upright
from support import out_by_in, policy_for, renamed
from upright.ground.errors import UprightError
from upright.policy.policy import Policy
from upright.runs.run import Run
from upright.settings.hyperparameters import PPOSettings
from upright.show.pages.playground import SIMULATED, is_simulated, playground, policy_data

HOSTILE = "</script><img src=x onerror=hacked=1>&amp;$env"


def element(page: str, start: str, end: str) -> str:
    return page.split(start, 1)[1].split(end, 1)[0]


def test_every_simulator_is_there_and_fits_its_element() -> None:
    web = files("upright.show") / "web"
    for path in web.iterdir():
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, path.name
        if path.name.endswith(".js"):
            assert "</script" not in text
            assert "<!--" not in text
    for name, file in SIMULATED.items():
        assert f'simulators["{name}"]' in (web / file).read_text(encoding="utf-8")


def test_the_page_holds_all_that_it_needs(run: Run) -> None:
    page = playground(run)
    assert is_simulated(run)
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:)""", page)
    assert not re.search(r"https?://|@import|url\(", page)
    for tag in ('<html lang="en">', "<title>CartPole-v1 · Upright</title>", 'name="viewport"'):
        assert tag in page
    assert page == playground(run)


def test_only_the_pages_own_script_and_style_are_allowed(run: Run) -> None:
    page = playground(run)
    policy = html.unescape(element(page, 'Content-Security-Policy" content="', '"'))
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for start, end in (('<script type="module">', "</script>"), ("<style>", "</style>")):
        digest = hashlib.sha256(element(page, start, end).encode()).digest()
        assert f"'sha256-{base64.b64encode(digest).decode()}'" in policy


@pytest.mark.parametrize(
    ("settings", "value_scale", "said"),
    [
        ("reward_scale = 1.0", 1.0, "(discounted return)"),
        ("reward_scale = 0.5", 2.0, "(discounted return)"),
        ("clip_rewards = 1.0", 1.0, "(discounted return of rewards as it learned from them)"),
        ("normalize_rewards = true", 1.0, "(discounted return of rewards as it learned from them)"),
    ],
)
def test_a_value_says_its_units(
    run_copy: Path, settings: str, value_scale: float, said: str
) -> None:
    file, (name, _, value) = run_copy / "settings.toml", settings.split()
    written = file.read_text(encoding="utf-8")
    changed = re.sub(rf"^{name} = .*$", f"{name} = {value}", written, flags=re.MULTILINE)
    changed = re.sub(r"^value_scale = .*$", "value_scale = 1.0", changed, flags=re.MULTILINE)
    file.write_text(changed, encoding="utf-8")
    page = playground(upright.load(run_copy))
    assert f'Value <span class="unit">{said}</span>' in page
    assert f'"value_scale":{value_scale}' in page


@pytest.mark.parametrize("hidden", [(), (3,), (64, 64)])
def test_a_policys_data_are_its_weights(hidden: tuple[int, ...]) -> None:
    policy = policy_for("ppo", hidden_sizes=hidden, initialization="uniform", value_scale=3.0)
    data = json.loads(json.dumps(policy_data(policy, "tanh"), allow_nan=False))
    assert data["value_scale"] == 3.0
    assert data["normalizer"] is None
    assert data["gaussian"] is None
    for network in ("torso", "actor", "critic"):
        layers = getattr(policy.network, network).layers
        assert len(layers) == len(data[network])
        for layer, row in zip(layers, data[network], strict=True):
            shape = (row["outputs"], row["inputs"])
            written = np.frombuffer(base64.b64decode(row["weight"]), "<f4").reshape(shape)
            np.testing.assert_array_equal(written, out_by_in(layer.weight))
            bias = np.frombuffer(base64.b64decode(row["bias"]), "<f4")
            np.testing.assert_array_equal(bias, layer.bias)


@pytest.mark.parametrize("squash", [False, True])
def test_the_data_of_an_action_that_is_a_number_say_how_it_is_bounded(squash: bool) -> None:
    space = gym.spaces.Box(-1.0, 5.0, (1,), np.float32)
    settings = PPOSettings(squash_actions=squash, log_std_init=-1.5)
    policy = Policy(gym.spaces.Box(-1, 1, (3,)), space, settings)
    expected = {"log_std": -1.5, "centre": 2, "half": 3, "low": -1, "high": 5, "squash": squash}
    assert policy_data(policy, "tanh")["gaussian"] == expected


def rewritten(folder: Path, **changes: Any) -> Run:
    if "env" in changes:
        renamed(folder, changes["env"])
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return upright.load(folder)


def test_an_environment_without_a_simulator_wants_a_replay(run_copy: Path) -> None:
    run = rewritten(run_copy, env="CartPole-v9")
    assert not is_simulated(run)
    with pytest.raises(UprightError, match=r"CartPole-v9 has no simulator"):
        playground(run)
    page = playground(run, b"a video")
    source = element(page, '<video src="data:video/mp4;base64,', '"')
    assert base64.b64decode(source) == b"a video"
    assert "<canvas" not in page
    assert "This environment has no simulator for the browser." in page


@pytest.mark.parametrize(
    "changes",
    [
        {"env": "CartPole-v0"},
        {"env": "./CartPole-v1"},
        {"env_is_factory": True},
        {"action_space": {"type": "Discrete", "n": 3, "start": 0}},
        {"action_space": {"type": "Discrete", "n": 2, "start": 1}},
        {"observation_space": {"type": "Box", "dtype": "float32", "low": [None], "high": [None]}},
    ],
    ids=str,
)
def test_what_only_looks_like_cartpole_is_not_simulated(
    changes: dict[str, Any], run_copy: Path
) -> None:
    assert not is_simulated(rewritten(run_copy, **changes))


@pytest.mark.parametrize(
    "line",
    [
        "env_kwargs = {sutton_barto_reward = true}",
        "frame_stack = 2",
        'wrapper = ["gymnasium.wrappers:TimeLimit(max_episode_steps=9)"]',
        'eval_env = "CartPole-v0"',
        "eval_env_kwargs = {sutton_barto_reward = true}",
        'imports = ["minigrid"]',
    ],
)
def test_what_was_changed_about_cartpole_is_not_simulated(line: str, run_copy: Path) -> None:
    path = run_copy / "settings.toml"
    path.write_text(f"{line}\n{path.read_text()}")
    assert not is_simulated(upright.load(run_copy))


def test_a_run_whose_two_files_name_other_environments_is_not_simulated(run_copy: Path) -> None:
    path = run_copy / "run.json"
    path.write_text(path.read_text().replace('"CartPole-v1"', '"Acrobot-v1"'))
    assert not is_simulated(upright.load(run_copy))


def test_a_network_too_large_for_a_page_is_not_simulated(run_copy: Path) -> None:
    path = run_copy / "settings.toml"
    path.write_text(
        re.sub(r"hidden_sizes = \[[^]]*\]", "hidden_sizes = [1024, 1024]", path.read_text())
    )
    assert not is_simulated(upright.load(run_copy))


def test_the_verdict_is_told_as_it_is(run_copy: Path) -> None:
    shown = element(playground(upright.load(run_copy)), '<p class="verdict ', "</p>")
    assert re.fullmatch(
        r'open">Not solved: mean return [\d.]+ over 100 fresh episodes '
        r"\(95% interval [\d.]+ to [\d.]+, threshold 475\) after [\d,]+ steps",
        shown,
    )
    path = run_copy / "evaluation.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"solved": True}))
    shown = element(playground(upright.load(run_copy)), '<p class="verdict ', "</p>")
    assert shown.startswith('open">No verdict (finished): ')
    path.unlink()
    shown = element(playground(upright.load(run_copy)), '<p class="verdict ', "</p>")
    assert re.fullmatch(r'open">No verdict \(finished\): .* has no verdict\.', shown)


def test_a_strangers_texts_are_escaped(run_copy: Path) -> None:
    path = run_copy / "settings.toml"
    path.write_text(path.read_text().replace('preset = "default"', f'preset = "{HOSTILE}"'))
    for env in ("CartPole-v1", HOSTILE):
        page = playground(rewritten(run_copy, env=env), b"")
        assert html.escape(HOSTILE) in page
        assert "<img" not in page
        assert page.count("</script>") == 2
    shutil.rmtree(run_copy)
