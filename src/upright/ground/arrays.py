"""Kinds of arrays, by what they hold, and how large their numbers may be."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Bools = NDArray[np.bool_]
Floats = NDArray[np.floating]
LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
