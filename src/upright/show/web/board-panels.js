// A panel for each environment: the curves of its groups, a legend that hides and shows them.
const MOST_PANELS = 12, MOST_STARS = 60, NEAR = 40;
const darkness = matchMedia("(prefers-color-scheme: dark)");
const panels = new Map(), hiddenGroups = new Set();
let kind = "returns", allPanels = false;

function inkNow() {
  const style = getComputedStyle(document.body), look = (name) => style.getPropertyValue(name).trim();
  const palette = document.body.dataset[darkness.matches ? "dark" : "light"].split(" ");
  return { text: look("--ink"), soft: look("--soft"), grid: look("--grid"), palette };
}

function lookOf(rank, ink) {
  const { palette } = ink;
  return { colour: palette[rank % palette.length], dash: DASHES[Math.floor(rank / palette.length) % DASHES.length] };
}

function curveOf(run) {
  const [x, y] = run[kind];
  return { run, x, y };
}

// One curve for each seed: of two runs of one seed, the longer.
function seedsOf(curves) {
  const longest = new Map();
  for (const curve of curves) {
    const other = longest.get(curve.run.seed);
    if (!other || other.x.length < curve.x.length) longest.set(curve.run.seed, curve);
  }
  return [...longest.values()];
}

function starOf(run, colour) {
  const { mean, interval, solved, steps } = run.judged;
  const [low, high] = interval ?? [mean, mean];
  return { x: steps, mean, low, high, solved, colour };
}

// What a group's curves look like: thin where there are several, with their middle and its band.
function drawGroup(picture, runs, look) {
  const curves = runs.map(curveOf).filter((curve) => curve.x.length);
  const middle = middleOf(seedsOf(curves)), alone = middle.length === 0;
  const alpha = alone ? 1 : Math.max(0.05, Math.min(0.4, 4 / curves.length));
  for (const curve of curves) {
    picture.traces.push({ ...curve, ...look, width: alone ? 2 : 1, alpha, dash: alone ? look.dash : [] });
  }
  if (alone) return [];
  picture.bands.push({ middle, colour: look.colour });
  const cut = middle.findIndex((each) => each.rest), end = cut < 0 ? middle.length : cut;
  for (const [part, dash, width] of [[middle.slice(0, end), look.dash, 2.6], [middle.slice(Math.max(0, end - 1)), [2, 3], 2]]) {
    if (part.length > 1) {
      const [x, y] = [part.map((each) => each.x), part.map((each) => each.mid)];
      picture.traces.push({ x, y, colour: look.colour, dash, width, alpha: 1, middle: true });
    }
  }
  return middle;
}

function pictureOf(panel, ink) {
  const picture = { traces: [], bands: [], marks: [], stars: [], bars: [], ink };
  const told = [], bars = new Set();
  for (const group of panel.groups) {
    if (hiddenGroups.has(group.id)) continue;
    const look = lookOf(group.rank, ink), middle = drawGroup(picture, group.shown, look);
    for (const run of group.shown) {
      if (run.threshold !== null) bars.add(run.threshold);
      if (run.judged) picture.stars.push(starOf(run, look.colour));
    }
    const last = middle.length ? `, median ${number(middle[middle.length - 1].mid)}` : "";
    told.push(`${group.name}, ${plural(group.shown.length, "run")}${last}`);
  }
  // Lines that are thick lie above all thin ones.
  picture.traces.sort((a, b) => a.width - b.width);
  picture.bars = [...bars];
  if (picture.stars.length > MOST_STARS) picture.stars = [];
  return { picture, told };
}

function newPanel(env) {
  const canvas = make("canvas", { role: "img" }), legend = make("div", { class: "legend", role: "group" });
  const readout = make("p", { class: "readout soft" }), title = make("h2"), bar = make("span", { class: "soft" });
  const element = make("article", { class: "card panel" }, make("div", { class: "panel-head" }, title, bar), canvas, readout, legend);
  put(title, env);
  legend.setAttribute("aria-label", `Groups of ${env}`);
  const panel = { env, element, canvas, legend, readout, bar, groups: [], stale: true, seen: false, buttons: new Map() };
  canvas.onpointermove = (event) => point(panel, event);
  canvas.onpointerleave = () => { panel.near = null; panel.stale = true; drawSoon(); };
  canvas.onclick = () => { if (panel.near) openRun(panel.near.run.id); };
  watcher.observe(element);
  panels.set(env, panel);
  return panel;
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const panel = [...panels.values()].find((each) => each.element === entry.target);
    if (panel) panel.seen = entry.isIntersecting;
  }
  drawSoon();
});
const resized = new ResizeObserver(() => {
  for (const panel of panels.values()) panel.stale = true;
  drawSoon();
});
resized.observe(at("panels"));
darkness.addEventListener("change", () => refreshAll());

let drawingSoon = false;
function drawSoon() {
  if (drawingSoon) return;
  drawingSoon = true;
  requestAnimationFrame(() => {
    drawingSoon = false;
    const ink = inkNow();
    for (const panel of panels.values()) if (panel.stale && panel.seen) drawPanel(panel, ink);
  });
}

