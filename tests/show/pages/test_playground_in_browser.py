"""The page in a real browser: Gymnasium's physics, PyTorch's policy, and every control."""

import json
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from support import policy_for
from upright.policy.policy import Policy
from upright.runs.run import Run
from upright.settings.hyperparameters import PPOSettings
from upright.show.pages.playground import playground, policy_data

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]
COUNTED = ["CartPole-v1", "MountainCar-v0", "Acrobot-v1"]  # whose actions are one of n
IDS = [*COUNTED, "Pendulum-v1"]
# Bounds beyond what an episode meets, for each number of the state.
WIDE = {
    "CartPole-v1": [5.0, 10.0, 3.0, 10.0],
    "MountainCar-v0": [1.2, 0.07],
    "Acrobot-v1": [np.pi, np.pi, 4 * np.pi, 9 * np.pi],
    "Pendulum-v1": [5 * np.pi, 8.0],
}
STEP_ALL = """rows => JSON.stringify(JSON.parse(rows).map(([state, action]) => {
  const result = upright.step(state, action);
  return [result.state, upright.observe(result.state), result.reward, result.terminated];
}))"""
HOLD = """pushed => Array.from({length: 20}, (_, seed) => {
  const session = upright.newSession(seed);
  while (!session.ended) {
    if (session.steps === 50 && session.pushes === 0 && pushed) session.push(pushed);
    session.advance();
  }
  return [session.steps, session.episodeReturn, session.terminated];
})"""
STATE = "[...upright.session.state]"
STEPS = "upright.session.steps"
CLIPPED = """[...document.querySelectorAll("button, dt, dd, output, h1, label span")]
  .filter((element) => element.clientWidth > 0 && element.scrollWidth > element.clientWidth)
  .map((element) => element.textContent)"""
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def open_page(browser: "Browser", pages: dict[str, Path]) -> Iterator[Open]:
    """Opens a page; at the end, none has asked the network or complained."""
    contexts, requests, complaints = [], [], []

    def opened(page: str | Path = "CartPole-v1", **options: Any) -> "Page":
        path = page if isinstance(page, Path) else pages[page]
        context = browser.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto(path.as_uri())
        requests.remove(path.as_uri())
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert not [url for url in requests if not url.startswith("data:")]
    assert not complaints


def gymnasium_steps(env_id: str) -> tuple[list[Any], list[Any]]:
    """(state, action) and what Gymnasium makes of it, along episodes and far beyond them."""
    env = gym.make(env_id).unwrapped
    rng = np.random.default_rng(11)
    asked, answered = [], []

    def drawn() -> float:
        if isinstance(env.action_space, gym.spaces.Box):
            return float(np.float32(rng.uniform(-3, 3)))
        return int(rng.integers(env.action_space.n))  # type: ignore[attr-defined]

    def step(state: Any, action: float) -> bool:
        measured = isinstance(env.action_space, gym.spaces.Box)
        obs, reward, terminated, _, _ = env.step(np.float32([action]) if measured else action)
        asked.append([np.asarray(state, np.float64).tolist(), action])
        reached = np.asarray(env.state, np.float64).tolist()  # type: ignore[attr-defined]
        answered.append([reached, obs.tolist(), float(reward), terminated])
        return terminated

    env.reset(seed=5)
    for _ in range(1000):
        if step(env.state, drawn()):  # type: ignore[attr-defined]
            env.reset()
    for _ in range(1000):
        env.reset()
        env.state = rng.uniform(-1, 1, len(WIDE[env_id])) * WIDE[env_id]  # type: ignore[attr-defined]
        step(env.state, drawn())
    return asked, answered


@pytest.mark.parametrize("env_id", IDS)
def test_each_step_is_gymnasiums(env_id: str, open_page: Open) -> None:
    asked, answered = gymnasium_steps(env_id)
    found = json.loads(open_page(env_id).evaluate(STEP_ALL, json.dumps(asked)))
    rounded = 0.0 if env_id in COUNTED else 1e-6  # Pendulum's costs a float32 torque
    for column, tolerance in ((0, 1e-6), (1, 1e-6), (2, rounded), (3, 0.0)):
        ours = np.array([row[column] for row in found], np.float64)
        theirs = np.array([row[column] for row in answered], np.float64)
        np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=tolerance)
    assert any(row[3] for row in answered) == (
        env_id in COUNTED
    )  # the others never end by themselves
    assert not all(row[3] for row in answered)


