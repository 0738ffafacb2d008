"""What README and docs show is true: links lead somewhere, code runs, commands are understood."""

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from docs.pages import PAGES, ROOT, anchors, commands, links, mentions, python_blocks
from upright.cli import VERBS, parser_of
from upright.envs import recipe_for

WITH_PYTHON = [page for page in PAGES if python_blocks(page)]
WITH_COMMANDS = [page for page in PAGES if commands(page)]
EXTRAS = all(map(find_spec, ("ale_py", "Box2D", "minigrid")))
# What a page speaks of without making it.
GIVEN = {
    "README.md": {"obs": np.zeros(4, np.float32)},
    "docs/engine.md": {  # the lesson's own line
        "one_hot_actions": np.eye(2),
        "probs": np.full((2, 2), 0.5),
        "discounted_rewards": np.ones((2, 1)),
    },
}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    for target in links(page):
        parts = urlsplit(target)
        if parts.scheme:
            assert parts.scheme in ("https", "mailto")
            continue
        there = (ROOT / page).parent / unquote(parts.path) if parts.path else ROOT / page
        assert there.exists(), target
        if parts.fragment:
            name = there.resolve().relative_to(ROOT.resolve()).as_posix()
            assert parts.fragment in anchors(name), target


@pytest.mark.learning
@pytest.mark.parametrize("page", WITH_PYTHON)
def test_the_python_of_a_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = dict(GIVEN.get(page, {}))
    if any("torch" in code or "stable_baselines3" in code for code in python_blocks(page)):
        pytest.importorskip("stable_baselines3")  # which brings PyTorch
    for code in python_blocks(page):
        exec(compile(code, page, "exec"), names)


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_the_commands_of_a_page_are_understood(page: str) -> None:
    for verb, *words in commands(page):
        assert verb in VERBS, verb
        if "--help" not in words:
            parser_of(verb).parse_strictly(words)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_within_a_sentence_are_commands(page: str) -> None:
    for verb, *words in mentions(page):
        assert verb in VERBS, verb
        known = {flag for action in parser_of(verb)._actions for flag in action.option_strings}
        assert {word for word in words if word.startswith("--")} <= known


# Python says so of the module of Box2D.
@pytest.mark.skipif(not EXTRAS, reason="needs the extras atari and box2d, and MiniGrid")
@pytest.mark.filterwarnings("ignore:builtin type .* has no __module__:DeprecationWarning")
def test_what_pages_train_are_recipes() -> None:
    own = ("json", "out", "debug", "no_media", "quiet")
    trained = 0
    for page in PAGES:
        for verb, *words in commands(page):
            somebodys = any(part in " ".join(words) for part in ("$", ".py", ".toml"))
            if verb != "train" or "--help" in words or somebodys:
                continue
            given = vars(parser_of(verb).parse_strictly(words))
            recipe_for(**{name: each for name, each in given.items() if name not in own})
            trained += 1
    assert trained > 15
