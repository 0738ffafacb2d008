"use strict";
// Small things that every part of the board says or makes.
const at = (id) => document.getElementById(id);

// Every state a run may be in, the most interesting first, with a mark that needs no colour.
const MARKS = {
  training: "●", stopped: "❙❙", died: "✕", failed: "✕", unreadable: "?", finished: "✓",
};
const NOTHING = "–";

// An element; what it holds is text, never markup.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// The same text again is no change, for a screen reader and for a selection.
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function whole(value) {
  return value === null ? NOTHING : value.toLocaleString("en");
}

function number(value) {
  if (value === null || value === undefined) return NOTHING;
  const size = Math.abs(value);
  if (size >= 1e7 || (size > 0 && size < 1e-3)) return value.toExponential(1);
  const digits = size >= 1000 ? 0 : size >= 10 ? 1 : 2;
  const rounded = Number(value.toFixed(digits)) || 0; // no minus sign before a zero
  return rounded.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// A number beside an axis.
function compact(value) {
  const size = Math.abs(value);
  for (const [unit, name] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= unit) return Number((value / unit).toPrecision(4)) + name;
  }
  return String(Number(value.toPrecision(4)));
}

function plural(count, word) {
  return `${whole(count)} ${word}${count === 1 ? "" : "s"}`;
}

function ago(seconds) {
  if (!(seconds >= 0)) return "now";
  if (seconds >= 86400) return `${plural(Math.floor(seconds / 86400), "day")} ago`;
  const [unit, word] = [[3600, "h"], [60, "min"]].find(([unit]) => seconds >= unit) ?? [1, "s"];
  return seconds < 5 ? "now" : `${Math.floor(seconds / unit)} ${word} ago`;
}

function verdictWords(judged) {
  if (!judged) return NOTHING;
  return { true: "solved", false: "not solved", null: "judged" }[String(judged.solved)];
}

function interval(judged) {
  if (!judged) return "";
  const [low, high] = judged.interval ?? [null, null];
  return number(judged.mean) + (low === null ? "" : ` (${number(low)} to ${number(high)})`);
}

function stateBadge(state) {
  const known = state in MARKS;
  return make("span", { class: `state ${known ? state : ""}` },
    make("i", { "aria-hidden": "true" }, known ? MARKS[state] : "?"), state || "unknown");
}

// What a filter looks at.
function wordsOf(run, group) {
  const parts = [run.path, run.env, run.algo, `seed ${run.seed}`, run.state, verdictWords(run.judged)];
  return [...parts, group ? group.name : ""].join(" ").toLowerCase();
}