@pytest.mark.parametrize("env_id", IDS)
def test_limits_and_first_states_are_gymnasiums(env_id: str, open_page: Open) -> None:
    page = open_page(env_id)
    env = gym.make(env_id)
    assert env.spec is not None
    assert page.evaluate("upright.simulator.maxSteps") == env.spec.max_episode_steps
    starts = page.evaluate(
        "Array.from({length: 500}, (_, seed) => upright.newSession(seed).state.slice())"
    )
    theirs = []
    for seed in range(500):
        env.reset(seed=seed)
        theirs.append(np.array(env.unwrapped.state))  # type: ignore[attr-defined]
    width = np.ptp(theirs, axis=0)
    for end in (np.min, np.max):
        apart = np.abs(end(starts, axis=0) - end(theirs, axis=0))
        assert (apart <= 0.03 * np.maximum(width, 0.2)).all()
    assert (np.ptp(starts, axis=0)[width > 0] > 0.9 * width[width > 0]).all()


def every_shape() -> Iterator[tuple[str, Policy]]:
    """A policy with random weights for every combination that settings allow."""
    rng = np.random.default_rng(3)
    flags = (False, True)
    shapes = product(["tanh", "relu"], [(), (8,), (64, 64)], flags, flags, flags, flags)
    for activation, hidden, shared, normalize, bias, critic in shapes:
        policy = policy_for(
            "reinforce",
            activation=activation,
            hidden_sizes=hidden,
            shared_network=shared,
            normalize_obs=normalize,
            bias=bias,
            baseline=critic,
            value_scale=2.5,
        )
        for weight in policy.network.weights.values():
            bound = 1.5 / weight.shape[-1] ** 0.5
            weight[:] = rng.uniform(-bound, bound, weight.shape)
        if policy.normalizer is not None:
            policy.normalizer.update(rng.normal(1, 3, (64, 4)).astype(np.float32))
        yield activation, policy


@pytest.mark.long
def test_the_pages_policy_is_pytorchs(open_page: Open) -> None:
    policies = list(every_shape())
    assert len(policies) == 96
    obs = torch.randn(1000, 4, generator=torch.Generator().manual_seed(4)) * 3
    found = json.loads(
        open_page().evaluate(
            """(text) => {
          const [policies, observations] = JSON.parse(text);
          return JSON.stringify(policies.map((data) => {
          const policy = upright.makePolicy(data);
          return observations.map((obs) => [policy.probabilities(obs), policy.value(obs)]);
        }))}""",
            json.dumps([[policy_data(policy, name) for name, policy in policies], obs.tolist()]),
        )
    )
    for rows, (_, policy) in zip(found, policies, strict=True):
        with torch.no_grad():
            params, values = policy.to_torch()(obs)
        probabilities = torch.softmax(params, dim=-1).numpy()
        np.testing.assert_allclose([row[0] for row in rows], probabilities, rtol=0, atol=1e-5)
        if not policy.has_critic:
            assert {row[1] for row in rows} == {None}
        else:
            np.testing.assert_allclose([row[1] for row in rows], values, rtol=1e-5, atol=1e-5)


def test_trained_and_untrained_are_the_runs(runs: dict[str, Run], open_page: Open) -> None:
    page, run = open_page(), runs["CartPole-v1"]
    obs = torch.randn(50, 4, generator=torch.Generator().manual_seed(5)) * 0.2
    for which, policy in (("trained", run.policy), ("untrained", run.policy_at(0))):
        call = f"rows => rows.map(obs => upright.probabilities(obs, {which!r}))"
        found = page.evaluate(call, obs.tolist())
        with torch.no_grad():
            expected = torch.softmax(policy.to_torch()(obs)[0], dim=-1).numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_the_trained_policy_holds_the_pole(runs: dict[str, Run], open_page: Open) -> None:
    assert runs["CartPole-v1"].solved
    assert open_page().evaluate(HOLD, 0) == [[500, 500, False]] * 20


@pytest.mark.parametrize("direction", [-1, 1], ids=["left", "right"])
def test_it_recovers_from_a_push(direction: int, open_page: Open) -> None:
    # Four seconds later the pole still stands; where the cart drifts after that is another matter.
    assert min(steps for steps, _, _ in open_page().evaluate(HOLD, direction)) >= 50 + 200


