// The policy's networks, computed here: observation -> distribution over actions, and value.
//
// A policy arrives as plain data (see `policy_data` in playground.py): layers whose weights are
// base64 of little-endian float32, row by row, one row for each output.

/** The numbers in base64 of little-endian float32. */
function decodeFloats(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

const ACTIVATIONS = {
  tanh: Math.tanh,
  relu: (x) => Math.max(x, 0),
};

/** x -> W x + b, with W of shape [outputs, inputs]. */
function makeLinear({ inputs, outputs, weight, bias }) {
  const weights = decodeFloats(weight);
  const biases = bias === null ? new Float32Array(outputs) : decodeFloats(bias);
  return (x) => {
    const y = Float64Array.from(biases);
    for (let row = 0; row < outputs; row += 1) {
      for (let column = 0; column < inputs; column += 1) {
        y[row] += weights[row * inputs + column] * x[column];
      }
    }
    return y;
  };
}

/** Linear layers with the activation between them, and after the last one where asked. */
function makeNetwork(layers, activation, activateLast) {
  const linears = layers.map(makeLinear);
  const last = linears.length - 1;
  return (x) =>
    linears.reduce((input, linear, i) => {
      const output = linear(input);
      return i < last || activateLast ? output.map(activation) : output;
    }, x);
}

/** obs -> clip((obs - mean) / deviation), rounded to float32 at each step as PyTorch does. */
function makeNormalizer({ mean, deviation, clip }) {
  const means = decodeFloats(mean);
  const deviations = decodeFloats(deviation);
  return (obs) =>
    Float32Array.from(obs, (x, i) => {
      const standard = Math.fround(x - means[i]) / deviations[i];
      return Math.min(Math.max(standard, -clip), clip);
    });
}

/** exp(x) / sum(exp(x)); the largest is subtracted first, so that nothing overflows. */
function softmax(x) {
  const largest = Math.max(...x);
  const exponentials = Array.from(x, (each) => Math.exp(each - largest));
  const total = exponentials.reduce((sum, each) => sum + each, 0);
  return exponentials.map((each) => each / total);
}

/** One of n actions. Every distribution has these three; params are the actor's output. */
const CATEGORICAL = {
  probabilities: softmax,
  mode: mostProbable,
  draw: (logits, rng) => draw(softmax(logits), rng),
};

/** An action that is a number, brought between its bounds as `DiagonalGaussian.bounded` does. */
function makeGaussian({ log_std, centre, half, low, high, squash }) {
  const deviation = Math.exp(log_std);
  const bounded = (x) => clip(Math.fround((squash ? Math.tanh(x) : x) * half + centre), low, high);
  return {
    probabilities: () => null, // there is no number of actions
    mode: ([mean]) => bounded(mean),
    draw: ([mean], rng) => bounded(mean + deviation * normal(rng)),
  };
}

/**
 * A policy from its data: `params(obs)` for its `distribution`, `probabilities(obs)`, `mode(obs)`,
 * and `value(obs)`, null without a critic.
 */
function makePolicy(data) {
  const activation = ACTIVATIONS[data.activation];
  const normalize = data.normalizer === null ? (obs) => obs : makeNormalizer(data.normalizer);
  const torso = makeNetwork(data.torso, activation, true);
  const actor = makeNetwork(data.actor, activation, false);
  const critic = data.critic === null ? null : makeNetwork(data.critic, activation, false);
  const features = (obs) => torso(normalize(obs));
  const distribution = data.gaussian === null ? CATEGORICAL : makeGaussian(data.gaussian);
  const params = (obs) => actor(features(obs));
  return {
    distribution,
    params,
    probabilities: (obs) => distribution.probabilities(params(obs)),
    mode: (obs) => distribution.mode(params(obs)),
    value: (obs) => (critic === null ? null : critic(features(obs))[0] * data.value_scale),
  };
}

/** Every action equally likely: what an agent does that knows nothing. */
function makeRandomPolicy({ actions, action }) {
  const anyNumber = {
    probabilities: () => null,
    mode: () => null, // none is
    draw: (_, rng) => uniform(rng, -action.range, action.range),
  };
  const distribution = actions ? CATEGORICAL : anyNumber;
  const logits = Array(actions ? actions.length : 0).fill(0);
  return {
    distribution,
    params: () => logits,
    probabilities: () => distribution.probabilities(logits),
    mode: () => distribution.mode(logits),
    value: () => null,
    isRandom: true,
  };
}
