"""The board with many runs: from the return key to the first paint, and to all of them.

A real run is copied into as many folders as are wanted, ten seeds of each setting, and `upright
board` is opened on them in a headless Chromium that is there already. Needs Playwright (extra
`test`).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import machine
import upright
from report import Requirement, requirements_table, spread, table

SEEDS, LIMIT = 10, 2.0
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PAINTED = "() => rows.childElementCount > 0 && [...panels.values()].some((panel) => panel.scale)"
WHOLE = "wanted => runs.size === wanted && heard.waiting === 0"


class Opening(NamedTuple):
    """One opening, seconds since `upright board` was started, and what a look takes afterwards.

    Attributes:
        address: When it said where it is.
        painted: When curves and rows were on the page.
        whole: When all runs were.
        cpu: Seconds of a processor that the command took until then.
        answer: Seconds of an answer that has nothing new.
        answer_bytes: Its length.
    """

    address: float
    painted: float
    whole: float
    cpu: float
    answer: float
    answer_bytes: int


def make_runs(folder: Path, count: int) -> None:
    """So many run folders: copies of one, of other seeds and settings."""
    source = upright.train("CartPole-v1", seed=0, out=folder / "source").path
    text, record = (
        (source / "settings.toml").read_text(),
        json.loads((source / "run.json").read_text()),
    )
    for number in range(count):
        kind, seed = divmod(number, SEEDS)
        made = folder / "runs" / f"CartPole-v1-{kind % 5}" / f"ppo-{kind}-s{seed}"
        shutil.copytree(source, made)
        changed = text.replace("\nseed = 0\n", f"\nseed = {seed}\n")
        changed = changed.replace("\ngamma = 0.99\n", f"\ngamma = {0.99 - kind / 1000:.3f}\n")
        (made / "settings.toml").write_text(changed)
        (made / "run.json").write_text(json.dumps(record | {"seed": seed}))


def opened(folder: Path, count: int, browser: object) -> Opening:
    """Start the command, open its page, and end both."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})  # type: ignore[attr-defined]
    began = time.perf_counter()
    command = [str(Path(sys.executable).with_name("upright")), "board", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        address = time.perf_counter() - began
        page.goto(url, wait_until="commit")
        page.wait_for_function(PAINTED)
        painted = time.perf_counter() - began
        page.wait_for_function(WHOLE, arg=count)
        whole = time.perf_counter() - began
        cpu = processor_seconds(process.pid)
        version = page.evaluate("heard.version")
        page.close()
        asked = time.perf_counter()
        answer = browser.new_context().request.get(f"{url}changes?since={version}")  # type: ignore[attr-defined]
        seconds, size = time.perf_counter() - asked, len(answer.body())
        process.terminate()
    return Opening(address, painted, whole, cpu, seconds, size)


def processor_seconds(pid: int) -> float:
    """What a process took of a processor so far; Linux alone says it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report_on(count: int, openings: Sequence[Opening]) -> str:
    """What was measured, as Markdown."""
    painted = [each.painted for each in openings]
    rows = [
        ("the address is said", spread([each.address for each in openings], ".2f")),
        ("rows and curves are on the page", spread(painted, ".2f")),
        ("all runs are", spread([each.whole for each in openings], ".2f")),
        ("of a processor, until then", spread([each.cpu for each in openings], ".2f")),
        ("an answer without news", spread([each.answer for each in openings], ".3f")),
        ("its bytes", spread([each.answer_bytes for each in openings], ".0f")),
    ]
    promise = Requirement(
        f"first paint with {count:,} runs under {LIMIT:g} s", spread(painted, ".2f"),
        max(painted) < LIMIT,
    )  # fmt: skip
    return "\n\n".join(
        [
            machine.head("board.py", f"The board with {count:,} runs"),
            f"Seconds since the command was started, {len(openings)} times; median (least to "
            "greatest).",
            table(("", "seconds"), rows),
            requirements_table([promise]),
        ]
    )


def main(words: Sequence[str] | None = None) -> None:
    """Make the runs, open the board on them, say how long it took."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000, help="default 1000")
    parser.add_argument("--repeats", type=int, default=5, help="openings; default 5, after one")
    args = parser.parse_args(words)
    found = next(path for path in map(shutil.which, NAMES) if path)
    with tempfile.TemporaryDirectory() as out, sync_playwright() as playwright:
        make_runs(Path(out), args.runs)
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        every = [opened(Path(out) / "runs", args.runs, browser) for _ in range(args.repeats + 1)]
        browser.close()
    print(report_on(args.runs, every[1:]))


if __name__ == "__main__":
    main()
