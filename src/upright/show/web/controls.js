// What the page is made of: meters, sliders, and rows of buttons.

const byId = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Minus signs and a fixed number of digits; the style's tabular numerals do the rest. */
function format(number, digits = 0) {
  const text = number.toFixed(digits);
  const rounded = Number(text) === 0 ? text.replace("-", "") : text;
  return rounded.replace("-", "−");
}

/** A name, a number and a bar. */
function makeMeter(name, signed) {
  const text = make("dd");
  const bar = make("i");
  const meter = make("span", { className: signed ? "meter signed" : "meter" }, bar);
  meter.setAttribute("aria-hidden", "true");
  return { element: make("div", {}, make("dt", { textContent: name }), text, meter), text, bar };
}

/** The meter of one of n actions, in the colour that it has in the picture. */
function makeActionMeter({ name, direction }) {
  const meter = makeMeter(name, false);
  meter.bar.style.background = `var(--${["left", "stay", "right"][direction + 1]})`;
  return meter;
}

function showProbability({ element, text, bar }, probability, isTaken) {
  text.textContent = `${format(100 * probability, 1)} %`;
  bar.style.transform = `scaleX(${probability})`;
  element.classList.toggle("taken", isTaken);
}

/** A number with its unit, and how far it is on the way to its range; null is none. */
function showNumber({ text, bar }, number, { unit, digits, range }) {
  text.textContent = number === null ? "–" : `${format(number, digits)} ${unit}`.trimEnd();
  bar.style.transform = `scaleX(${clip((number ?? 0) / range, -1, 1)})`;
}

function makeSlider({ name, unit, min, max, step, digits }, value, onChange) {
  const input = make("input", { type: "range", min, max, step, value });
  const output = make("output");
  const change = () => {
    onChange(Number(input.value));
    output.textContent = `${format(Number(input.value), digits)} ${unit}`;
  };
  input.addEventListener("input", change);
  // After the mouse the arrow keys push again; who came by keyboard stays on the slider.
  input.addEventListener("pointerup", () => input.blur());
  change();
  const reset = () => {
    input.value = value;
    change();
  };
  return { element: make("label", {}, make("span", { textContent: name }), output, input), input, reset };
}

/** Buttons of which one is pressed; gives what shows another one pressed, or all disabled. */
function makeChoice(id, options, chosen, onChoose) {
  const buttons = options.map(([key, name]) => {
    const button = make("button", { type: "button", textContent: name });
    button.dataset.key = key;
    button.addEventListener("click", () => choose(key));
    return button;
  });
  const press = (key) =>
    buttons.forEach((each) => each.setAttribute("aria-pressed", String(each.dataset.key === key)));
  const choose = (key) => {
    press(key);
    onChoose(key);
  };
  byId(id).append(...buttons);
  press(chosen);
  return (key, disabled) => {
    press(key);
    buttons.forEach((each) => (each.disabled = disabled));
  };
}
