"""Names that NumPy no longer has."""

import libcst as cst

from upright.migration.scene import Scene

# NumPy 1.24 to 2.4 removed them; what has no `np.` is Python's own.
TODAY = {
    "float": "float", "int": "int", "object": "object", "str": "str", "complex": "complex",
    "bool8": "np.bool_", "float_": "np.float64", "complex_": "np.complex128",
    "unicode_": "np.str_", "string_": "np.bytes_", "NaN": "np.nan", "NAN": "np.nan",
    "Inf": "np.inf", "Infinity": "np.inf", "infty": "np.inf", "PINF": "np.inf",
    "product": "np.prod", "cumproduct": "np.cumprod", "alltrue": "np.all", "sometrue": "np.any",
    "round_": "np.round", "row_stack": "np.vstack", "in1d": "np.isin", "trapz": "np.trapezoid",
}  # fmt: skip


def numpy_named(
    original: cst.Attribute, updated: cst.Attribute, scene: Scene
) -> cst.BaseExpression:
    """`np.bool8`: the name of today, in the module as it is called in the file."""
    package, _, name = scene.known.full_name(original).partition(".")
    today = TODAY.get(name)
    if package != "numpy" or today is None:
        return updated
    scene.say(original, f"NumPy 2 has no {original.attr.value}.")
    if today.startswith("np."):
        return updated.with_changes(attr=cst.Name(today.removeprefix("np.")))
    return cst.parse_expression(today).with_changes(lpar=updated.lpar, rpar=updated.rpar)
