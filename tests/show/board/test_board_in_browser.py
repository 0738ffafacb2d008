"""The board in a real browser: curves, groups, table, details, and a run that trains meanwhile."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from show.board.conftest import Opened, Shown, copy_of
from support import write_json
from upright.ground.reading import read_json

LIMIT = 20_000
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
# How many pixels of a panel's picture are of a colour, within what smoothing makes of it.
INKED = """([panel, colour]) => {
  const canvas = document.querySelectorAll("#panels canvas")[panel];
  if (!canvas) return NaN;
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [canvas.width, canvas.height];
  const pen = copy.getContext("2d", { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0);
  const { data } = pen.getImageData(0, 0, copy.width, copy.height);
  const wanted = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  let found = 0;
  for (let n = 0; n < data.length; n += 4) {
    found += data[n + 3] > 200 && wanted.every((each, part) => Math.abs(data[n + part] - each) < 6);
  }
  return found;
}"""
BLUE, VERMILION = "#0072B2", "#D55E00"
Visited = Callable[..., Any]


@pytest.fixture
def visited(browser: Any) -> Iterator[Visited]:
    """Opens pages that ask nobody else, and write nothing to the console."""
    contexts, said, asked = [], [], []

    def page(shown: Shown, width: int = 1280, height: int = 900, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(LIMIT)
        contexts.append(context)
        new = context.new_page()
        new.on("console", lambda message: said.append(message.text))
        new.on("pageerror", lambda error: said.append(str(error)))
        new.on("request", lambda request: asked.append(request.url))
        new.goto(shown.page.address)
        return new

    yield page
    addresses = {url.split("/")[2].partition(":")[0] for url in asked if url.startswith("http")}
    for context in contexts:
        context.close()
    assert said == []
    assert addresses <= {"127.0.0.1"}


def rows(page: Any) -> list[str]:
    """The runs in the table, in order."""
    found: list[str] = page.locator("#rows .open").all_inner_texts()
    return found


def wait_for_rows(page: Any, count: int) -> None:
    page.wait_for_function("n => document.querySelectorAll('#rows tr').length === n", arg=count)


def wait_for_ink(page: Any, panel: int, colour: str, there: bool = True) -> None:
    compared = "> 30" if there else "=== 0"
    page.wait_for_function(f"wanted => ({INKED})(wanted) {compared}", arg=[panel, colour])


def test_runs_are_curves_by_group_and_rows(several: Path, opened: Opened, visited: Visited) -> None:
    page = visited(opened(several))
    wait_for_rows(page, 7)
    assert page.locator(".panel h2").all_inner_texts() == ["CartPole-v1", "Other-v0"]
    assert page.inner_text("#summary") == "7 runs, 0 training, 0 solved"
    legends = page.locator(".panel").first.locator(".legend button").all_inner_texts()
    assert [" ".join(each.split()) for each in legends] == [
        "ppo, gamma 0.99 4 runs, 0 solved",
        "ppo, gamma 0.9 2 runs, 0 solved",
    ]
    wait_for_ink(page, 0, BLUE)
    wait_for_ink(page, 0, VERMILION)
    assert "solved from 475" in page.inner_text(".panel >> nth=0")
    label = page.locator("#panels canvas").first.get_attribute("aria-label")
    assert label.startswith("Learning curves of CartPole-v1: ppo, gamma 0.99, 4 runs, median ")
    cells = page.locator("#rows tr", has_text="ppo-s3").locator("td").all_inner_texts()
    steps = read_json(several / "CartPole-v1" / "ppo-s3" / "run.json")["timesteps"]
    assert cells[:3] == ["CartPole-v1", "ppo", "3"]
    assert cells[3].split() == ["✓", "finished"]
    assert cells[4] == f"{steps:,}"
    assert cells[7].startswith("not solved ")


def test_a_group_is_hidden_and_shown(several: Path, opened: Opened, visited: Visited) -> None:
    page = visited(opened(several))
    wait_for_ink(page, 0, VERMILION)
    button = page.locator(".legend button", has_text=re.compile(r"gamma 0\.9(?!\d)"))
    button.click()
    wait_for_ink(page, 0, VERMILION, there=False)
    assert button.get_attribute("aria-pressed") == "false"
    wait_for_ink(page, 0, BLUE)
    button.focus()
    page.keyboard.press("Enter")
    wait_for_ink(page, 0, VERMILION)


def test_words_states_and_columns_choose_and_sort(
    several: Path, opened: Opened, visited: Visited
) -> None:
    record = several / "CartPole-v1" / "ppo-s1" / "run.json"
    write_json(record, read_json(record) | {"status": "interrupted"})
    page = visited(opened(several))
    wait_for_rows(page, 7)
    page.click("#head [data-column=path] button")
    assert rows(page)[0] == "CartPole-v1/ppo-s0"
    assert page.get_attribute("#head [data-column=path]", "aria-sort") == "ascending"
    page.click("#head [data-column=path] button")
    assert rows(page)[0] == "Other-v0/ppo-s0"
    page.fill("#filter", "cartpole 0.9 seed 1")
    assert rows(page) == ["CartPole-v1/ppo-s1-2"]
    assert page.locator(".panel").count() == 1
    page.fill("#filter", "nothing like it")
    assert rows(page) == []
    assert page.is_visible("#none")
    page.fill("#filter", "")
    page.click("#states [value=stopped]")
    assert rows(page) == ["CartPole-v1/ppo-s1"]
    page.click("#states [value=stopped]")
    wait_for_rows(page, 7)


def test_evaluations_take_the_place_of_training(
    several: Path, opened: Opened, visited: Visited
) -> None:
    page = visited(opened(several))
    wait_for_ink(page, 0, BLUE)
    before = page.locator("#panels canvas").first.evaluate("canvas => canvas.toDataURL()")
    page.click("#kinds [value=evaluations]")
    page.wait_for_function(
        "before => document.querySelector('#panels canvas').toDataURL() !== before", arg=before
    )
    assert page.get_attribute("#kinds [value=evaluations]", "aria-pressed") == "true"


def test_a_run_shows_its_details_by_keys_alone(
    several: Path, finished_run: Path, opened: Opened, visited: Visited
) -> None:
    whole = several / "whole"
    shutil.copytree(finished_run, whole)
    (whole / "report.html").write_text("<!doctype html><title>x</title><p id=told>The report</p>")
    page = visited(opened(several))
    wait_for_rows(page, 8)
    page.fill("#filter", "whole")
    wait_for_rows(page, 1)
    page.focus("#rows .open")
    page.keyboard.press("Enter")
    page.wait_for_selector("#details-more table")
    assert page.inner_text("#details-name") == "whole"
    assert page.evaluate("document.activeElement.id") == "details-name"
    assert "Not solved" in page.inner_text("#details-verdict")
    assert "What differs from its preset" in page.inner_text("#details-more")
    assert f"upright watch {whole}" in page.inner_text("#details-more")
    with page.context.expect_page() as report:
        page.click("#details-more a")
    assert report.value.inner_text("#told") == "The report"
    report.value.close()
    page.keyboard.press("Escape")
    page.wait_for_function("() => !details.open")
    assert page.evaluate("document.activeElement.className") == "open"


def test_the_curve_under_the_pointer_is_named_and_opened(
    several: Path, opened: Opened, visited: Visited
) -> None:
    page = visited(opened(several))
    page.fill("#filter", "other")
    wait_for_rows(page, 1)
    wait_for_ink(page, 0, BLUE)
    place = page.evaluate(
        """() => {
          const panel = panels.get("Other-v0"), trace = panel.traces[0], { toX, toY } = panel.scale;
          const box = panel.canvas.getBoundingClientRect();
          return [box.left + toX(trace.x[0]), box.top + toY(trace.y[0])];
        }"""
    )
    page.mouse.move(*place)
    page.wait_for_function(
        "() => document.querySelector('.readout').textContent.startsWith('Other-v0/ppo-s0: ')"
    )
    page.mouse.click(*place)
    page.wait_for_function("() => details.open")
    assert page.inner_text("#details-name") == "Other-v0/ppo-s0"


def test_an_empty_folder_says_how_to_begin_and_fills(
    tmp_path: Path, finished_run: Path, opened: Opened, visited: Visited
) -> None:
    folder = tmp_path / "my runs"
    folder.mkdir()
    page = visited(opened(folder))
    page.wait_for_function("() => !document.getElementById('empty').hidden")
    assert page.inner_text("#first") == f"upright train CartPole-v1 --out '{folder}'"
    assert page.is_hidden("#tools")
    copy_of(finished_run, folder / "CartPole-v1" / "ppo-s0")
    wait_for_rows(page, 1)
    assert page.is_hidden("#empty")
    shutil.rmtree(folder / "CartPole-v1")
    page.wait_for_function("() => !document.getElementById('empty').hidden")


def test_a_run_that_trains_appears_and_moves(
    tmp_path: Path, opened: Opened, visited: Visited
) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    page = visited(opened(folder))
    page.wait_for_function("() => !document.getElementById('empty').hidden")
    words = ["train", "CartPole-v1", "--until", "budget", "--total-timesteps", "100000000"]
    command = [sys.executable, "-m", "upright", *words, "--out", str(folder), "--quiet"]
    with subprocess.Popen(command, env=os.environ | {"UPRIGHT_NO_MEDIA": "1"}) as training:
        try:
            page.wait_for_selector("#rows .state.training")
            seen = "() => [...runs.values()][0].steps"
            page.wait_for_function(f"() => ({seen})() > 0")
            before = page.evaluate(seen)
            page.wait_for_function(f"before => ({seen})() > before", arg=before)
            wait_for_ink(page, 0, BLUE)
            picture = "() => document.querySelector('#panels canvas').toDataURL()"
            drawn = page.evaluate(picture)
            page.wait_for_function(f"drawn => ({picture})() !== drawn", arg=drawn)
            training.send_signal(signal.SIGINT)
            training.wait(60)
            page.wait_for_selector("#rows .state.stopped")
        finally:
            training.kill()
    assert page.inner_text("#summary") == "1 run, 0 training, 0 solved"


def test_what_a_stranger_writes_is_text(
    several: Path, finished_run: Path, opened: Opened, visited: Visited
) -> None:
    markup = "<img src=x onerror=window.hacked=1>"
    copy_of(finished_run, several / "hostile", {"env": f'"{markup}"'}, env=markup, status=markup)
    copy_of(finished_run, several / markup.replace("/", ""))
    (several / "torn").mkdir()
    (several / "torn" / "run.json").write_text(f'{{"{markup}"')
    shown = opened(several)
    page = visited(shown)
    wait_for_rows(page, 10)
    assert markup in page.locator(".panel h2").all_inner_texts()
    page.locator("#rows .open", has_text="hostile").click()
    page.wait_for_function("() => document.getElementById('details-verdict').textContent")
    assert page.evaluate("() => [window.hacked, document.images.length]") == [None, 0]
    page.keyboard.press("Escape")
    page.locator("#rows .open", has_text="torn").click()
    page.wait_for_function("() => document.getElementById('details-verdict').textContent")
    assert "It cannot be opened" in page.inner_text("#details-verdict")


def test_many_runs_are_a_hundred_rows_until_all_are_wanted(
    finished_run: Path, tmp_path: Path, opened: Opened, visited: Visited
) -> None:
    folder = tmp_path / "runs"
    for seed in range(130):
        copy_of(finished_run, folder / f"ppo-s{seed}", {"seed": str(seed)}, seed=seed)
    page = visited(opened(folder))
    page.wait_for_function("() => summary.textContent.startsWith('130 runs')")
    wait_for_rows(page, 100)
    page.click("#more-rows")
    wait_for_rows(page, 130)
    assert page.locator("#panels canvas").count() == 1


@pytest.mark.parametrize(
    ("width", "scheme"), [(360, "light"), (390, "dark"), (760, "light"), (1280, "dark")]
)
def test_nothing_overflows(
    width: int, scheme: str, several: Path, finished_run: Path, opened: Opened, visited: Visited
) -> None:
    copy_of(finished_run, several / ("a-long-name" * 20), env="SomeEnvironmentOfALongName-v0" * 3)
    page = visited(opened(several), width, color_scheme=scheme)
    wait_for_rows(page, 8)
    assert page.evaluate(OVERFLOW) == 0
    dark = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(18, 20, 25)") == (scheme == "dark")
    page.locator("#rows .open").first.click()
    page.wait_for_selector("#details-more table")
    assert page.evaluate("() => details.scrollWidth - details.clientWidth") == 0


def test_a_board_that_ends_is_said_and_another_is_heard(
    several: Path, finished_run: Path, tmp_path: Path, opened: Opened, browser: Any
) -> None:
    first = opened(several)
    page = browser.new_page()  # whose console says that nobody answers
    page.set_default_timeout(LIMIT)
    page.goto(first.page.address)
    wait_for_rows(page, 7)
    other = tmp_path / "others"
    copy_of(finished_run, other / "only")
    second = opened(other)
    page.route("**/changes*", lambda route: route.abort())
    page.wait_for_function("() => live.textContent.startsWith('Nobody answers')")
    page.unroute("**/changes*")

    def answered(route: Any) -> None:
        address = second.page.address + route.request.url.rpartition("/")[2]
        route.fulfill(response=page.request.get(address))

    page.route("**/changes*", answered)
    wait_for_rows(page, 1)
    assert rows(page) == ["only"]
    page.close()


MIDDLE = """() => {
  const curve = (x, y) => ({ x, y });
  const three = [curve([0, 10], [0, 10]), curve([0, 10], [2, 12]), curve([0, 20], [4, 24])];
  const middle = middleOf(three), half = middle[Math.floor(middle.length / 2)];
  return [middle[0], half, middle.at(-1), middleOf([curve([0, 10], [0, 1])]).length,
    middleOf([curve([0, 5], [0, 1]), curve([6, 9], [0, 1])]).length];
}"""


def test_the_middle_of_curves_is_their_median_and_quartiles(
    several: Path, opened: Opened, visited: Visited
) -> None:
    page = visited(opened(several))
    begin, half, end, alone, apart = page.evaluate(MIDDLE)
    assert (begin["x"], begin["low"], begin["mid"], begin["high"]) == (0, 1, 2, 3)
    assert half["mid"] == pytest.approx(half["x"] + 2)
    assert half["high"] - half["low"] == pytest.approx(2)
    assert (end["x"], end["mid"], end["rest"]) == (10, 12, False)
    assert (alone, apart) == (0, 0)
