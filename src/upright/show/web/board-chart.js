// Learning curves on a canvas: lines, bands, bars, stars; and the middle of several curves.
const DASHES = [[], [9, 4], [9, 3, 2, 3]];
const GRID = 160;

function curveAt(curve, x, from) {
  let n = from;
  while (n + 1 < curve.x.length - 1 && curve.x[n + 1] < x) n += 1;
  if (curve.x.length === 1) return [curve.y[0], 0];
  const span = curve.x[n + 1] - curve.x[n];
  const share = span > 0 ? (x - curve.x[n]) / span : 1;
  return [curve.y[n] + share * (curve.y[n + 1] - curve.y[n]), n];
}

function quantile(sorted, share) {
  const place = share * (sorted.length - 1), low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

// Median and quartiles of at least two curves {x, y}, wherever two of them are; `rest` says that
// some have ended before.
function middleOf(curves) {
  const whole = curves.filter((curve) => curve.x.length);
  if (whole.length < 2) return [];
  const begin = whole.map((curve) => curve.x[0]).sort((a, b) => a - b)[1];
  const end = whole.map((curve) => curve.x[curve.x.length - 1]).sort((a, b) => b - a)[1];
  if (!(begin < end)) return [];
  const places = whole.map(() => 0), middle = [];
  for (let step = 0; step < GRID; step += 1) {
    const x = begin + ((end - begin) * step) / (GRID - 1), values = [];
    let rest = false;
    whole.forEach((curve, n) => {
      if (x > curve.x[curve.x.length - 1]) { rest = true; return; }
      if (x < curve.x[0]) return;
      const [value, place] = curveAt(curve, x, places[n]);
      places[n] = place;
      values.push(value);
    });
    if (values.length < 2) continue;
    values.sort((a, b) => a - b);
    const [low, mid, high] = [0.25, 0.5, 0.75].map((share) => quantile(values, share));
    middle.push({ x, low, mid, high, rest });
  }
  return middle;
}

// Round numbers that cover a stretch, about so many.
function ticksOf(low, high, about) {
  const raw = (high - low) / Math.max(1, about), unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * unit).find((each) => each >= raw) ?? raw;
  const ticks = [];
  for (let n = Math.ceil(low / step); n * step <= high + step * 1e-9; n += 1) ticks.push(n * step);
  return ticks;
}

function extentOf(picture) {
  let [left, right, low, high] = [0, 1, Infinity, -Infinity];
  const see = (x, y) => {
    if (x > right) right = x;
    if (y < low) low = y;
    if (y > high) high = y;
  };
  for (const { x, y } of [...picture.traces, ...picture.marks]) x.forEach((each, n) => see(each, y[n]));
  for (const star of picture.stars) { see(star.x, star.low); see(star.x, star.high); }
  for (const bar of picture.bars) see(0, bar);
  if (low > high) [low, high] = [0, 1];
  const margin = 0.06 * (high - low) || Math.max(1, Math.abs(high) * 0.1);
  return { left, right, low: low - margin, high: high + margin };
}

