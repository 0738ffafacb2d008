"""The page of `upright watch`, in a real browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from show.playing.test_live import Endless, Served
from upright.show.playing.player import Moment, Player

LIMIT = 20_000
PIXELS = "() => document.getElementById('picture').toDataURL()"
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
Opened = Callable[..., Any]


class Played(Served):
    """The finished run's environment, really drawn."""

    def __init__(self, label: str = "at random", **options: Any) -> None:
        player = Player("CartPole-v1", None, label=label)
        super().__init__(player, **options)  # type: ignore[arg-type]

    def end(self) -> None:
        super().end()
        self.player.close()  # type: ignore[attr-defined]


class Many(Endless):
    """Forty actions."""

    def play(self, episodes: int | None) -> Iterator[Moment]:
        for moment in super().play(episodes):
            yield moment._replace(probabilities=(1 / 40,) * 40)


@pytest.fixture
def opened(browser: Any) -> Iterator[Opened]:
    """Opens pages that may write nothing to the console."""
    contexts, said = [], []

    def page(address: str, width: int = 1280, height: int = 800, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(LIMIT)
        contexts.append(context)
        new = context.new_page()
        new.on("console", lambda message: said.append(message.text))
        new.on("pageerror", lambda error: said.append(str(error)))
        new.goto(address)
        return new

    yield page
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture
def served() -> Iterator[Served]:
    one = Served(Endless())
    yield one
    one.end()


def step(page: Any) -> int:
    return int(page.inner_text("#step").replace(",", "").replace("–", "-1"))


def wait_for_step(page: Any, least: int) -> None:
    page.wait_for_function(
        "least => Number(document.getElementById('step').textContent.replaceAll(',', '')) >= least",
        arg=least,
    )


def test_pictures_and_numbers_move(opened: Opened) -> None:
    played = Played()
    page = opened(played.page.address)
    wait_for_step(page, 3)
    before, now = page.evaluate(PIXELS), step(page)
    page.wait_for_function(f"before => ({PIXELS})() !== before", arg=before)
    assert page.evaluate("() => [picture.width, picture.height]") == [600, 400]
    wait_for_step(page, 1)
    assert now >= 3
    assert page.inner_text("#label") == "at random"
    assert page.is_hidden("#bars")
    assert page.inner_text("#value") == "–"
    played.end()


def test_titles_and_names_are_text(served: Served, opened: Opened) -> None:
    page = opened(served.page.address)
    wait_for_step(page, 2)
    assert page.inner_text("#title") == "<b>Still"
    assert page.title() == "<b>Still · Upright"
    assert page.locator(".bar").all_inner_texts() == ["a\n25.0 %", "b\n75.0 %"]
    wide = page.evaluate("() => [...document.querySelectorAll('.rail i')].map(i => i.style.width)")
    assert wide == ["25%", "75%"]


def test_two_look_on_at_the_same(served: Served, opened: Opened) -> None:
    first, second = opened(served.page.address), opened(served.page.address)
    for page in (first, second):
        wait_for_step(page, 5)
    first.click("#pause")
    for page in (first, second):
        page.wait_for_function("() => state.textContent === 'paused'")
    second.wait_for_timeout(300)
    assert step(first) == step(second)
    first.close()
    second.click("#pause")
    wait_for_step(second, step(second) + 20)


def test_the_controls_work(served: Served, opened: Opened) -> None:
    page = opened(served.page.address)
    wait_for_step(page, 5)
    page.click("#pause")
    page.wait_for_function("() => state.textContent === 'paused'")
    assert page.inner_text("#pause") == "Play"
    page.wait_for_timeout(300)
    before, pixels = step(page), page.evaluate(PIXELS)
    page.click("#single")
    wait_for_step(page, before + 1)
    assert step(page) == before + 1
    page.wait_for_function(f"before => ({PIXELS})() !== before", arg=pixels)
    page.select_option("#speed", "4")
    page.wait_for_function("() => speed.value === '4'")
    page.click("#restart")
    page.wait_for_function("() => document.getElementById('step').textContent === '0'")
    page.click("#pause")
    wait_for_step(page, 10)
    assert page.inner_text("#pause") == "Pause"
    assert served.page._stage.speed == 4


def test_a_fault_stays_on_the_page_and_nothing_can_be_pressed(opened: Opened) -> None:
    faulty = Served(Endless(ZeroDivisionError("by <i>zero</i>")))
    page = opened(faulty.page.address)
    page.wait_for_function("() => state.textContent.startsWith('Zero')")
    assert page.inner_text("#state") == "ZeroDivisionError: by <i>zero</i>."
    assert page.is_disabled("#pause")
    faulty.thread.join(LIMIT / 1000)
    assert isinstance(faulty.error, ZeroDivisionError)


@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(360, 740, "light"), (390, 844, "dark"), (1280, 800, "light")]
)
@pytest.mark.long
def test_nothing_overflows_or_jumps(
    width: int, height: int, scheme: str, served: Served, opened: Opened
) -> None:
    page = opened(served.page.address, width, height, color_scheme=scheme)
    wait_for_step(page, 2)
    places = "() => ['pause', 'episode', 'return', 'bars'].map(id => JSON.stringify("
    places += "document.getElementById(id).getBoundingClientRect()))"
    before = page.evaluate(places)
    wait_for_step(page, 120)
    assert page.evaluate(OVERFLOW) == 0
    assert page.evaluate(places) == before
    dark = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(18, 20, 25)") == (scheme == "dark")


