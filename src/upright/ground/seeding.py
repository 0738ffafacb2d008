"""Where every random number comes from: one run seed, split into named streams.

Streams never share numbers, so evaluation episodes are never training episodes.
"""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """The independent uses of randomness within one run."""

    WEIGHTS = 0
    ACTIONS = 1
    MINIBATCHES = 2
    TRAINING = 3
    SELECTION = 4
    PROOF = 5
    EVALUATION = 6
    SEARCH = 7


def derive_seed(seed: int, stream: Stream | int, *indices: int) -> int:
    """A 63-bit seed for one stream (and, say, one environment and one episode) of a run."""
    words = np.random.SeedSequence([seed, int(stream), *indices]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


def generator(seed: int, stream: Stream) -> np.random.Generator:
    """A NumPy generator for one stream of a run."""
    return np.random.default_rng(derive_seed(seed, stream))
