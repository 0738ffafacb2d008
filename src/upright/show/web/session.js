// Episodes of one simulator under one of several policies. Nothing here knows of the page.

/** Numbers in [0, 1) from a seed, by Marsaglia's 32-bit xorshift (2003). */
function makeRng(seed) {
  // Neighbouring seeds are spread by a multiplication; a state of 0 would stay 0.
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 8; i += 1) next();
  return next;
}

/**
 * By environment id; each simulator's own file puts it here. One has physics (`reset`, `step`,
 * `observe`, `disturb`), a picture (`draw`), and its actions: `actions` where they are n, `action`
 * where one is a number between plus and minus its `range`.
 */
const simulators = {};

/** A number from [low, high). */
function uniform(rng, low, high) {
  return low + (high - low) * rng();
}

function clip(x, low, high) {
  return Math.min(Math.max(x, low), high);
}

/** A standard normal number, by Box and Muller (1958). */
function normal(rng) {
  return Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng());
}

/** The index of the largest; of logits or of probabilities. */
function mostProbable(numbers) {
  return numbers.indexOf(Math.max(...numbers));
}

function draw(probabilities, rng) {
  let left = rng();
  const index = probabilities.findIndex((probability) => (left -= probability) < 0);
  // Rounding can leave a remainder above the sum of all.
  return index < 0 ? probabilities.length - 1 : index;
}

class Session {
  constructor(simulator, policies, rng) {
    this.simulator = simulator;
    this.policies = policies;
    this.rng = rng;
    this.physics = { ...simulator.physics };
    this.strength = simulator.push.value;
    this.actor = Object.keys(policies)[0];
    this.greedy = true;
    this.best = {}; // returns of whole episodes: one policy, original physics, no push
    this.reset();
  }

  /** Begin an episode. */
  reset() {
    this.state = this.simulator.reset(this.rng);
    this.previous = this.state;
    Object.assign(this, { steps: 0, episodeReturn: 0, pushes: 0, ended: null, terminated: false });
    this.actedAlone = null;
    this.decide();
  }

  /** What the policy makes of the present state, and the action that it takes next. */
  decide() {
    const policy = this.policies[this.actor];
    const { distribution } = policy;
    this.observation = this.simulator.observe(this.state);
    const params = policy.params(this.observation);
    this.probabilities = distribution.probabilities(params); // null where an action is a number
    this.mode = distribution.mode(params);
    this.value = policy.value(this.observation);
    this.action = this.isSampled ? distribution.draw(params, this.rng) : this.mode;
  }

  /** One step of the environment; after the end of an episode, a new one instead. */
  advance() {
    if (this.ended) {
      this.reset();
      return;
    }
    if (this.steps === 0) this.actedAlone = this.actor;
    if (this.actedAlone !== this.actor || !this.isOriginalPhysics) this.actedAlone = null;
    const { state, reward, terminated } = this.simulator.step(
      this.state, this.action, this.physics,
    );
    this.previous = this.state;
    this.state = state;
    this.steps += 1;
    this.episodeReturn += reward;
    this.terminated = terminated;
    this.decide();
    if (terminated || this.steps >= this.simulator.maxSteps) this.end();
  }

  end() {
    const { simulator } = this;
    this.ended = this.terminated
      ? simulator.ending(this.state)
      : { good: simulator.limitIsGood, text: `Time is up: all ${simulator.maxSteps} steps.` };
    const actor = this.actedAlone;
    if (actor === null || this.pushes > 0) return;
    this.best[actor] = Math.max(this.best[actor] ?? -Infinity, this.episodeReturn);
  }

  /** Push to the left (-1) or to the right (+1), with the strength that is set. */
  push(direction) {
    if (this.ended) return;
    this.state = this.simulator.disturb(this.state, direction, this.strength);
    this.pushes += 1;
    this.decide();
  }

  /** Who acts ("trained", "untrained", "random"), and whether always the most probable action. */
  choose(actor, greedy) {
    this.actor = actor;
    this.greedy = greedy;
    this.decide();
  }

  /** Whether actions are drawn: where a visitor asks for it, and always at random. */
  get isSampled() {
    return !this.greedy || Boolean(this.policies[this.actor].isRandom);
  }

  get isOriginalPhysics() {
    const original = this.simulator.physics;
    return Object.keys(original).every((key) => this.physics[key] === original[key]);
  }
}
