"""Every idiom; another one is one more entry, in the order in which they see a node."""

from collections.abc import Callable
from typing import Any, NamedTuple

import libcst as cst

from upright.migration import (
    attributes,
    ids,
    imports,
    numpy_names,
    own,
    resetting,
    seeds,
    showing,
    stepping,
    wrappers,
)
from upright.migration.scene import Scene


class Idiom(NamedTuple):
    """One thing that old scripts do, and what is done today.

    Attributes:
        name: As findings and `docs/migrate.md` call it.
        judge: Takes a node as it was read, by which names and places are asked; the same with what
            became of all inside it; and the scene, to which findings are said. Gives what stands
            there now.
        nodes: The kinds of LibCST's nodes that it looks at.
    """

    name: str
    judge: Callable[[Any, Any, Scene], cst.CSTNode]
    nodes: tuple[type[cst.CSTNode], ...]


IDIOMS = (
    Idiom("import", imports.imported, (cst.Import,)),
    Idiom("import", imports.imported_from, (cst.ImportFrom,)),
    Idiom("id", ids.id_named, (cst.SimpleString,)),
    Idiom("atari", ids.game_made, (cst.Call,)),
    Idiom("atari", ids.game_registered, (cst.Import, cst.ImportFrom)),
    Idiom("make-arguments", showing.make_asked, (cst.Call,)),
    Idiom("render-mode", showing.mode_told, (cst.Call,)),
    Idiom("render", showing.render_called, (cst.Call,)),
    Idiom("wrapper", wrappers.wrapped, (cst.Call,)),
    Idiom("wrapper", wrappers.monitored, (cst.Call,)),
    Idiom("wrapper", wrappers.space_taken, (cst.Call,)),
    Idiom("step", stepping.step_unpacked, (cst.Assign,)),
    Idiom("step-inside", stepping.step_handed_on, (cst.Call,)),
    Idiom("step-inside", stepping.step_indexed, (cst.Subscript,)),
    Idiom("time-limit", stepping.limit_asked, (cst.Subscript, cst.Call, cst.Comparison)),
    Idiom("reset", resetting.reset_assigned, (cst.Assign,)),
    Idiom("reset", resetting.reset_used, (cst.Call,)),
    Idiom("wrapper-reset", resetting.reset_forwarded, (cst.Call,)),
    Idiom("seed", seeds.seed_given, (cst.Call,)),
    Idiom("np-random", seeds.number_drawn, (cst.Call,)),
    Idiom("own-reset", own.reset_defined, (cst.FunctionDef,)),
    Idiom("own-reset", own.reset_returned, (cst.Return,)),
    Idiom("own-step", own.method_hidden, (cst.FunctionDef,)),
    Idiom("own-step", own.step_returned, (cst.Return,)),
    Idiom("metadata", own.metadata_named, (cst.SimpleString,)),
    Idiom("inside", attributes.reached_inside, (cst.Attribute,)),
    Idiom("vector", attributes.vectors_made, (cst.Call,)),
    Idiom("package", attributes.registry_asked, (cst.Call,)),
    Idiom("package", attributes.package_asked, (cst.Attribute,)),
    Idiom("logger", attributes.level_set, (cst.Expr,)),
    Idiom("numpy", numpy_names.numpy_named, (cst.Attribute,)),
)
