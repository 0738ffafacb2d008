"""What the names of a script or a notebook stand for, as far as its text says."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import libcst as cst
from libcst.metadata import (
    ExpressionContext,
    ExpressionContextProvider,
    MetadataWrapper,
)

from upright.migration.syntax import Function, dotted, elements, index_of, method, walk

# What people call an environment, or keep it as in an object; not what they count or name of it.
ENV_LIKE = re.compile(
    r"(?!(?:n|num|make|create|get|build|init|is|has|in|which)_)"
    r"_*(\w+_)?env(ironment)?(_?\d+|_(train|test|eval|play|render|raw|base))?",
    re.IGNORECASE,
)
# Libraries whose vector environments still step in four parts, and reset to observations alone.
FOUR_PARTS = ("stable_baselines3", "stable_baselines", "sb3_contrib")
# Of how many parts a tuple is of which it is asked whether it is one.
ANY = 0
BASES = ("gym.Env", "gym.core.Env", "gym.envs.")
OF_WRAPPERS = "gym.wrappers."
WRAPPERS = (
    "gym.Wrapper",
    "gym.ObservationWrapper",
    "gym.RewardWrapper",
    "gym.ActionWrapper",
    "gym.core.",
    OF_WRAPPERS,
)

N = TypeVar("N", bound=cst.CSTNode)
# The functions and classes around a node, from outside to inside.
Scope = tuple[Function | cst.ClassDef, ...]


@dataclass
class Knowledge:
    """Names and their origins; `rewriting` asks while it walks.

    Attributes:
        origins: What an imported name is, in full, as `gym.wrappers.Monitor`.
        values: What is assigned to a name in a function (or to an attribute anywhere).
        classes: Of the file, by name.
        functions: Of the file, by name.
        nodes: All that there are, in their order.
        parents: The node right around each of them.
        names: Every name that stands anywhere.
        loop_names: Names that stand for one thing after the other.
        apart: Names whose value is taken apart somewhere, as a tuple of so many parts is.
        imports_old: Whether gym itself is imported, and not only Gymnasium.
        has_new_style: Whether somewhere a step has five parts or a reset two.
        has_old_style: Whether somewhere a step has four.
        reads_underscore: Whether `_` is more than a name for what nobody needs.
    """

    origins: dict[str, str] = field(default_factory=dict)
    values: dict[tuple[cst.CSTNode | None, str], list[cst.BaseExpression]] = field(
        default_factory=lambda: defaultdict(list)
    )
    classes: dict[str, cst.ClassDef] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    nodes: list[cst.CSTNode] = field(default_factory=list)
    parents: dict[cst.CSTNode, cst.CSTNode] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    loop_names: set[str] = field(default_factory=set)
    apart: set[tuple[str, int]] = field(default_factory=set)
    imports_old: bool = False
    has_new_style: bool = False
    has_old_style: bool = False
    reads_underscore: bool = False

    def full_name(self, node: cst.CSTNode | None) -> str:
        """Where a name or a chain of names comes from; `gymnasium` is called `gym` here."""
        first, dot, rest = dotted(node).partition(".")
        origin = self.origins.get(first, "")
        return f"{origin}{dot}{rest}" if origin else ""

    @property
    def speaks_gym(self) -> bool:
        """Whether the file is about environments at all."""
        return self.has_old_style or any(map(is_gym, self.origins.values()))

    @property
    def has_four_parts(self) -> bool:
        """Whether a library is imported whose environments step in four parts still."""
        return any(is_of_four_parts(each) for each in self.origins.values())

    def is_taken_apart(self, name: str, parts: int) -> bool:
        """Whether the file treats a name's value as a tuple of so many parts."""
        return (name, parts) in self.apart or (name, ANY) in self.apart

    def nearest(self, node: cst.CSTNode | None, *kinds: type[N]) -> N | None:
        """The node itself, or the nearest around it, that is of one of these kinds."""
        while node is not None and not isinstance(node, kinds):
            node = self.parents.get(node)
        return node

    def scope_of(self, node: cst.CSTNode) -> Scope:
        """The functions and classes around a node."""
        around: list[Function | cst.ClassDef] = []
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, Function | cst.ClassDef):
                around.append(node)
        return tuple(reversed(around))

    def within(self, place: cst.CSTNode | None) -> Scope:
        """The scope of what stands in a function; none in a class or the whole file."""
        return (*self.scope_of(place), place) if isinstance(place, Function) else ()

    def place_of(self, name: str, scope: Scope) -> cst.CSTNode | None:
        """The innermost function that has a name of its own; None for the whole file."""
        functions = [each for each in reversed(scope) if isinstance(each, Function)]
        having = (each for each in functions if self._has(each, name))
        return next(having, None)

    def _has(self, place: Function, name: str) -> bool:
        return name in parameters_of(place) or (place, name) in self.values

    def values_of(self, place: cst.CSTNode | None, name: str) -> Sequence[cst.BaseExpression]:
        """What is assigned to a name; nothing for a parameter: what comes in is not seen."""
        return () if name in parameters_of(place) else self.values.get((place, name), ())

    def own_class(self, scope: Scope) -> cst.ClassDef | None:
        """The nearest class, if it derives from Gymnasium's."""
        own = next((each for each in reversed(scope) if isinstance(each, cst.ClassDef)), None)
        return own if own and self.base_of(own) else None

    def base_of(self, own: cst.ClassDef, below: tuple[cst.ClassDef, ...] = ()) -> str:
        """What a class of the file derives from: "env" or "wrapper"; nothing for all else."""
        for arg in own.bases:
            name, origin = dotted(arg.value), self.full_name(arg.value)
            if origin.startswith(BASES):
                return "env"
            if origin.startswith(WRAPPERS):
                return "wrapper"
            if name in self.classes and self.classes[name] not in (own, *below):
                return self.base_of(self.classes[name], (own, *below))
        return ""


