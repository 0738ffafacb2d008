// What the simulators' pictures have in common. A view is {context, width, height, colours}.

/** The colours of the style sheet, which knows about light and dark. */
function readColours(element) {
  const style = getComputedStyle(element);
  const names = ["ink", "soft", "line", "ground", "left", "right", "stay", "push", "good", "body"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

function strokePath(view, points, colour, width, dash = []) {
  const { context } = view;
  context.beginPath();
  points.forEach(([x, y]) => context.lineTo(x, y));
  context.setLineDash(dash);
  context.lineCap = "round";
  context.lineJoin = "round";
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
  context.setLineDash([]);
}

function fillCircle(view, x, y, radius, colour) {
  const { context } = view;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
}

/** A rectangle with round corners, centred at (x, y) and turned by `angle`. */
function fillBox(view, x, y, width, height, colour, angle = 0) {
  const { context } = view;
  context.save();
  context.translate(x, y);
  context.rotate(angle);
  context.beginPath();
  context.roundRect(-width / 2, -height / 2, width, height, Math.min(width, height) / 5);
  context.fillStyle = colour;
  context.fill();
  context.restore();
}

/** A horizontal arrow that starts at (x, y) and is `length` long; negative points left. */
function drawArrow(view, x, y, length, colour) {
  if (length === 0) return;
  const tip = x + length;
  const barb = Math.sign(length) * Math.min(8, Math.abs(length) / 2);
  strokePath(view, [[x, y], [tip, y]], colour, 3);
  strokePath(view, [[tip - barb, y - 6], [tip, y], [tip - barb, y + 6]], colour, 3);
}

/**
 * An arc with a head around a point: by `turn` rad, anticlockwise if that is positive. Where nothing
 * is said of its start, it goes up from the right or from the left.
 */
function drawTurn(view, [x, y], turn, radius, colour, from = turn > 0 ? 0.25 : Math.PI - 0.25) {
  if (turn === 0) return;
  const { context } = view;
  const to = from - turn; // the screen's y points down
  context.beginPath();
  context.arc(x, y, radius, from, to, turn > 0);
  context.strokeStyle = colour;
  context.lineWidth = 3;
  context.stroke();
  fillCircle(view, x + Math.cos(to) * radius, y + Math.sin(to) * radius, 5, colour);
}

function writeLabel(view, text, x, y, align) {
  const { context, colours } = view;
  context.font = "13px system-ui, sans-serif";
  context.textAlign = align;
  context.textBaseline = "middle";
  context.fillStyle = colours.soft;
  context.fillText(text, x, y);
}

/** Left, stay or right: the colour that an action has wherever it appears. */
function actionColour(colours, direction) {
  if (direction === 0) return colours.stay;
  return direction < 0 ? colours.left : colours.right;
}

/** The state a fraction of a step after `from`; the numbers listed in `angles` go the short way. */
function between(from, to, fraction, angles) {
  return to.map((end, i) => {
    let difference = end - from[i];
    if (angles.includes(i)) difference -= 2 * Math.PI * Math.round(difference / (2 * Math.PI));
    return end - (1 - fraction) * difference;
  });
}