function drawPanel(panel, ink) {
  panel.stale = false;
  const { picture, told } = pictureOf(panel, ink), near = panel.near;
  if (near) picture.traces.push({ x: near.x, y: near.y, colour: ink.text, dash: [], width: 2, alpha: 1 });
  panel.scale = drawChart(panel.canvas, picture);
  panel.traces = picture.traces.filter((trace) => trace.run);
  const words = told.length ? told.join("; ") : "nothing is shown";
  panel.canvas.setAttribute("aria-label", `Learning curves of ${panel.env}: ${words}`);
  put(panel.bar, picture.bars.length ? `solved from ${picture.bars.join(" or ")}` : "no threshold");
  const several = picture.bands.length > 0, empty = picture.traces.length === 0;
  const key = several ? "Thick: median of the seeds; band: their middle half; dashed: some have ended." : "";
  const none = kind === "returns" ? "No episode has ended yet." : "No evaluation yet.";
  put(panel.readout, near ? nearWords(near) : empty ? none : key);
  paintLegend(panel, ink);
}

function nearWords({ run, x, y, n }) {
  return `${run.path}: ${number(y[n])} after ${whole(x[n])} steps`;
}

// The run whose curve is nearest to the pointer.
function point(panel, event) {
  if (!panel.scale) return;
  const { toX, toY } = panel.scale;
  let best = NEAR ** 2, near = null;
  for (const trace of panel.traces) {
    for (let n = 0; n < trace.x.length; n += 1) {
      const far = (toX(trace.x[n]) - event.offsetX) ** 2 + (toY(trace.y[n]) - event.offsetY) ** 2;
      if (far < best) [best, near] = [far, { run: trace.run, x: trace.x, y: trace.y, n }];
    }
  }
  panel.canvas.classList.toggle("over", near !== null);
  panel.near = near;
  panel.stale = true;
  drawSoon();
}

function paintLegend(panel, ink) {
  for (const [id, button] of panel.buttons) {
    if (!panel.groups.some((group) => group.id === id)) { button.remove(); panel.buttons.delete(id); }
  }
  for (const group of panel.groups) {
    let button = panel.buttons.get(group.id);
    if (!button) {
      button = make("button", { type: "button" }, swatch(), make("span"), " ", make("small", { class: "soft" }));
      button.onclick = () => toggleGroup(panel, group.id);
      panel.buttons.set(group.id, button);
      panel.legend.append(button);
    }
    button.setAttribute("aria-pressed", String(!hiddenGroups.has(group.id)));
    paintSwatch(button.firstChild, lookOf(group.rank, ink));
    put(button.children[1], group.name);
    put(button.children[2], tallyOf(group.shown));
  }
}

function tallyOf(runs) {
  const solved = runs.filter((run) => run.judged && run.judged.solved).length;
  const judged = runs.some((run) => run.judged && run.judged.solved !== null);
  return plural(runs.length, "run") + (judged ? `, ${solved} solved` : "");
}

const SVG = "http://www.w3.org/2000/svg";
function swatch() {
  const picture = document.createElementNS(SVG, "svg"), stroke = document.createElementNS(SVG, "line");
  for (const [name, value] of [["width", 24], ["height", 10], ["aria-hidden", "true"]]) picture.setAttribute(name, value);
  for (const [name, value] of [["x1", 0], ["x2", 24], ["y1", 5], ["y2", 5], ["stroke-width", 3]]) stroke.setAttribute(name, value);
  picture.append(stroke);
  return picture;
}

function paintSwatch(picture, look) {
  picture.firstChild.setAttribute("stroke", look.colour);
  picture.firstChild.setAttribute("stroke-dasharray", look.dash.join(" "));
}

function toggleGroup(panel, id) {
  if (!hiddenGroups.delete(id)) hiddenGroups.add(id);
  panel.stale = true;
  drawSoon();
}

// Sorts the runs into panels; `changed` holds the environments of which something is new.
function arrangePanels(runs, groups, changed) {
  const byGroup = new Map();
  for (const run of runs) {
    if (!byGroup.has(run.group)) byGroup.set(run.group, []);
    byGroup.get(run.group).push(run);
  }
  const found = new Map();
  for (const group of groups.values()) {
    if (!found.has(group.env)) found.set(group.env, []);
    const own = found.get(group.env); // its rank is its own, whatever the filter hides
    own.push({ ...group, rank: own.length, shown: byGroup.get(group.id) ?? [] });
  }
  const envs = [...found.keys()].filter((env) => found.get(env).some((group) => group.shown.length)).sort();
  const shown = allPanels ? envs : envs.slice(0, MOST_PANELS);
  for (const [env, panel] of panels) {
    if (!shown.includes(env)) { watcher.unobserve(panel.element); panel.element.remove(); panels.delete(env); }
  }
  shown.forEach((env, n) => {
    const isNew = !panels.has(env), panel = panels.get(env) ?? newPanel(env);
    panel.groups = found.get(env).filter((group) => group.shown.length);
    panel.stale ||= isNew || !changed || changed.has(env);
    if (at("panels").children[n] !== panel.element) at("panels").insertBefore(panel.element, at("panels").children[n] ?? null);
  });
  at("panels").classList.toggle("one", shown.length === 1);
  at("more-panels").hidden = envs.length <= MOST_PANELS;
  put(at("more-panels"), allPanels ? `Show ${MOST_PANELS} environments` : `Show all ${whole(envs.length)} environments`);
  drawSoon();
}