def test_a_sampled_action_has_its_probability(open_page: Open) -> None:
    drawn, probability = open_page().evaluate(
        """() => {
          const session = upright.newSession(1);
          session.choose("trained", false);
          let drawn = 0;
          for (let i = 0; i < 20000; i += 1) { session.decide(); drawn += session.action; }
          return [drawn / 20000, session.probabilities[1]];
        }"""
    )
    assert abs(drawn - probability) < 5 * 0.5 / 20000**0.5
    assert 0.0 < probability < 1.0


def gaussians() -> Iterator[tuple[str, Policy]]:
    """A policy with random weights over a Box, for what settings allow of it."""
    rng = np.random.default_rng(6)
    env = gym.make("Pendulum-v1")
    flags = (False, True)
    for squash, normalize, shared in product(flags, flags, flags):
        settings = PPOSettings(
            hidden_sizes=(16, 8),
            squash_actions=squash,
            normalize_obs=normalize,
            clip_obs=1.5,
            shared_network=shared,
            initialization="uniform",
            log_std_init=-0.7,
        )
        policy = Policy(env.observation_space, env.action_space, settings, seed=2)
        policy.network.weights["actor.0.weight"][:] *= 5.0
        if policy.normalizer is not None:
            policy.normalizer.update(rng.normal(0.2, 3, (64, 3)).astype(np.float32))
        yield "tanh", policy


def test_an_action_that_is_a_number_is_what_the_policy_decides(open_page: Open) -> None:
    policies = list(gaussians())
    obs = np.random.default_rng(7).normal(0, 2, (500, 3)).astype(np.float32)
    found = json.loads(
        open_page("Pendulum-v1").evaluate(
            """(text) => {
          const [policies, observations] = JSON.parse(text);
          return JSON.stringify(policies.map((data) => {
          const policy = upright.makePolicy(data);
          return observations.map((obs) => [policy.mode(obs), policy.probabilities(obs)]);
        }))}""",
            json.dumps([[policy_data(policy, name) for name, policy in policies], obs.tolist()]),
        )
    )
    for rows, (_, policy) in zip(found, policies, strict=True):
        decided = np.array([policy.decide(each)[0] for each in obs])
        np.testing.assert_allclose([row[0] for row in rows], decided, rtol=0, atol=2e-5)
        assert np.ptp(decided) > 1.0
        assert {row[1] for row in rows} == {None}


DRAWN = """(which) => {
  const session = upright.newSession(1);
  session.choose(which, false);
  session.state = [0.3, 0.1];
  const drawn = Array.from({ length: 8000 }, () => (session.decide(), session.action));
  return [session.mode, drawn];
}"""


def test_an_action_that_is_a_number_is_drawn_as_the_policy_draws_it(
    runs: dict[str, Run], open_page: Open
) -> None:
    mode, drawn = open_page("Pendulum-v1").evaluate(DRAWN, "trained")
    policy, rng = runs["Pendulum-v1"].policy, np.random.default_rng(8)
    obs = np.float32([np.cos(0.3), np.sin(0.3), 0.1])
    assert mode == pytest.approx(policy.decide(obs)[0], abs=2e-5)
    noise = policy.distribution.noise(rng, (8000,))
    theirs = np.array([policy.decide(obs, each)[0] for each in noise])
    quantiles = np.linspace(0.05, 0.95, 10)
    apart = np.quantile(drawn, quantiles) - np.quantile(theirs, quantiles)
    assert np.abs(apart).max() < 0.15
    assert np.ptp(theirs) > 1.0


def test_at_random_all_numbers_between_the_bounds_are_taken_alike(open_page: Open) -> None:
    page = open_page("Pendulum-v1")
    page.click("#pause")
    page.click("#actor [data-key=random]")
    page.wait_for_timeout(50)
    best, taken = page.locator("#probabilities dd").all_inner_texts()
    assert best == "–"
    number = float(taken.removesuffix(" N m").replace("−", "-"))
    assert number == pytest.approx(page.evaluate("upright.session.action"), abs=0.0051)
    _, drawn = page.evaluate(DRAWN, "random")
    counts, _ = np.histogram(drawn, 4, (-2.0, 2.0))
    assert counts.sum() == 8000
    assert (np.abs(counts - 2000) < 5 * 8000**0.5).all()


