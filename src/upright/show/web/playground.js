// The page: the loop in time, the controls, the numbers.
//
// `window.upright` is for tinkerers, and for the tests:
//   simulator                       physics, sliders, step(state, action, physics), observe(state)
//   policies                        trained, untrained, random: mode(obs), value(obs), ...
//   probabilities(obs, which)       of the actions, by one of them; null where they are numbers
//   mode(obs, which)                the most probable action, by one of them
//   value(obs, which)               its estimate of the return to come; null without a critic
//   step(state, action, physics)    {state, reward, terminated}; original physics if none are given
//   observe(state)                  what a policy sees of a state, in float32
//   session                         the episode on the screen: state, steps, push(direction), ...
//   newSession(seed)                another one, with starts that the seed decides
//   makePolicy(data)                a policy from what `policy_data` in playground.py gives

const SPEEDS = [0.25, 1, 2, 4];
const MANNERS = { greedy: "Most probable", sampled: "Sampled" };
const ACTORS = { trained: "Trained", untrained: "Untrained", random: "Random" };
const WAIT = 1.6; // s between two episodes
const PUSH_SHOWN = 0.45; // s
const LONGEST_FRAME = 0.1; // s; a longer gap is not caught up with
const TAP = 10; // pixels; a finger that moves further does not mean to push

const data = JSON.parse(byId("data").textContent);

function begin(simulator) {
  const policies = {
    trained: makePolicy(data.policies.trained),
    untrained: makePolicy(data.policies.untrained),
    random: makeRandomPolicy(simulator),
  };
  const newSession = (seed) => new Session(simulator, policies, makeRng(seed));
  const session = newSession(crypto.getRandomValues(new Uint32Array(1))[0]);
  window.upright = {
    simulator,
    policies,
    session,
    newSession,
    makePolicy,
    probabilities: (obs, which = "trained") => policies[which].probabilities(obs),
    mode: (obs, which = "trained") => policies[which].mode(obs),
    value: (obs, which = "trained") => policies[which].value(obs),
    step: (state, action, physics = simulator.physics) => simulator.step(state, action, physics),
    observe: simulator.observe,
  };
  new Page(session).begin();
}

/** Whether a finger went down and up at one place. */
function isTap(down, up) {
  if (down?.pointerId !== up.pointerId) return false; // it went down elsewhere
  return Math.hypot(up.clientX - down.clientX, up.clientY - down.clientY) <= TAP;
}

class Page {
  constructor(session) {
    this.session = session;
    this.simulator = session.simulator;
    this.canvas = byId("canvas");
    this.speed = 1;
    // Whoever asks for less motion starts it when they want it.
    this.paused = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.pushed = { direction: 0, left: 0 };
    this.pending = 0; // s of simulated time not yet stepped
    this.waited = 0; // s since the episode's end
    this.drawnAt = null;
  }

  begin() {
    document.querySelectorAll("main > [hidden]").forEach((part) => (part.hidden = false));
    byId("about").textContent = this.simulator.about;
    this.canvas.setAttribute("aria-label", `A picture of ${data.simulator}`);
    this.canvas.style.aspectRatio = String(this.simulator.shape);
    this.makeMeters();
    this.makeSliders();
    this.makeChoices();
    this.listen();
    this.readColours();
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    requestAnimationFrame((now) => this.frame(now));
  }

  makeMeters() {
    const { actions, action } = this.simulator;
    this.chosen = actions ? actions.map(makeActionMeter) : [
      makeMeter(`${action.name}, most probable`, true),
      makeMeter(`${action.name}, taken`, true),
    ];
    byId("probabilities").append(...this.chosen.map((row) => row.element));
    this.numbers = this.simulator.numbers.map((number) => makeMeter(number.name, true));
    byId("numbers").append(...this.numbers.map((row) => row.element));
  }

  makeSliders() {
    const { session, simulator } = this;
    this.sliders = simulator.sliders.map((slider) =>
      makeSlider(slider, simulator.physics[slider.key], (value) => {
        session.physics[slider.key] = value;
      }),
    );
    const { push } = simulator;
    const strength = makeSlider(push, push.value, (value) => {
      session.strength = value;
    });
    strength.input.setAttribute("aria-label", "Strength of a push");
    byId("meaning").textContent = push.meaning;
    byId("sliders").append(...[...this.sliders, strength].map((slider) => slider.element));
  }

  makeChoices() {
    const { session } = this;
    const speeds = Object.fromEntries(SPEEDS.map((speed) => [`×${speed}`, speed]));
    makeChoice("speed", Object.keys(speeds).map((name) => [name, name]), "×1", (name) => {
      this.speed = speeds[name];
    });
    const showManner = makeChoice("manner", Object.entries(MANNERS), "greedy", (manner) =>
      session.choose(session.actor, manner === "greedy"),
    );
    makeChoice("actor", Object.entries(ACTORS), session.actor, (actor) => {
      session.choose(actor, session.greedy);
      // At random no action is the most probable; with a policy the visitor's choice is back.
      showManner(session.isSampled ? "sampled" : "greedy", actor === "random");
    });
  }