def parameters_of(place: cst.CSTNode | None) -> dict[str, cst.Annotation | None]:
    """The parameters of a function, and what is said of their types; none of all else."""
    if not isinstance(place, Function):
        return {}
    every = place.params
    given = (*every.posonly_params, *every.params, *every.kwonly_params)
    return {each.name.value: each.annotation for each in given}


def is_of_four_parts(origin: str) -> bool:
    """Whether a full name is of a library whose environments step in four parts still."""
    return origin.partition(".")[0] in FOUR_PARTS


def is_gym(name: str) -> bool:
    """Whether a full name is of gym."""
    return name.partition(".")[0] == "gym"


def normal(name: str) -> str:
    """A full name in which Gymnasium is called gym."""
    first, dot, rest = name.partition(".")
    return f"gym{dot}{rest}" if first == "gymnasium" else name


def known_of(wrappers: Iterable[MetadataWrapper]) -> Knowledge:
    """What the modules, one after the other, say of their names."""
    known = Knowledge()
    learner = _Learner(known)
    for wrapper in wrappers:
        waiting: list[cst.CSTNode] = [wrapper.module]
        while waiting:  # one walk for all, since LibCST makes every node anew to find its children
            node = waiting.pop()
            inside = node.children
            known.nodes.append(node)
            known.parents |= dict.fromkeys(inside, node)
            learner.on_visit(node)
            waiting += reversed(inside)
        if "_" in known.names:
            how = wrapper.resolve(ExpressionContextProvider)
            read = (node for node in how if how[node] is ExpressionContext.LOAD)
            known.reads_underscore |= any(dotted(node) == "_" for node in read)
    return known


class _Learner(cst.CSTVisitor):
    """Fills a `Knowledge`, node by node."""

    def __init__(self, known: Knowledge) -> None:
        self.known = known

    def visit_Import(self, node: cst.Import) -> None:  # noqa: N802
        for alias in node.names:
            name, asname = alias.evaluated_name, alias.evaluated_alias
            self.known.imports_old |= is_gym(name)
            first = name.partition(".")[0]
            self.known.origins[asname or first] = normal(name if asname else first)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:  # noqa: N802
        if isinstance(node.names, cst.ImportStar):
            return
        module = "." * len(node.relative) + dotted(node.module)
        self.known.imports_old |= is_gym(module)
        for alias in node.names:
            name = alias.evaluated_name
            self.known.origins[alias.evaluated_alias or name] = normal(f"{module}.{name}")

    def visit_Name(self, node: cst.Name) -> None:  # noqa: N802
        self.known.names.add(node.value)

    def visit_For(self, node: cst.For | cst.CompFor) -> None:  # noqa: N802
        self.known.loop_names |= {dotted(each) for each in walk(node.target)}

    visit_CompFor = visit_For  # noqa: N815

    def visit_Call(self, node: cst.Call) -> None:  # noqa: N802
        given = [dotted(arg.value) for arg in node.args]
        if dotted(node.func) == "isinstance" and given[1:] == ["tuple"]:
            self.known.apart.add((given[0], ANY))
        elif dotted(node.func) == "len" and given:
            self.known.apart |= {(given[0], 2), (given[0], 5)}

    def visit_Subscript(self, node: cst.Subscript) -> None:  # noqa: N802
        number = index_of(node)
        if number in (0, 1):
            self.known.apart.add((dotted(node.value), 2))
        elif number == 4:
            self.known.apart.add((dotted(node.value), 5))
            self.known.has_new_style |= method(node.value)[1] == "step"

    def visit_ClassDef(self, node: cst.ClassDef) -> None:  # noqa: N802
        self.known.classes[node.name.value] = node

    def visit_FunctionDef(self, node: Function) -> None:  # noqa: N802
        if not isinstance(self._place(node), cst.ClassDef):
            self.known.functions[node.name.value] = node

    def visit_Assign(self, node: cst.Assign) -> None:  # noqa: N802
        for each in node.targets:
            self._bind(each.target, node.value)
            self._note_style(each.target, node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:  # noqa: N802
        if node.value is not None:
            self._bind(node.target, node.value)

    def visit_WithItem(self, node: cst.WithItem) -> None:  # noqa: N802
        if node.asname is not None:
            self._bind(node.asname.name, node.item)

    def _place(self, node: cst.CSTNode) -> cst.CSTNode | None:
        return next(reversed(self.known.scope_of(node)), None)

    def _bind(self, target: cst.CSTNode, value: cst.BaseExpression) -> None:
        parts, given = elements(target), elements(value)
        if parts is not None:
            if given is not None and len(parts) == len(given):
                for part, each in zip(parts, given, strict=True):
                    self._bind(part.value, each.value)
        elif isinstance(target, cst.Name):
            self.known.values[self._place(target), target.value].append(value)
        elif isinstance(target, cst.Attribute):
            self.known.values[None, f".{target.attr.value}"].append(value)

    def _note_style(self, target: cst.CSTNode, value: cst.BaseExpression) -> None:
        """Note in which style steps and resets are unpacked."""
        parts, (receiver, name) = elements(target), method(value)
        if parts is None:
            return
        self.known.apart.add((dotted(value), len(parts)))
        if not ENV_LIKE.fullmatch(dotted(receiver).rpartition(".")[2]):
            return
        if name == "step":
            self.known.has_old_style |= len(parts) == 4
            self.known.has_new_style |= len(parts) == 5
        elif name == "reset":
            self.known.has_new_style |= len(parts) == 2