@pytest.mark.parametrize("env_id", COUNTED)
def test_at_random_all_actions_are_taken_alike(env_id: str, open_page: Open) -> None:
    page = open_page(env_id)
    page.click("#actor [data-key=random]")
    taken = page.evaluate(
        """() => {
          const session = upright.newSession(1);
          session.choose("random", upright.session.greedy);
          const taken = upright.simulator.actions.map(() => 0);
          for (let i = 0; i < 6000; i += 1) { taken[session.action] += 1; session.advance(); }
          return taken;
        }"""
    )
    assert min(taken) > 6000 / len(taken) - 5 * 0.5 * 6000**0.5


@pytest.mark.long
def test_how_it_chooses_is_no_choice_at_random(open_page: Open) -> None:
    page = open_page()
    pressed = "#manner [aria-pressed=true]"
    page.click("#actor [data-key=random]")
    assert page.locator("#manner button:disabled").count() == 2
    assert page.inner_text(pressed) == "Sampled"
    page.click("#actor [data-key=untrained]")
    assert page.locator("#manner button:enabled").count() == 2
    assert page.inner_text(pressed) == "Most probable"
    assert page.evaluate("upright.session.isSampled") is False


BEST = """disturb => {
  const session = upright.newSession(3);
  session.choose("random", true);
  session.reset();
  session.advance();
  if (disturb !== null) new Function("session", disturb)(session);
  while (!session.ended) session.advance();
  return [session.best, session.episodeReturn];
}"""


@pytest.mark.parametrize(
    "disturb",
    [
        "session.choose('untrained', true)",
        "session.choose('untrained', true); session.advance(); session.choose('random', true)",
        "session.push(1)",
        "session.physics.gravity = 9",
        "session.physics.force = 9; session.advance(); session.physics.force = 10",
    ],
)
def test_the_best_is_of_one_undisturbed_policy(disturb: str, open_page: Open) -> None:
    page = open_page()
    best, reached = page.evaluate(BEST, None)
    assert best == {"random": reached}
    best, reached = page.evaluate(BEST, disturb)
    assert best == {}
    assert reached > 1


def test_who_takes_over_before_the_first_step_has_it_all(open_page: Open) -> None:
    page = open_page()
    again = "session.reset(); session.choose('untrained', true)"
    best, reached = page.evaluate(BEST, again)
    assert best == {"untrained": reached}


def test_it_runs_at_the_environments_rate_and_pause_freezes_it(open_page: Open) -> None:
    page = open_page()
    page.wait_for_timeout(300)
    assert page.evaluate(STEPS) > 0
    page.click("#pause")
    frozen = page.evaluate(STATE)
    page.wait_for_timeout(200)
    assert page.evaluate(STATE) == frozen
    assert page.inner_text("#status") == "Paused"
    before = page.evaluate(STEPS)
    page.click("#step")
    assert page.evaluate(STEPS) == before + 1
    page.keyboard.press("s")
    assert page.evaluate(STEPS) == before + 2
    page.keyboard.press("r")
    assert page.evaluate(STEPS) == 0
    page.keyboard.press(" ")
    page.wait_for_timeout(200)
    assert page.evaluate(STEPS) > 0


@pytest.mark.parametrize("env_id", IDS)
def test_keys_buttons_and_mouse_push(env_id: str, open_page: Open) -> None:
    page = open_page(env_id, viewport={"width": 1280, "height": 800})
    page.click("#pause")
    picture = page.locator("#canvas").bounding_box()
    assert picture is not None
    middle = picture["y"] + picture["height"] / 2
    pushes: list[tuple[int, Callable[[], None]]] = [
        (-1, lambda: page.keyboard.press("ArrowLeft")),
        (1, lambda: page.keyboard.press("ArrowRight")),
        (-1, lambda: page.click("#push-left")),
        (1, lambda: page.click("#push-right")),
        (-1, lambda: page.mouse.click(picture["x"] + picture["width"] / 4, middle)),
        (1, lambda: page.mouse.click(picture["x"] + picture["width"] * 3 / 4, middle)),
    ]
    for direction, push in pushes:
        expected = page.evaluate(
            "([direction]) => upright.simulator.disturb(upright.session.state, direction, "
            "upright.simulator.push.value)",
            [direction],
        )
        before = page.evaluate(STATE)
        push()
        assert page.evaluate(STATE) == expected != before