  listen() {
    byId("push-left").addEventListener("click", () => this.push(-1));
    byId("push-right").addEventListener("click", () => this.push(1));
    byId("pause").addEventListener("click", () => this.pause(!this.paused));
    byId("step").addEventListener("click", () => this.stepOnce());
    byId("restart").addEventListener("click", () => this.restart());
    byId("original").addEventListener("click", () => this.sliders.forEach((each) => each.reset()));
    // A mouse pushes as it goes down; a finger as it lifts, for it may want to scroll or swipe.
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch") this.touched = event;
      else if (event.button === 0) this.pushAt(event);
    });
    this.canvas.addEventListener("pointerup", (event) => {
      if (event.pointerType === "touch" && isTap(this.touched, event)) this.pushAt(event);
    });
    // After the mouse, Space pauses; who came by keyboard stays on the button and presses it.
    document.addEventListener("click", (event) => {
      if (event.detail > 0) event.target.closest("button, summary")?.blur();
    });
    document.addEventListener("keydown", (event) => this.press(event));
    document.addEventListener("visibilitychange", () => {
      this.drawnAt = null;
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.readColours());
  }

  press(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (key.startsWith("Arrow") && target.matches("input")) return;
    if (key === " " && target.matches("button, summary")) return;
    const actions = {
      ArrowLeft: () => this.push(-1),
      ArrowRight: () => this.push(1),
      " ": () => this.pause(!this.paused),
      s: () => this.stepOnce(),
      r: () => this.restart(),
    };
    const action = actions[key.length === 1 ? key.toLowerCase() : key];
    if (action === undefined) return;
    event.preventDefault();
    if (!event.repeat || key.toLowerCase() === "s") action();
  }

  pushAt(event) {
    const { left, width } = this.canvas.getBoundingClientRect();
    this.push(event.clientX < left + width / 2 ? -1 : 1);
  }

  push(direction) {
    if (this.session.ended) return;
    this.session.push(direction);
    this.pushed = { direction, left: PUSH_SHOWN };
  }

  pause(paused) {
    this.paused = paused;
    this.pending = 0;
  }

  stepOnce() {
    this.pause(true);
    this.advance();
  }

  restart() {
    this.session.reset();
    Object.assign(this, { pending: 0, waited: 0 });
  }

  advance() {
    this.session.advance();
    this.waited = 0;
  }

  frame(now) {
    const elapsed = this.drawnAt === null ? 0 : (now - this.drawnAt) / 1000;
    this.drawnAt = now;
    if (!this.paused) this.run(Math.min(elapsed, LONGEST_FRAME));
    this.show();
    requestAnimationFrame((then) => this.frame(then));
  }

  /** Let so many seconds pass: whole steps of the environment, at its own rate. */
  run(seconds) {
    this.pushed.left -= seconds;
    if (this.session.ended) {
      this.waited += seconds;
      if (this.waited >= WAIT) this.restart();
      return;
    }
    const period = 1 / this.simulator.rate;
    this.pending += seconds * this.speed;
    while (this.pending >= period && !this.session.ended) {
      this.pending -= period;
      this.advance();
    }
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.size = { width, height, ratio };
    this.draw();
  }

  readColours() {
    this.colours = readColours(document.documentElement);
  }

  show() {
    const { session, simulator } = this;
    byId("steps").textContent = `${session.steps} / ${simulator.maxSteps}`;
    byId("return").textContent = format(session.episodeReturn);
    const best = session.best[session.actor];
    byId("best").textContent = best === undefined ? "–" : format(best);
    byId("pushes").textContent = session.pushes;
    byId("value").textContent = session.value === null ? "–" : format(session.value, 1);
    byId("pause").textContent = this.paused ? "Play" : "Pause";
    byId("changed").hidden = session.isOriginalPhysics;
    byId("original").disabled = session.isOriginalPhysics;
    this.showStatus();
    this.showMeters();
    this.draw();
  }

  showStatus() {
    const { ended } = this.session;
    const text = ended ? ended.text : this.paused ? "Paused" : "";
    const status = byId("status");
    // Written only when it changes, or a screen reader would read it at every frame.
    if (status.textContent !== text) status.textContent = text;
    status.style.color = ended && ended.good ? "var(--good)" : "";
  }

  showMeters() {
    const { session, simulator } = this;
    const { actions, action } = simulator;
    this.chosen.forEach((meter, i) => {
      if (actions) showProbability(meter, session.probabilities[i], i === session.action);
      else showNumber(meter, [session.mode, session.action][i], action);
    });
    const shown = simulator.shown ? simulator.shown(session.state) : session.state;
    this.numbers.forEach((meter, i) => showNumber(meter, shown[i], simulator.numbers[i]));
  }

  draw() {
    if (!this.size) return;
    const { session, simulator, size } = this;
    const context = this.canvas.getContext("2d");
    context.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
    context.clearRect(0, 0, size.width, size.height);
    const fraction = this.paused || session.ended ? 1 : this.pending * simulator.rate;
    const state = between(session.previous, session.state, fraction, simulator.angles);
    simulator.draw({ ...size, context, colours: this.colours }, state, {
      action: session.ended ? 0 : session.action,
      direction: session.ended || !simulator.actions ? 0 : simulator.actions[session.action].direction,
      physics: session.physics,
      pushed: this.pushed.left > 0 ? this.pushed.direction : 0,
    });
  }
}

if (data.simulator !== null) begin(simulators[data.simulator]);
