// What the page knows, how it hears what is new, and a run's details.
const EVERY = 1000, HIDDEN_EVERY = 5000, READING_EVERY = 60;
const runs = new Map();
let groups = new Map(), heard = { born: "", version: 0, waiting: 0 }, clock = 0, opened = null;

function fits(run) {
  if (chosenStates.size && !chosenStates.has(run.state)) return false;
  const wanted = at("filter").value.toLowerCase().split(/[\s,]+/).filter(Boolean);
  if (!wanted.length) return true;
  const text = wordsOf(run, groups.get(run.group)), words = new Set(text.split(/[\s,]+/));
  // A part of a word will do, of a number all of it.
  return wanted.every((word) => (Number.isNaN(Number(word)) ? text.includes(word) : words.has(word)));
}

// Puts everything in its place; `changed` are the environments of which there is news, else all are.
function refresh(changed = new Set()) {
  const all = [...runs.values()], shown = all.filter(fits);
  const some = all.length > 0;
  for (const id of ["tools", "listing"]) at(id).hidden = !some;
  paintStates(all);
  arrangePanels(shown, groups, changed);
  arrangeRows(shown, groups, clock);
}

function refreshAll() {
  refresh(null);
  if (opened !== null) paintDetails();
}

function hear(news) {
  if (news.born !== heard.born) {
    runs.clear();
    rowElements.clear();
    groups = new Map();
  }
  heard = { born: news.born, version: news.version, waiting: news.waiting };
  clock = news.now;
  const changed = new Set();
  const note = (run) => { if (run) changed.add((groups.get(run.group) ?? run).env); };
  for (const id of news.gone) {
    note(runs.get(id));
    runs.delete(id);
    rowElements.delete(id);
  }
  if (news.groups) {
    const ranks = new Map();
    groups = new Map(news.groups.map((group) => {
      const rank = ranks.get(group.env) ?? 0;
      ranks.set(group.env, rank + 1);
      return [group.id, { ...group, rank }];
    }));
  }
  for (const run of news.runs) { runs.set(run.id, run); note(run); }
  const all = [...runs.values()], training = all.filter((run) => run.state === "training").length;
  const solved = all.filter((run) => run.judged && run.judged.solved).length;
  put(at("summary"), all.length ? `${plural(all.length, "run")}, ${whole(training)} training, ${whole(solved)} solved` : "");
  const reading = `reading ${plural(news.waiting, "more run")} …`;
  say(news.problem || (news.waiting ? reading : "live"), Boolean(news.problem));
  at("empty").hidden = all.length > 0 || news.waiting > 0;
  put(at("first"), `upright train CartPole-v1${news.folder === "runs" ? "" : ` --out ${quoted(news.folder)}`}`);
  refresh(news.groups ? null : changed);
  if (opened !== null && news.runs.some((run) => run.id === opened)) paintDetails();
}

