"""What `upright watch` and `upright play --as` refuse, and what they take."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import upright
from cli.conftest import Outcome, Typed
from support import renamed
from upright.cli import main
from upright.cli.verbs import watch
from upright.show.playing.pace import MAX_SPEED, MIN_SPEED, Show


def assert_refused(outcome: Outcome, *said: str) -> None:
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    errors = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    hints = [line for line in outcome.err.splitlines() if line.startswith("hint:  ")]
    assert len(errors) == len(hints) == 1, outcome.err
    assert errors[0].endswith(".")
    for words in said:
        assert words in outcome.err


RANDOM = ("CartPole-v1", "--random")
WRONG: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "nothing named": ((), ("RUN|ENV",)),
    "neither": (("nothing",), ("neither a run nor an environment 'nothing'", "upright runs")),
    "no such run": (("runs/CartPole-v1/ppo-s9",), ("neither a run nor an environment",)),
    "near an environment": (("CartPol-v1", "--random"), ("'CartPol-v1'", "Did you mean CartPole")),
    "nobody acts": (("CartPole-v1",), ("nothing says who acts", "--random")),
    "no file": (("nothing.py:Env", "--random"), ("There is no file nothing.py",)),
    "no module": (("nosuchmodule:Env", "--random"), ("nosuchmodule",)),
    "two who act": ((*RANDOM, "--checkpoint", "first"), ("--random and --checkpoint",)),
    "standing still": ((*RANDOM, "--speed", "0"), ("out of range", "0.01 to 100")),
    "backwards": ((*RANDOM, "--speed=-1"), ("out of range",)),
    "no speed": ((*RANDOM, "--speed", "nan"), ("out of range",)),
    "endless speed": ((*RANDOM, "--speed", "inf"), ("out of range",)),
    "speed in words": ((*RANDOM, "--speed", "fast"), ("'fast'",)),
    "port 0": ((*RANDOM, "--port", "0"), ("out of range", "1 to 65535")),
    "port beyond": ((*RANDOM, "--port", "65536"), ("out of range",)),
    "port in words": ((*RANDOM, "--port", "http"), ("'http'",)),
    "episodes": ((*RANDOM, "--episodes", "0"), ("at least 1",)),
    "seed": ((*RANDOM, "--seed", "-1"), ("out of range",)),
    "way": ((*RANDOM, "--as", "hologram"), ("'hologram'", "terminal")),
    "a terminal's port": ((*RANDOM, "--as", "terminal", "--port", "5000"), ("has no port",)),
    "no terminal": ((*RANDOM, "--as", "terminal"), ("There is no terminal", "--as page")),
    "too long": (("x" * 5000,), ("neither a run nor an environment",)),
    "not a name": (("\x1b[2J\n",), ("\\x1b[2J\\n",)),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_bad_input_gets_one_sentence_and_a_hint(
    words: tuple[str, ...], said: tuple[str, ...], inside: Typed
) -> None:
    assert_refused(inside("watch", *words), *said)


def test_without_a_display_there_is_no_window(
    inside: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    outcome = inside("watch", *RANDOM, "--as", "window")
    assert_refused(outcome, "There is no display for a window", "--as page")


class Undrawn(gym.Env[Any, Any]):
    """Draws nothing."""

    observation_space = gym.spaces.Box(-1, 1, (1,))
    action_space = gym.spaces.Discrete(2)


@pytest.fixture
def undrawn() -> Iterator[str]:
    gym.register("probes/Undrawn-v0", lambda **options: Undrawn(**options))
    yield "probes/Undrawn-v0"
    del gym.registry["probes/Undrawn-v0"]


def test_an_environment_that_cannot_draw_is_refused(undrawn: str, inside: Typed) -> None:
    outcome = inside("watch", undrawn, "--random", "--as", "page")
    assert_refused(outcome, "cannot draw itself", "rgb_array")


def test_damaged_runs_are_refused(run_copy: Path, inside: Typed) -> None:
    (run_copy / "policy.safetensors").write_bytes(b"no weights")
    assert_refused_loosely(inside("watch", run_copy, "--as", "page"), "policy.safetensors")
    (run_copy / "run.json").write_text("{")
    assert_refused_loosely(inside("watch", run_copy, "--as", "page"), "run.json")
    empty = run_copy / "checkpoints"
    assert_refused(inside("watch", empty, "--as", "page"), "not a run folder", "upright runs")
    no_bundle = run_copy / "settings.toml"
    assert_refused(inside("watch", no_bundle), "neither a run folder nor a bundle")


def assert_refused_loosely(outcome: Outcome, said: str) -> None:
    assert outcome.code == 2
    assert outcome.err.count("error: ") == 1
    assert said in outcome.err


def test_code_that_a_run_names_is_not_imported_unasked(run_copy: Path, inside: Typed) -> None:
    renamed(run_copy, "evil.py:Env")
    (run_copy.parent / "evil.py").write_text("raise SystemExit('imported')")
    outcome = inside("watch", run_copy, "--as", "page")
    assert_refused(outcome, "code that would be imported", "--trust-code")
    assert "imported'" not in outcome.err


def test_a_checkpoint_that_is_not_there_is_named(finished_run: Path, inside: Typed) -> None:
    for word in ("7", "newest", "-1"):
        outcome = inside("watch", finished_run, f"--checkpoint={word}")
        assert_refused(outcome, f"has no checkpoint '{word}'", "first, last, best")


def test_a_port_that_is_taken_is_named(finished_run: Path, inside: Typed) -> None:
    from upright.show.serving import listening

    with listening(None) as taken:
        port = taken.getsockname()[1]
        assert_refused(inside("watch", finished_run, "--port", port), f"port {port} of 127.0.0.1")


class Shown:
    """Notes what would have been shown, and lets it play one moment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shows: list[tuple[Show, str, int | None]] = []
        self.labels: list[str] = []

        def noted(show: Show, how: str = "auto", port: int | None = None) -> None:
            self.shows.append((show, how, port))
            self.labels.append(next(show.player.play(1)).label)
            show.player.close()

        monkeypatch.setattr(watch, "watch", noted)
        monkeypatch.setattr("upright.cli.verbs.play.watch", noted)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    return Shown(monkeypatch)


