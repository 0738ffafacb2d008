// Acrobot-v1: the equations of Gymnasium's environment (the book's), in the same precision.

const DT = 0.2; // s
const LINK = 1.0; // m, each of two
const CENTRE = 0.5; // m, of mass along a link
const MASS = 1.0; // kg, of each link
const INERTIA = 1.0; // kg m², of each link
const MAX_VELOCITIES = [4 * Math.PI, 9 * Math.PI]; // rad/s

simulators["Acrobot-v1"] = {
  rate: 15,
  maxSteps: 500,
  limitIsGood: false,
  shape: 2,
  angles: [0, 1],
  about: "Only the joint between the links has a motor; the tip must swing up to the line.",
  actions: [
    { name: "Torque −1", direction: -1 },
    { name: "No torque", direction: 0 },
    { name: "Torque +1", direction: 1 },
  ],
  numbers: [
    { name: "Upper angle", unit: "rad", digits: 3, range: Math.PI },
    { name: "Lower angle", unit: "rad", digits: 3, range: Math.PI },
    { name: "Upper velocity", unit: "rad/s", digits: 2, range: MAX_VELOCITIES[0] },
    { name: "Lower velocity", unit: "rad/s", digits: 2, range: MAX_VELOCITIES[1] },
  ],
  physics: { gravity: 9.8, torque: 1.0 },
  sliders: [
    { key: "gravity", name: "Gravity", unit: "m/s²", min: 0, max: 25, step: 0.1, digits: 1 },
    { key: "torque", name: "Motor", unit: "N m", min: 0, max: 5, step: 0.1, digits: 1 },
  ],
  push: {
    name: "Push", unit: "rad/s", min: 0.2, max: 6, step: 0.2, digits: 1, value: 2,
    meaning: "A push changes the upper link's velocity at once.",
  },

  reset(rng) {
    // Gymnasium rounds the first state to float32.
    return Array.from({ length: 4 }, () => Math.fround(uniform(rng, -0.1, 0.1)));
  },

  step(state, action, physics) {
    const next = rungeKutta(state, (action - 1) * physics.torque, physics.gravity);
    const wrapped = [
      wrap(next[0]),
      wrap(next[1]),
      clip(next[2], -MAX_VELOCITIES[0], MAX_VELOCITIES[0]),
      clip(next[3], -MAX_VELOCITIES[1], MAX_VELOCITIES[1]),
    ];
    const terminated = -Math.cos(wrapped[0]) - Math.cos(wrapped[1] + wrapped[0]) > 1;
    return { state: wrapped, reward: terminated ? 0 : -1, terminated };
  },

  observe([theta1, theta2, velocity1, velocity2]) {
    const angles = [Math.cos(theta1), Math.sin(theta1), Math.cos(theta2), Math.sin(theta2)];
    return [...angles, velocity1, velocity2].map(Math.fround);
  },

  disturb([theta1, theta2, velocity1, velocity2], direction, strength) {
    const pushed = velocity1 + direction * strength;
    return [theta1, theta2, clip(pushed, -MAX_VELOCITIES[0], MAX_VELOCITIES[0]), velocity2];
  },

  ending: () => ({ good: true, text: "The tip reached the line." }),

  draw(view, [theta1, theta2], { direction, pushed }) {
    const { width, height, colours } = view;
    const scale = height / 4.7;
    const pivot = [width / 2, height / 2 + 0.05 * scale];
    const below = ([x, y], angle) => [
      x + Math.sin(angle) * LINK * scale, y + Math.cos(angle) * LINK * scale,
    ];
    const joint = below(pivot, theta1);
    const tip = below(joint, theta1 + theta2);
    const goal = pivot[1] - LINK * scale;
    strokePath(view, [[0, goal], [width, goal]], colours.good, 2, [8, 8]);
    writeLabel(view, "goal", width - 12, goal - 14, "right");
    const thickness = Math.max(8, 0.16 * scale);
    strokePath(view, [pivot, joint], colours.body, thickness);
    strokePath(view, [joint, tip], colours.ink, thickness);
    fillCircle(view, ...pivot, thickness * 0.3, colours.ground);
    fillCircle(view, ...joint, thickness * 0.75, actionColour(colours, direction));
    drawTurn(view, joint, 1.5 * direction, thickness * 1.5, actionColour(colours, direction));
    if (pushed) {
      const [x, y] = joint;
      drawArrow(view, x - pushed * 0.75 * scale, y, pushed * 0.42 * scale, colours.push);
    }
  },
};

function wrap(angle) {
  let wrapped = angle;
  while (wrapped > Math.PI) wrapped -= 2 * Math.PI;
  while (wrapped < -Math.PI) wrapped += 2 * Math.PI;
  return wrapped;
}

/** One step of the classical fourth-order method, with the torque held. */
function rungeKutta(state, torque, gravity) {
  const slopeAt = (slope, time) =>
    slopes(state.map((x, i) => x + time * slope[i]), torque, gravity);
  const k1 = slopes(state, torque, gravity);
  const k2 = slopeAt(k1, DT / 2);
  const k3 = slopeAt(k2, DT / 2);
  const k4 = slopeAt(k3, DT);
  return state.map((x, i) => x + (DT / 6) * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]));
}

/** How fast angles and velocities change (Sutton and Barto, 1998, section 11.3). */
function slopes([theta1, theta2, velocity1, velocity2], torque, gravity) {
  const cos2 = Math.cos(theta2);
  const sin2 = Math.sin(theta2);
  const coupling = MASS * LINK * CENTRE;
  const d1 =
    MASS * CENTRE ** 2 + MASS * (LINK ** 2 + CENTRE ** 2 + 2 * LINK * CENTRE * cos2) + 2 * INERTIA;
  const d2 = MASS * (CENTRE ** 2 + LINK * CENTRE * cos2) + INERTIA;
  const phi2 = MASS * CENTRE * gravity * Math.cos(theta1 + theta2 - Math.PI / 2);
  const phi1 =
    -coupling * velocity2 ** 2 * sin2 -
    2 * coupling * velocity2 * velocity1 * sin2 +
    (MASS * CENTRE + MASS * LINK) * gravity * Math.cos(theta1 - Math.PI / 2) +
    phi2;
  const acceleration2 =
    (torque + (d2 / d1) * phi1 - coupling * velocity1 ** 2 * sin2 - phi2) /
    (MASS * CENTRE ** 2 + INERTIA - d2 ** 2 / d1);
  const acceleration1 = -(d2 * acceleration2 + phi1) / d1;
  return [velocity1, velocity2, acceleration1, acceleration2];
}
