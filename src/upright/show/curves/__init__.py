"""Learning curves as pictures."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.show.curves.comparison import DrawnSide, draw_sides
    from upright.show.curves.curve import Curve, curve_of, shared_settings
    from upright.show.curves.groups import grouped, names_apart
    from upright.show.curves.plotting import (
        NARROW,
        ON_DARK,
        ON_LIGHT,
        PICTURE_ENDINGS,
        SIZE,
        Picture,
        picture,
        plot,
    )

__getattr__, __dir__, __all__ = opened(__name__)