@pytest.mark.long
def test_space_pauses_after_the_mouse_and_presses_a_button_in_focus(open_page: Open) -> None:
    page = open_page()
    pushes = "upright.session.pushes"
    page.evaluate("upright.session.simulator.maxSteps = Infinity")
    page.click("#push-right")
    page.keyboard.press(" ")
    page.wait_for_timeout(50)
    assert page.inner_text("#pause") == "Play"
    assert page.evaluate(pushes) == 1
    page.focus("#push-left")
    page.keyboard.press(" ")
    assert page.evaluate(pushes) == 2
    assert page.evaluate("document.activeElement.id") == "push-left"
    slider = page.locator("#sliders input").first
    slider.focus()
    slider.press(" ")
    page.wait_for_timeout(50)
    assert page.inner_text("#pause") == "Pause"
    slider.press("ArrowRight")
    assert page.evaluate(pushes) == 2
    assert page.evaluate("upright.session.physics.gravity") == 9.9


@pytest.mark.parametrize(("distance", "pushes"), [(-120, 0), (4, 1)], ids=["swipe", "tap"])
@pytest.mark.long
def test_a_swipe_does_not_push(distance: int, pushes: int, open_page: Open) -> None:
    page = open_page(**PHONE)
    page.tap("#pause")
    picture = page.locator("#canvas").bounding_box()
    assert picture is not None
    x, y = picture["x"] + picture["width"] * 0.8, picture["y"] + picture["height"] / 2
    finger = page.context.new_cdp_session(page)
    for kind, part in (("Start", 0.0), ("Move", 0.5), ("Move", 1.0), ("End", None)):
        at = [] if part is None else [{"x": x + part * distance, "y": y}]
        finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": at})
    page.wait_for_timeout(100)
    assert page.evaluate("upright.session.pushes") == pushes