SAMPLE = """(limit) => new Promise((resolve, reject) => {
  const seen = {};
  setTimeout(() => reject(Error("no end was seen, but " + Object.keys(seen))), limit);
  const look = () => {
    const said = state.textContent;
    (seen[said] ??= []).push(picture.getBoundingClientRect().top);
    if (said === "All episodes are over.") return resolve(seen);
    requestAnimationFrame(look);
  };
  look();
})"""


@pytest.mark.parametrize("width", [390, 320, 819, 820, 1280])
def test_the_picture_stays_where_it_is_as_episodes_end(
    width: int, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upright.show.playing.live.FAREWELL_SECONDS", LIMIT / 1000)
    played = Played("the best policy so far", episodes=4)
    page = opened(played.page.address, width, 844)
    wait_for_step(page, 1)
    seen = page.evaluate(SAMPLE, 3 * LIMIT)
    assert {"playing", "episode terminated", "All episodes are over."} <= set(seen)
    assert len({top for tops in seen.values() for top in tops}) == 1
    played.end()


@pytest.mark.parametrize(("width", "height", "most"), [(390, 844, 1.5), (1280, 800, 1.0)])
@pytest.mark.long
def test_many_actions_scroll_in_their_card(
    width: int, height: int, most: float, opened: Opened
) -> None:
    served = Served(Many())
    page = opened(served.page.address, width, height)
    wait_for_step(page, 1)
    assert page.locator(".bar").count() == 40
    assert page.evaluate("document.documentElement.scrollHeight") <= most * height
    page.locator(".bar").last.scroll_into_view_if_needed()
    assert page.locator(".bar").last.is_visible()
    assert page.evaluate("bars.length && document.getElementById('bars').scrollTop") > 0
    served.end()


@pytest.mark.long
def test_it_says_that_it_reconnects_and_does(browser: Any) -> None:
    page = browser.new_page()
    page.set_default_timeout(LIMIT)
    first = Served(Endless())
    page.goto(first.page.address)
    wait_for_step(page, 2)
    page.route("**/stream", lambda route: route.abort())
    page.evaluate("() => { stream.close(); connect(); }")
    page.wait_for_function("() => state.textContent === 'reconnecting …'")
    assert page.is_disabled("#pause")
    page.unroute("**/stream")
    page.wait_for_function("() => state.textContent === 'playing'")
    assert page.is_enabled("#pause")
    page.close()
    first.end()


def test_no_other_origin_drives_it(served: Served, opened: Opened, tmp_path: Path) -> None:
    page = opened(served.page.address)
    wait_for_step(page, 2)
    stranger = page.context.browser.new_page()
    other = tmp_path / "other.html"
    other.write_text("<!doctype html><title>Other</title>")
    stranger.goto(other.as_uri())
    sent = "address => fetch(address + 'control', {method: 'POST', mode: 'no-cors', body: "
    stranger.evaluate(sent + """'{"do": "pause"}'}).catch(() => 0)""", served.page.address)
    stranger.close()
    now = step(page)
    wait_for_step(page, now + 20)
    assert page.inner_text("#state") == "playing"
