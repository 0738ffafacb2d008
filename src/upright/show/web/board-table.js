// The table of runs: sorted, filtered, and as long as anybody reads.
const MOST_ROWS = 100;
const rowElements = new Map(), chosenStates = new Set();
let order = { column: "changed", down: true }, allRows = false;

const COLUMNS = [
  { id: "path", name: "run" },
  { id: "env", name: "environment" },
  { id: "algo", name: "algorithm" },
  { id: "seed", name: "seed", digits: true },
  { id: "state", name: "state", key: (run) => Object.keys(MARKS).indexOf(run.state) },
  { id: "steps", name: "steps", digits: true, down: true },
  { id: "recent", name: "return", digits: true, down: true },
  { id: "evaluation", name: "evaluation", digits: true, down: true },
  { id: "verdict", name: "verdict", digits: true, down: true, key: (run) => run.judged && run.judged.mean },
  { id: "changed", name: "changed", digits: true, down: true, key: changedKey },
];

// Those that train change all the time: among themselves they stand by their beginnings.
function changedKey(run) {
  const began = Date.parse(run.started) / 1000;
  return run.state === "training" ? 1e12 + (Number.isFinite(began) ? began : 0) : run.changed;
}

function compareRuns(a, b) {
  const column = COLUMNS.find((each) => each.id === order.column);
  const [one, other] = [a, b].map(column.key ?? ((run) => run[column.id]));
  const unknown = (value) => value === null || value === undefined || value === "";
  if (unknown(one) || unknown(other)) return unknown(one) - unknown(other) || byPath(a, b);
  const by = typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other;
  return (order.down ? -by : by) || byPath(a, b);
}

function byPath(a, b) {
  return a.path.localeCompare(b.path, "en", { numeric: true });
}

function makeHead() {
  for (const column of COLUMNS) {
    const button = make("button", { type: "button" }, column.name);
    button.onclick = () => sortBy(column.id);
    at("head").append(make("th", { scope: "col", "data-column": column.id, class: column.digits ? "digits" : null }, button));
    at("sort").append(make("option", { value: column.id }, column.name));
  }
  at("sort").onchange = () => sortBy(at("sort").value);
  at("more-rows").onclick = () => { allRows = !allRows; refresh(); };
}

function sortBy(id) {
  const column = COLUMNS.find((each) => each.id === id);
  order = order.column === id ? { column: id, down: !order.down } : { column: id, down: Boolean(column.down) };
  refresh();
}

function newRow(run) {
  const name = make("button", { type: "button", class: "open" });
  const line = { element: make("tr"), cells: {}, run: null };
  name.onclick = () => openRun(run.id);
  line.element.onclick = (event) => {
    if (!event.target.closest("button") && !getSelection().toString()) openRun(run.id);
  };
  for (const column of COLUMNS) {
    const cell = make(column.id === "path" ? "th" : "td", { "data-name": column.name, class: `c-${column.id} ${column.digits ? "digits" : ""}` });
    if (column.id === "path") cell.setAttribute("scope", "row");
    line.cells[column.id] = cell;
    line.element.append(cell);
  }
  line.cells.path.append(make("span", { class: "named" }, swatch(), name));
  line.name = name;
  rowElements.set(run.id, line);
  return line;
}

function paintRow(line, run, group, ink, now) {
  const { cells } = line;
  paintSwatch(line.name.previousSibling, lookOf(group ? group.rank : 0, ink));
  put(cells.changed, run.state === "training" ? "now" : ago(now - run.changed));
  if (line.run === run) return;
  line.run = run;
  put(line.name, run.path);
  line.name.title = run.note || run.path;
  for (const id of ["env", "algo"]) put(cells[id], run[id]);
  put(cells.seed, run.seed === null ? NOTHING : String(run.seed));
  cells.state.replaceChildren(stateBadge(run.state));
  cells.steps.replaceChildren(whole(run.steps));
  if (run.state === "training" && run.budget) {
    const bar = make("i");
    bar.style.width = `${Math.min(100, (100 * (run.steps ?? 0)) / run.budget)}%`;
    cells.steps.append(make("span", { class: "meter", title: `of at most ${whole(run.budget)}` }, bar));
  }
  put(cells.recent, number(run.recent));
  put(cells.evaluation, number(run.evaluation));
  const words = make("span", { class: run.judged ? `is-${run.judged.solved}` : "" }, verdictWords(run.judged));
  cells.verdict.replaceChildren(words, ...(run.judged ? [" ", interval(run.judged)] : []));
}

function arrangeRows(runs, groups, now) {
  const sorted = [...runs].sort(compareRuns), shown = allRows ? sorted : sorted.slice(0, MOST_ROWS);
  const ink = inkNow(), focused = document.activeElement;
  const lines = shown.map((run) => {
    const line = rowElements.get(run.id) ?? newRow(run);
    paintRow(line, run, groups.get(run.group), ink, now);
    return line.element;
  });
  const body = at("rows"), there = body.children;
  if (lines.length !== there.length || lines.some((line, n) => line !== there[n])) {
    body.replaceChildren(...lines);
    if (body.contains(focused)) focused.focus({ preventScroll: true });
  }
  for (const head of at("head").children) {
    const sorting = head.dataset.column === order.column ? (order.down ? "descending" : "ascending") : null;
    if (sorting) head.setAttribute("aria-sort", sorting);
    else head.removeAttribute("aria-sort");
  }
  at("sort").value = order.column;
  at("none").hidden = runs.length > 0;
  at("more-rows").hidden = runs.length <= MOST_ROWS;
  put(at("more-rows"), allRows ? `Show ${MOST_ROWS} runs` : `Show all ${whole(runs.length)} runs`);
}

function paintStates(runs) {
  const counts = new Map(Object.keys(MARKS).map((state) => [state, 0]));
  for (const run of runs) counts.set(run.state, (counts.get(run.state) ?? 0) + 1);
  const present = [...counts].filter(([state, count]) => (count > 0 && state in MARKS) || chosenStates.has(state));
  const box = at("states");
  for (const button of [...box.children]) if (!present.some(([state]) => state === button.value)) button.remove();
  present.forEach(([state, count], n) => {
    let button = [...box.children].find((each) => each.value === state);
    if (!button) {
      button = make("button", { type: "button", value: state }, stateBadge(state), make("b"));
      button.onclick = () => { if (!chosenStates.delete(state)) chosenStates.add(state); refreshAll(); };
    }
    if (box.children[n] !== button) box.insertBefore(button, box.children[n] ?? null);
    button.setAttribute("aria-pressed", String(chosenStates.has(state)));
    put(button.lastChild, whole(count));
  });
}