function quoted(path) {
  return /^[\w./~-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function say(words, warn) {
  put(at("live"), words);
  at("live").classList.toggle("warn", warn);
}

// Asks what is new, again and again; a server that began anew is heard from its beginning.
async function listen() {
  let pause = document.hidden ? HIDDEN_EVERY : EVERY;
  try {
    let answer = await ask(`changes?since=${heard.version}`);
    if (heard.born && answer.born !== heard.born) answer = await ask("changes?since=0");
    hear(answer);
    if (answer.waiting) pause = READING_EVERY;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // which is what a lost connection is
    say("Nobody answers: `upright board` was ended. Start it again, and this page goes on.", true);
  } finally {
    setTimeout(listen, pause);
  }
}

async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new TypeError(`answered ${answer.status}`);
  return answer.json();
}

async function openRun(id) {
  opened = id;
  for (const each of ["details-more", "details-verdict"]) at(each).replaceChildren();
  at("details-verdict").className = "judgement";
  paintDetails();
  if (!at("details").open) at("details").showModal();
  at("details-name").focus();
  paintDetails(); // now that its canvas has a size
  try {
    const found = await ask(`run?id=${id}`);
    if (opened === id) tellMore(id, found);
  } catch (error) {
    if (opened === id) at("details-more").replaceChildren(make("p", {}, "Its files cannot be read now."));
  }
}

function paintDetails() {
  const run = runs.get(opened);
  if (!run) return;
  const ink = inkNow(), group = groups.get(run.group), look = lookOf(group ? group.rank : 0, ink);
  put(at("details-name"), run.path);
  at("details-what").replaceChildren(`${run.env} · ${run.algo} · seed ${run.seed ?? NOTHING} · `, stateBadge(run.state),
    ` · ${whole(run.steps)} steps`, run.note ? make("span", { class: "warn" }, ` ${run.note}`) : "");
  const picture = { traces: [], bands: [], marks: [], stars: [], bars: [], ink };
  const [x, y] = run.returns, [places, means] = run.evaluations;
  if (x.length) picture.traces.push({ x, y, ...look, dash: [], width: 2, alpha: 1 });
  if (places.length) picture.marks.push({ x: places, y: means, colour: ink.text });
  if (run.judged) picture.stars.push(starOf(run, look.colour));
  if (run.threshold !== null) picture.bars.push(run.threshold);
  drawChart(at("details-chart"), picture);
  const bar = run.threshold === null ? "" : `; dashes: solved from ${run.threshold}`;
  const words = x.length || places.length ? `Line: mean return of recent training episodes; diamonds: evaluations${bar}.` : "No episode has ended yet.";
  put(at("details-key"), words);
  at("details-chart").setAttribute("aria-label", `Learning curve of ${run.path}, now ${number(run.recent)}`);
}

function tellMore(id, found) {
  const box = at("details-verdict");
  box.className = `judgement is-${found.solved ?? "open"}`;
  box.replaceChildren(make("strong", {}, found.headline), found.sentence);
  const parts = [];
  if (found.files.includes("replay.mp4")) {
    const video = make("video", { controls: "", muted: "", loop: "", playsinline: "", src: `replay?id=${id}` });
    parts.push(make("h3", {}, "The policy, playing"), video);
  }
  if (found.files.includes("report.html")) {
    parts.push(make("p", {}, make("a", { href: `report?id=${id}`, target: "_blank", rel: "noopener" }, "Its report, report.html")));
  }
  const settings = found.settings ?? [], differ = settings.filter((row) => row[2] !== null);
  if (settings.length) {
    parts.push(make("h3", {}, "What differs from its preset"));
    parts.push(differ.length ? tableOf(["setting", "here", "preset"], differ) : make("p", { class: "soft" }, "Nothing."));
    parts.push(make("details", {}, make("summary", {}, "All settings"), tableOf(["setting", "value"], settings.map((row) => row.slice(0, 2)))));
  }
  if (found.settings_problem) parts.push(make("p", { class: "warn" }, found.settings_problem));
  if (found.typed) parts.push(make("h3", {}, "Made by"), make("pre", {}, found.typed));
  if (found.commands) parts.push(make("h3", {}, "Go on with"), ...found.commands.map((line) => make("pre", {}, line)));
  if (found.made) parts.push(make("details", {}, make("summary", {}, "Made with"), tableOf(["", ""], found.made)));
  at("details-more").replaceChildren(...parts);
}

function tableOf(names, rows) {
  const head = names[0] ? [make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)))] : [];
  return make("table", { class: "facts" }, ...head, ...rows.map(([name, ...values]) =>
    make("tr", {}, make("th", { scope: "row" }, name), ...values.map((value) => make("td", {}, value ?? "")))));
}

makeHead();
at("filter").oninput = () => refreshAll();
for (const button of at("kinds").children) {
  button.onclick = () => {
    kind = button.value;
    for (const each of at("kinds").children) each.setAttribute("aria-pressed", String(each === button));
    refresh(null);
  };
}
at("more-panels").onclick = () => { allPanels = !allPanels; refresh(null); };
at("details").onclose = () => {
  const name = rowElements.get(opened)?.name;
  opened = null;
  at("details-more").replaceChildren();
  if (name?.isConnected) name.focus();
};
at("details").onclick = (event) => { if (event.target === at("details")) at("details").close(); };
addEventListener("resize", () => { if (opened !== null) paintDetails(); });
listen();