@pytest.mark.long
def test_a_finger_pushes_and_a_phone_shows_it_all(open_page: Open) -> None:
    page = open_page(**PHONE)
    page.tap("#pause")
    before = page.evaluate(STATE)
    picture = page.locator("#canvas").bounding_box()
    assert picture is not None
    middle = picture["y"] + picture["height"] / 2
    page.touchscreen.tap(picture["x"] + picture["width"] * 0.8, middle)
    assert page.evaluate(STATE)[3] == pytest.approx(before[3] + 0.5)
    page.touchscreen.tap(picture["x"] + picture["width"] * 0.2, middle)
    page.tap("#push-left")
    assert page.evaluate(STATE)[3] == pytest.approx(before[3] - 0.5)
    assert page.evaluate("upright.session.pushes") == 3


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("width", [195, 320, 360, 640, 900, 1280])
@pytest.mark.long
def test_nothing_overflows(env_id: str, width: int, open_page: Open) -> None:
    page = open_page(env_id, viewport={"width": width, "height": 740})
    page.click("summary")
    page.evaluate("upright.policies.trained.value = () => -1234.5")
    page.wait_for_function("() => value.textContent === '−1234.5'")
    page.click("#pause")
    page.evaluate("while (!upright.session.ended) upright.session.advance()")
    page.wait_for_timeout(50)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CLIPPED) == []


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.long
def test_a_laptop_shows_all_controls_and_their_help(env_id: str, open_page: Open) -> None:
    page = open_page(env_id, viewport={"width": 1280, "height": 800})
    for part in (".stage", ".panel"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.long
def test_the_longest_pole_stands_below_the_text(width: int, open_page: Open) -> None:
    page = open_page(viewport={"width": width, "height": 740})
    page.click("#pause")
    page.wait_for_function("() => document.getElementById('status').textContent === 'Paused'")
    highest = page.evaluate(
        """() => {
          const ys = [];
          const record = (name) => (x, y) => { if (name === "lineTo") ys.push(y); };
          const context = new Proxy({}, { get: (_, name) => record(name), set: () => true });
          const { clientWidth: width, clientHeight: height } = canvas;
          const physics = { ...upright.simulator.physics, poleLength: 2 };
          const view = { context, width, height, colours: {} };
          upright.simulator.draw(view, [0, 0, 0, 0], { direction: 1, physics, pushed: 0 });
          return Math.min(...ys) + canvas.getBoundingClientRect().top;
        }"""
    )
    text = page.locator("#status").bounding_box()
    assert text is not None
    assert highest >= text["y"] + text["height"]


@pytest.mark.long
def test_without_javascript_only_what_works_is_shown(
    hostile_run: Run, open_page: Open, tmp_path: Path
) -> None:
    page = open_page(java_script_enabled=False)
    assert page.inner_text("main").strip() == "The simulation needs JavaScript."
    assert page.locator("main button:visible, main section:visible").count() == 0
    path = tmp_path / "replay.html"
    path.write_text(playground(hostile_run, b"no video"), encoding="utf-8")
    assert open_page(path, java_script_enabled=False).is_visible("video")


@pytest.mark.long
def test_the_layout_never_jumps(open_page: Open) -> None:
    page = open_page(**PHONE)
    boxes = """[...document.querySelectorAll("button, canvas, dd, input, #status")].map(
      (element) => { const { left, top, right } = element.getBoundingClientRect();
        if (element.matches("#status")) return [(left + right) / 2, top];
        return element.matches("dd, output") ? [right, top] : [left, top, right]; })"""
    before = page.evaluate(boxes)
    page.evaluate("while (!upright.session.ended) upright.session.advance()")
    page.evaluate("upright.session.physics.gravity = 20")
    page.wait_for_timeout(100)
    assert page.evaluate(boxes) == before


def test_the_switch_changes_the_probabilities(open_page: Open) -> None:
    page = open_page()
    page.click("#pause")
    seen = {}
    for actor in ("trained", "untrained", "random"):
        page.click(f"#actor [data-key={actor}]")
        page.wait_for_timeout(50)
        seen[actor] = tuple(page.evaluate("upright.session.probabilities"))
        shown = [f"{100 * probability:.1f} %" for probability in seen[actor]]
        assert page.locator("#probabilities dd").all_inner_texts() == shown
        assert page.get_attribute(f"#actor [data-key={actor}]", "aria-pressed") == "true"
    assert len(set(seen.values())) == 3
    assert seen["random"] == (0.5, 0.5)
    assert page.inner_text("#value") == "–"
    page.click("#actor [data-key=trained]")
    page.click("#manner [data-key=sampled]")
    assert page.evaluate("upright.session.isSampled") is True


def test_the_sliders_change_the_physics(open_page: Open) -> None:
    page = open_page()
    page.click("#pause")
    session = "upright.session"
    step = f"{session}.simulator.step({session}.state, 1, {session}.physics).state"
    before = page.evaluate(step)
    assert page.is_hidden("#changed")
    for place, key in enumerate(["gravity", "poleLength", "force"]):
        slider = page.locator("#sliders input").nth(place)
        slider.focus()
        slider.press("End")
        assert page.evaluate(f"{session}.physics.{key}") == float(slider.get_attribute("max") or 0)
        page.wait_for_timeout(50)
        assert page.is_visible("#changed")
        assert page.evaluate(step) != before
        page.click("#original")
        page.wait_for_timeout(50)
        assert page.evaluate(step) == before
        assert page.is_hidden("#changed")
    strength = page.locator("#sliders input").nth(3)
    strength.press("End")
    assert page.evaluate(f"{session}.strength") == 2
    page.wait_for_timeout(50)
    assert page.is_hidden("#changed")


@pytest.mark.long
def test_an_episode_ends_with_a_reason_and_another_begins(open_page: Open) -> None:
    page = open_page()
    page.click("#actor [data-key=untrained]")
    page.click("#restart")
    page.evaluate("while (!upright.session.ended) upright.session.advance()")
    fallen = page.evaluate(STEPS)
    page.wait_for_timeout(100)
    assert page.inner_text("#status") in (
        "The pole leaned more than 12°.",
        "The cart left the track.",
    )
    assert page.inner_text("#best") == str(fallen)
    page.wait_for_function("() => upright.session.ended === null")
    page.wait_for_function("() => document.getElementById('status').textContent === ''")


@pytest.mark.long
def test_who_asks_for_less_motion_starts_it(open_page: Open) -> None:
    page = open_page(reduced_motion="reduce", color_scheme="dark")
    page.wait_for_timeout(150)
    assert page.evaluate(STEPS) == 0
    page.click("#pause")
    page.wait_for_timeout(200)
    assert page.evaluate(STEPS) > 0


def test_a_strangers_texts_do_not_become_markup(
    hostile_run: Run, open_page: Open, tmp_path: Path
) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(playground(hostile_run, b"no video"), encoding="utf-8")
    page = open_page(path)
    page.click("summary")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert page.inner_text("h1") == hostile_run.info["env"]
    assert "hacked" in page.inner_text(".settings")
    assert page.evaluate("document.scripts.length") == 2