// A canvas as fine as the screen, and how large it is there.
function sheetOf(canvas) {
  const width = canvas.clientWidth, height = canvas.clientHeight, fine = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * fine) || canvas.height !== Math.round(height * fine)) {
    canvas.width = Math.round(width * fine);
    canvas.height = Math.round(height * fine);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(fine, 0, 0, fine, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = `12px ${getComputedStyle(canvas).fontFamily}`;
  return { pen, width, height };
}

// Draws a picture {traces, bands, marks, stars, bars, ink}; how its numbers become pixels.
function drawChart(canvas, picture) {
  const { pen, width, height } = sheetOf(canvas), { ink } = picture, extent = extentOf(picture);
  const rows = ticksOf(extent.low, extent.high, Math.max(2, height / 55));
  const labels = rows.map(compact), foot = 34;
  const side = Math.ceil(Math.max(...labels.map((each) => pen.measureText(each).width), 10)) + 10;
  const [across, down] = [width - side - 12, height - foot - 8];
  const toX = (x) => side + (across * (x - extent.left)) / (extent.right - extent.left);
  const toY = (y) => 8 + down * (1 - (y - extent.low) / (extent.high - extent.low));
  const scale = { toX, toY, ...extent };
  if (across < 20 || down < 20) return scale;

  pen.lineWidth = 1;
  pen.strokeStyle = ink.grid;
  pen.fillStyle = ink.soft;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  rows.forEach((row, n) => {
    line(pen, [side, width - 12], [toY(row), toY(row)]);
    pen.fillText(labels[n], side - 7, toY(row));
  });
  pen.textAlign = "center";
  for (const column of ticksOf(extent.left, extent.right, Math.max(2, across / 90))) {
    const label = compact(column), room = pen.measureText(label).width / 2;
    pen.fillText(label, Math.min(toX(column), width - room - 2), height - foot + 9);
  }
  pen.textAlign = "right";
  pen.fillText("environment steps", width - 12, height - 7);

  for (const bar of picture.bars) {
    pen.strokeStyle = ink.soft;
    pen.lineWidth = 1.5;
    pen.setLineDash([5, 4]);
    line(pen, [side, width - 12], [toY(bar), toY(bar)]);
  }
  pen.setLineDash([]);
  for (const band of picture.bands) fill(pen, band, toX, toY);
  for (const trace of picture.traces) {
    pen.globalAlpha = trace.alpha;
    pen.lineWidth = trace.width;
    pen.strokeStyle = pen.fillStyle = trace.colour;
    pen.setLineDash(trace.dash);
    pen.lineJoin = "round";
    const [x, y] = [trace.x.map(toX), trace.y.map(toY)];
    line(pen, x, y);
    pen.setLineDash([]);
    if (x.length === 1) diamond(pen, x[0], y[0], 4);
  }
  pen.globalAlpha = 1;
  for (const mark of picture.marks) {
    pen.fillStyle = mark.colour;
    mark.x.forEach((x, n) => diamond(pen, toX(x), toY(mark.y[n]), 3.5));
  }
  for (const star of picture.stars) verdict(pen, star, ink, toX, toY);
  return scale;
}

function line(pen, x, y) {
  pen.beginPath();
  for (let n = 0; n < x.length; n += 1) pen.lineTo(x[n], y[n]);
  pen.stroke();
}

function fill(pen, band, toX, toY) {
  pen.beginPath();
  band.middle.forEach((each) => pen.lineTo(toX(each.x), toY(each.high)));
  [...band.middle].reverse().forEach((each) => pen.lineTo(toX(each.x), toY(each.low)));
  pen.closePath();
  pen.globalAlpha = 0.2;
  pen.fillStyle = band.colour;
  pen.fill();
  pen.globalAlpha = 1;
}

function diamond(pen, x, y, size) {
  pen.beginPath();
  for (const [across, down] of [[0, -size], [size, 0], [0, size], [-size, 0]]) pen.lineTo(x + across, y + down);
  pen.fill();
}

// Where a run was judged, with its interval: a star where it is solved, a cross where it is not.
function verdict(pen, star, ink, toX, toY) {
  const [x, y] = [toX(star.x), toY(star.mean)];
  pen.strokeStyle = ink.text;
  pen.lineWidth = 1.2;
  line(pen, [x, x], [toY(star.low), toY(star.high)]);
  pen.fillStyle = star.colour;
  pen.beginPath();
  for (let n = 0; n < 10; n += 1) {
    const size = n % 2 ? 3.2 : 7.5, angle = (Math.PI * n) / 5 - Math.PI / 2;
    if (star.solved !== false) pen.lineTo(x + size * Math.cos(angle), y + size * Math.sin(angle));
  }
  if (star.solved === false) {
    pen.rect(x - 1.8, y - 6, 3.6, 12);
    pen.rect(x - 6, y - 1.8, 12, 3.6);
  }
  pen.closePath();
  pen.stroke();
  pen.fill();
}
