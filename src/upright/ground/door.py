"""A package's front door: it says what others may use, and loads it when it is asked for."""

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def opened(
    package: str,
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` (PEP 562) and `__all__` of a package that imports when it is asked.

    A help text, a listing or an error need a name or two of what a package holds, and no NumPy.
    What is in a package is found by its name too, as in `upright.experiment.Listener`.

    Args:
        package: Its `__name__`; the names are those that stand in its `if TYPE_CHECKING` block.
    """
    loader: Any = sys.modules[package].__spec__.loader  # type: ignore[union-attr]
    homes = {
        alias.asname or alias.name: (node.module, alias.name)
        for block in ast.parse(loader.get_source(package)).body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }

    def get(name: str) -> Any:
        if name not in homes:
            if not name.startswith("_") and find_spec(f"{package}.{name}"):
                return import_module(f"{package}.{name}")
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        module, own_name = homes[name]
        return getattr(import_module(module), own_name)

    names = sorted(homes)
    return get, lambda: names, names
