// MountainCar-v0: the equations of Gymnasium's environment, in the same order and precision.

const MIN_POSITION = -1.2;
const MAX_POSITION = 0.6;
const MAX_SPEED = 0.07;
const GOAL = 0.5;
const STEEPNESS = 0.7; // of the picture; the flag's top has to fit in

const heightAt = (x) => Math.sin(3 * x) * 0.45 + 0.55;

simulators["MountainCar-v0"] = {
  rate: 30,
  maxSteps: 200,
  limitIsGood: false,
  shape: 2,
  angles: [],
  about: "The engine is too weak for the hill: the car must swing back and forth to reach the flag.",
  actions: [
    { name: "Drive left", direction: -1 },
    { name: "Coast", direction: 0 },
    { name: "Drive right", direction: 1 },
  ],
  numbers: [
    { name: "Position", unit: "", digits: 3, range: 1.2 },
    { name: "Velocity", unit: "/step", digits: 4, range: MAX_SPEED },
  ],
  physics: { gravity: 0.0025, force: 0.001 },
  sliders: [
    {
      key: "gravity", name: "Gravity", unit: "/step²",
      min: 0, max: 0.005, step: 0.0001, digits: 4,
    },
    {
      key: "force", name: "Engine", unit: "/step²",
      min: 0, max: 0.003, step: 0.0001, digits: 4,
    },
  ],
  push: {
    name: "Push", unit: "/step", min: 0.002, max: 0.06, step: 0.002, digits: 3,
    value: 0.02, meaning: "A push changes the car's velocity at once.",
  },

  reset(rng) {
    return [uniform(rng, -0.6, -0.4), 0];
  },

  step([position, velocity], action, physics) {
    let speed = velocity + ((action - 1) * physics.force + Math.cos(3 * position) * -physics.gravity);
    speed = clip(speed, -MAX_SPEED, MAX_SPEED);
    const place = clip(position + speed, MIN_POSITION, MAX_POSITION);
    if (place === MIN_POSITION && speed < 0) speed = 0;
    return { state: [place, speed], reward: -1, terminated: place >= GOAL && speed >= 0 };
  },

  observe: (state) => state.map(Math.fround),

  disturb([position, velocity], direction, strength) {
    return [position, clip(velocity + direction * strength, -MAX_SPEED, MAX_SPEED)];
  },

  ending: () => ({ good: true, text: "The car reached the flag." }),

  draw(view, [position], { direction, pushed }) {
    const { width, height, colours } = view;
    const scale = width / (MAX_POSITION - MIN_POSITION);
    const place = (x) => [
      (x - MIN_POSITION) * scale, height - (heightAt(x) - 0.02) * scale * STEEPNESS,
    ];
    const hill = Array.from({ length: 121 }, (_, i) =>
      place(MIN_POSITION + ((MAX_POSITION - MIN_POSITION) * i) / 120),
    );
    const { context } = view;
    context.beginPath();
    hill.concat([[width, height], [0, height]]).forEach(([x, y]) => context.lineTo(x, y));
    context.fillStyle = colours.line;
    context.fill();
    strokePath(view, hill, colours.soft, 2.5);
    const [flagX, flagY] = place(GOAL);
    const top = flagY - 0.16 * scale;
    strokePath(view, [[flagX, flagY], [flagX, top]], colours.ink, 2.5);
    context.beginPath();
    [[flagX, top], [flagX + 0.08 * scale, top + 0.03 * scale], [flagX, top + 0.06 * scale]].forEach(
      ([x, y]) => context.lineTo(x, y),
    );
    context.fillStyle = colours.good;
    context.fill();
    const slope = Math.atan(-Math.cos(3 * position) * 1.35 * STEEPNESS);
    drawCar(view, place(position), slope, scale);
    const [x, y] = place(position);
    const above = y - 0.16 * scale;
    if (direction) {
      const colour = actionColour(colours, direction);
      drawArrow(view, x - direction * 0.04 * scale, above, direction * 0.08 * scale, colour);
    }
    if (pushed) {
      const start = x - pushed * 0.26 * scale;
      drawArrow(view, start, y - 0.06 * scale, pushed * 0.14 * scale, colours.push);
    }
  },
};

/** The car on its wheels, with the ground's slope. */
function drawCar(view, [x, y], slope, scale) {
  const { context, colours } = view;
  context.save();
  context.translate(x, y);
  context.rotate(slope);
  fillBox(view, 0, -0.052 * scale, 0.15 * scale, 0.05 * scale, colours.body);
  fillBox(view, -0.005 * scale, -0.085 * scale, 0.08 * scale, 0.045 * scale, colours.body);
  for (const side of [-1, 1]) {
    fillCircle(view, side * 0.045 * scale, -0.024 * scale, 0.022 * scale, colours.ink);
  }
  context.restore();
}
