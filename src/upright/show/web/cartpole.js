// CartPole-v1: the equations of Gymnasium's environment, in the same order and precision.

const CART_MASS = 1.0; // kg
const POLE_MASS = 0.1; // kg
const TOTAL_MASS = CART_MASS + POLE_MASS;
const TAU = 0.02; // s
const MAX_POSITION = 2.4; // m
const MAX_ANGLE = (12 * 2 * Math.PI) / 360; // rad
const SHOWN_WIDTH = 5.4; // m
const PIVOT_HEIGHT = 0.72; // m, above the picture's lower edge
const LIMIT_REACH = 1.12; // of the pole's length
const STATUS_HEIGHT = 38; // pixels of text above the picture

simulators["CartPole-v1"] = {
  rate: 1 / TAU,
  maxSteps: 500,
  limitIsGood: true,
  shape: 2,
  angles: [2],
  about: "A cart keeps a pole upright by pushing left or right, fifty times a second.",
  actions: [
    { name: "Push left", direction: -1 },
    { name: "Push right", direction: 1 },
  ],
  numbers: [
    { name: "Cart position", unit: "m", digits: 3, range: MAX_POSITION },
    { name: "Cart velocity", unit: "m/s", digits: 3, range: 3 },
    { name: "Pole angle", unit: "rad", digits: 3, range: MAX_ANGLE },
    { name: "Pole velocity", unit: "rad/s", digits: 3, range: 3 },
  ],
  physics: { gravity: 9.8, poleLength: 1.0, force: 10.0 },
  sliders: [
    { key: "gravity", name: "Gravity", unit: "m/s²", min: 0, max: 25, step: 0.1, digits: 1 },
    { key: "poleLength", name: "Pole length", unit: "m", min: 0.3, max: 2, step: 0.05, digits: 2 },
    { key: "force", name: "Cart's force", unit: "N", min: 1, max: 30, step: 0.5, digits: 1 },
  ],
  push: {
    name: "Push", unit: "rad/s", min: 0.1, max: 2, step: 0.1, digits: 1, value: 0.5,
    meaning: "A push changes the pole's velocity at once.",
  },

  reset(rng) {
    return Array.from({ length: 4 }, () => uniform(rng, -0.05, 0.05));
  },

  step([x, xDot, theta, thetaDot], action, physics) {
    const halfLength = physics.poleLength / 2;
    const poleMassLength = POLE_MASS * halfLength;
    const force = action === 1 ? physics.force : -physics.force;
    const cos = Math.cos(theta);
    const sin = Math.sin(theta);
    const temp = (force + poleMassLength * (thetaDot * thetaDot) * sin) / TOTAL_MASS;
    const thetaAcc =
      (physics.gravity * sin - cos * temp) /
      (halfLength * (4 / 3 - (POLE_MASS * (cos * cos)) / TOTAL_MASS));
    const xAcc = temp - (poleMassLength * thetaAcc * cos) / TOTAL_MASS;
    const state = [
      x + TAU * xDot, xDot + TAU * xAcc, theta + TAU * thetaDot, thetaDot + TAU * thetaAcc,
    ];
    const terminated = Math.abs(state[0]) > MAX_POSITION || Math.abs(state[2]) > MAX_ANGLE;
    return { state, reward: 1, terminated };
  },

  observe: (state) => state.map(Math.fround),

  disturb([x, xDot, theta, thetaDot], direction, strength) {
    return [x, xDot, theta, thetaDot + direction * strength];
  },

  ending(state) {
    const fell = Math.abs(state[2]) > MAX_ANGLE;
    const text = fell ? "The pole leaned more than 12°." : "The cart left the track.";
    return { good: false, text };
  },

  draw(view, [x, , theta], { direction, physics, pushed }) {
    const { width, height, colours } = view;
    // A long pole has to fit below the text.
    const shownHeight = PIVOT_HEIGHT + LIMIT_REACH * physics.poleLength;
    const room = Math.max(height - STATUS_HEIGHT, height / 2);
    const scale = Math.min(width / SHOWN_WIDTH, room / shownHeight);
    const ground = height - 0.42 * scale;
    const centre = width / 2 + x * scale;
    const pivot = height - PIVOT_HEIGHT * scale;
    const length = physics.poleLength * scale;
    const tipAt = (angle, reach) => [
      centre + Math.sin(angle) * reach, pivot - Math.cos(angle) * reach,
    ];
    strokePath(view, [[0, ground], [width, ground]], colours.line, 2);
    for (const end of [-MAX_POSITION, MAX_POSITION]) {
      const post = width / 2 + end * scale;
      strokePath(view, [[post, ground], [post, ground - 0.3 * scale]], colours.soft, 3);
    }
    for (const limit of [-MAX_ANGLE, MAX_ANGLE]) {
      const line = [[centre, pivot], tipAt(limit, length * LIMIT_REACH)];
      strokePath(view, line, colours.stay, 1.5, [4, 6]);
    }
    fillBox(view, centre, ground - 0.16 * scale, 0.6 * scale, 0.28 * scale, colours.body);
    const tip = tipAt(theta, length);
    strokePath(view, [[centre, pivot], tip], colours.ink, Math.max(6, 0.085 * scale));
    fillCircle(view, centre, pivot, Math.max(3, 0.04 * scale), colours.ground);
    drawArrow(
      view, centre + direction * 0.36 * scale, ground - 0.16 * scale,
      direction * 0.3 * scale, actionColour(colours, direction),
    );
    if (pushed) {
      drawArrow(view, tip[0] - pushed * 0.55 * scale, tip[1], pushed * 0.42 * scale, colours.push);
    }
  },
};
