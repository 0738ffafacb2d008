// Pendulum-v1: the equations of Gymnasium's environment, in the same order and precision.

const DT = 0.05; // s
const MAX_TORQUE = 2; // N m
const MAX_VELOCITY = 8; // rad/s
const LONGEST = 1.25; // m
const REACH = 0.4; // of the picture's height, by the longest one

simulators["Pendulum-v1"] = {
  rate: 1 / DT,
  maxSteps: 200,
  limitIsGood: false,
  shape: 2,
  angles: [0],
  about: "The motor is too weak to lift the pendulum at once: it must swing up, and then hold still.",
  action: { name: "Torque", unit: "N m", digits: 2, range: MAX_TORQUE },
  numbers: [
    { name: "Angle from upright", unit: "rad", digits: 3, range: Math.PI },
    { name: "Velocity", unit: "rad/s", digits: 2, range: MAX_VELOCITY },
  ],
  physics: { gravity: 10, mass: 1, length: 1 },
  sliders: [
    { key: "gravity", name: "Gravity", unit: "m/s²", min: 0, max: 25, step: 0.5, digits: 1 },
    { key: "mass", name: "Mass", unit: "kg", min: 0.5, max: 2, step: 0.05, digits: 2 },
    { key: "length", name: "Length", unit: "m", min: 0.5, max: LONGEST, step: 0.05, digits: 2 },
  ],
  push: {
    name: "Push", unit: "rad/s", min: 0.5, max: 8, step: 0.5, digits: 1, value: 3,
    meaning: "A push changes the velocity at once: left turns anticlockwise, right clockwise.",
  },

  reset(rng) {
    return [uniform(rng, -Math.PI, Math.PI), uniform(rng, -1, 1)];
  },

  step([theta, velocity], action, { gravity, mass, length }) {
    const torque = clip(Math.fround(action), -MAX_TORQUE, MAX_TORQUE);
    const cost = fromUpright(theta) ** 2 + 0.1 * velocity ** 2 + 0.001 * torque ** 2;
    const acceleration =
      ((3 * gravity) / (2 * length)) * Math.sin(theta) + (3 / (mass * length ** 2)) * torque;
    const next = clip(velocity + acceleration * DT, -MAX_VELOCITY, MAX_VELOCITY);
    return { state: [theta + next * DT, next], reward: -cost, terminated: false };
  },

  observe: ([theta, velocity]) => [Math.cos(theta), Math.sin(theta), velocity].map(Math.fround),

  shown: ([theta, velocity]) => [fromUpright(theta), velocity],

  disturb([theta, velocity], direction, strength) {
    return [theta, clip(velocity - direction * strength, -MAX_VELOCITY, MAX_VELOCITY)];
  },

  draw(view, [theta], { action, physics, pushed }) {
    const { width, height, colours } = view;
    const scale = (REACH * height) / LONGEST;
    const [x, y] = [width / 2, height / 2];
    const reach = physics.length * scale;
    const tip = [x - Math.sin(theta) * reach, y - Math.cos(theta) * reach];
    strokePath(view, [[x, y], [x, y - reach]], colours.good, 2, [8, 8]);
    strokePath(view, [[x, y], tip], colours.body, Math.max(8, 0.16 * scale));
    fillCircle(view, ...tip, Math.max(6, 0.13 * scale), colours.ink);
    fillCircle(view, x, y, Math.max(4, 0.07 * scale), colours.ground);
    const turn = (1.6 * action) / MAX_TORQUE;
    drawTurn(view, [x, y], turn, 0.38 * scale, actionColour(colours, -action));
    if (pushed) {
      const beside = Math.atan2(tip[1] - y, tip[0] - x) - 0.45 * pushed;
      drawTurn(view, [x, y], -0.9 * pushed, reach + 0.25 * scale, colours.push, beside);
    }
  },
};

/** The angle from upright, in [-π, π). */
function fromUpright(theta) {
  const turned = theta + Math.PI;
  return turned - 2 * Math.PI * Math.floor(turned / (2 * Math.PI)) - Math.PI;
}
