"""Numbers that several rooms hold others against."""

LARGEST_FLOAT32 = (2.0 - 2.0**-23) * 2.0**127
