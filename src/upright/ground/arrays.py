"""Kinds of arrays, by what they hold; shapes stand where they are used."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Bools = NDArray[np.bool_]
Floats = NDArray[np.floating]
