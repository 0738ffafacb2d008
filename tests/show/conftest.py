"""A real browser, and one page for each simulator."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import upright
from support import renamed
from upright.runs.run import Run
from upright.show.pages.playground import playground

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
# No sandbox, for containers; nothing that a browser does on the network by itself.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SHORT = {
    "algo": "ppo",
    "total_timesteps": 2048,
    "num_envs": 8,
    "num_steps": 64,
    "seed": 1,
    "eval_every": 2048,
}


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = [path for path in map(shutil.which, NAMES) if path]
    if not found:
        missing = f"no browser: none of {', '.join(NAMES)} is installed"
        if os.environ.get("UPRIGHT_BROWSER") == "required":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found[0], args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """CartPole until it is solved, the others for a moment."""
    out = tmp_path_factory.mktemp("runs")
    others = ("MountainCar-v0", "Acrobot-v1", "Pendulum-v1")
    with pytest.MonkeyPatch.context() as patch:
        # Nothing here asks how well they do, and an untrained Acrobot's episodes are long.
        patch.setattr("upright.judging.judge.NUM_EPISODES", 2)
        short = {env: upright.train(env, out=out, **SHORT) for env in others}
    return {"CartPole-v1": never_falling(out), **short}


def never_falling(out: Path) -> Run:
    """The first of a few seeds whose policy fell in none of the hundred episodes of its proof.

    Solved is a mean of 475, and a policy that is solved may fall now and then: that says nothing
    about the page.
    """
    for seed in range(2023, 2033):
        run = upright.train("CartPole-v1", seed=seed, out=out)
        if run.verdict().proof.mean == 500.0:
            return run
    raise AssertionError("none of ten seeds learned to hold the pole for good")


@pytest.fixture(scope="session")
def pages(runs: dict[str, Run], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of each run, by environment id."""
    folder = tmp_path_factory.mktemp("pages")
    paths = {}
    for env, run in runs.items():
        paths[env] = folder / f"{env}.html"
        paths[env].write_text(playground(run), encoding="utf-8")
    return paths


@pytest.fixture
def hostile_run(run_copy: Path) -> Run:
    """A run whose texts are markup."""
    markup = "</script><img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    renamed(run_copy, markup)
    path = run_copy / "settings.toml"
    path.write_text(path.read_text().replace('preset = "default"', f'preset = "{markup}"'))
    return upright.load(run_copy)