def test_a_run_is_shown_as_what_it_is(finished_run: Path, shown: Shown) -> None:
    steps = upright.load(finished_run).checkpoints()
    words = ["watch", str(finished_run)]
    for checkpoint in ("best", "first", "last", "0", str(steps[0])):
        assert main([*words, "--checkpoint", checkpoint, "--speed", "2"]) == 0
    assert main([*words, "--random"]) == 0
    first, last = f"step {steps[0]:,}", f"step {steps[-1]:,}"
    assert shown.labels == ["best policy", first, last, "step 0", first, "at random"]
    show, how, port = shown.shows[0]
    assert (show.title, show.speed, show.episodes, how, port) == (
        "CartPole-v1", 2.0, None, "auto", None,
    )  # fmt: skip
    assert show.actions == ("push left", "push right")


def test_a_bundle_is_a_run_too(finished_run: Path, shown: Shown, inside: Typed) -> None:
    assert inside("bundle", finished_run, "--out", "shared.upright").code == 0
    assert inside("watch", "shared.upright").code == 0
    assert shown.labels == ["best policy"]


def test_an_environment_counts_even_where_a_folder_has_its_name(
    inside: Typed, shown: Shown, tmp_path: Path
) -> None:
    (tmp_path / "CartPole-v1").mkdir()
    assert inside("watch", *RANDOM, "--as", "page", "--port", "5000").code == 0
    assert shown.shows[0][1:] == ("page", 5000)
    assert shown.labels == ["at random"]


def test_titles_obey_no_stranger(inside: Typed, shown: Shown, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(
        "from gymnasium.envs.classic_control import CartPoleEnv\n"
        "globals()['a\\x1b[2Jb'] = CartPoleEnv\n"
    )
    assert inside("watch", "odd.py:a\x1b[2Jb", "--random").code == 0
    assert shown.shows[0][0].title == "odd.py:a\\x1b[2Jb"


def test_play_shows_where_it_is_asked_to_and_prints_elsewhere(inside: Typed, shown: Shown) -> None:
    printed = inside("play", *RANDOM, "--seed", "3")
    assert printed.code == 0
    assert printed.out.count("Total reward: ") == 1
    assert shown.shows == []
    assert inside("play", *RANDOM, "--as", "page", "--episodes", "2").out == ""
    assert inside("play", *RANDOM, "--as", "auto").out == ""
    assert [(show.episodes, how) for show, how, _ in shown.shows] == [(2, "page"), (None, "auto")]


def test_what_watch_allows_is_what_the_page_allows() -> None:
    assert watch.speed(str(MIN_SPEED)) == MIN_SPEED
    assert watch.speed(str(MAX_SPEED)) == MAX_SPEED


def test_a_fault_in_the_middle_ends_with_its_sentence(shell: Typed, tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text(
        "import numpy as np\n"
        "from gymnasium.envs.classic_control import CartPoleEnv\n"
        "class Faulty(CartPoleEnv):\n"
        "    def render(self):\n"
        "        return np.zeros((8, 8), np.uint8)\n"
    )
    outcome = shell("watch", "faulty.py:Faulty", "--random", "--as", "page")
    assert outcome.code == 2
    assert "drew uint8 of shape [8, 8]" in outcome.err
    assert "Traceback" not in outcome.err
