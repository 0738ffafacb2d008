"""Names that NumPy no longer has."""

import libcst as cst

from upright.migration.idiom import Idiom
from upright.migration.scene import Scene
from upright.migration.syntax import chain

# NumPy 1.24 to 2.4 removed them; what has no `np.` is Python's own.
TODAY = {
    "bool8": "np.bool_",
    "float": "float",
    "int": "int",
    "object": "object",
    "str": "str",
    "complex": "complex",
    "float_": "np.float64",
    "complex_": "np.complex128",
    "unicode_": "np.str_",
    "string_": "np.bytes_",
    "Inf": "np.inf",
    "Infinity": "np.inf",
    "infty": "np.inf",
    "PINF": "np.inf",
    "NaN": "np.nan",
    "NAN": "np.nan",
    "product": "np.prod",
    "cumproduct": "np.cumprod",
    "alltrue": "np.all",
    "sometrue": "np.any",
    "round_": "np.round",
    "row_stack": "np.vstack",
    "in1d": "np.isin",
    "trapz": "np.trapezoid",
}


class NumpyNames(Idiom):
    """`np.bool8`, `np.float`, `np.product`."""

    name = "numpy"
    nodes = (cst.Attribute,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """The name of today, in the module as it is called in the file."""
        assert isinstance(original, cst.Attribute)
        full = scene.known.full_name(original)
        today = TODAY.get(full.removeprefix("numpy."))
        if not full.startswith("numpy.") or today is None or isinstance(scene.parent, cst.Import):
            return updated
        assert isinstance(updated, cst.Attribute)
        scene.say(f"NumPy 2 has no {original.attr.value}.")
        if today.startswith("np."):
            return updated.with_changes(attr=cst.Name(today.removeprefix("np.")))
        return chain(today).with_changes(lpar=updated.lpar, rpar=updated.rpar)
