"""What the names of a script or a notebook stand for, as far as its text says."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

import libcst as cst

from upright.migration.syntax import Function, dotted

# What people call an environment, or keep it as in an object; not what they count or name of it.
ENV_LIKE = re.compile(
    r"(?!(?:n|num|make|create|get|build|init|is|has|in|which)_)"
    r"_*(\w+_)?env(ironment)?(_?\d+|_(train|test|eval|play|render|raw|base))?",
    re.IGNORECASE,
)
GYM = ("gym", "gymnasium")
# Libraries whose vector environments still step in four parts, and reset to observations alone.
FOUR_PARTS = ("stable_baselines3", "stable_baselines", "sb3_contrib")
# Of how many parts a tuple is of which it is asked whether it is one.
ANY = 0
BASES = ("gym.Env", "gym.core.Env", "gym.envs.")
WRAPPERS = (
    "gym.Wrapper",
    "gym.ObservationWrapper",
    "gym.RewardWrapper",
    "gym.ActionWrapper",
    "gym.core.",
    "gym.wrappers.",
)


Scope = tuple[Function | cst.ClassDef, ...]


@dataclass
class Knowledge:
    """Names and their origins; `rewriting` asks while it walks.

    Attributes:
        origins: What an imported name is, in full, as `gym.wrappers.Monitor`.
        values: What is assigned to a name in a function (or to an attribute anywhere).
        classes: Of the file, by name.
        functions: Of the file, by name.
        names: Every name that stands anywhere.
        imports_old: Whether gym itself is imported, and not only Gymnasium.
        has_new_style: Whether somewhere a step has five parts or a reset two.
        has_old_style: Whether somewhere a step has four.
        reads_underscore: Whether `_` is more than a name for what nobody needs.
    """

    origins: dict[str, str] = field(default_factory=dict)
    values: dict[tuple[cst.CSTNode | None, str], list[cst.BaseExpression]] = field(
        default_factory=lambda: defaultdict(list)
    )
    homes: dict[cst.CSTNode, Scope] = field(default_factory=dict)
    parameters: dict[cst.CSTNode | None, dict[str, cst.Annotation | None]] = field(
        default_factory=dict
    )
    classes: dict[str, cst.ClassDef] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    imports_old: bool = False
    has_new_style: bool = False
    has_old_style: bool = False
    reads_underscore: bool = False
    # Names whose value is taken apart somewhere, as a tuple of so many parts is.
    apart: set[tuple[str, int]] = field(default_factory=set)
    # Names that stand for one thing after the other.
    loop_names: set[str] = field(default_factory=set)

    def full_name(self, node: cst.CSTNode | None) -> str:
        """Where a name or a chain of names comes from; `gymnasium` is called `gym` here."""
        first, dot, rest = dotted(node).partition(".")
        origin = self.origins.get(first, "")
        return f"{origin}{dot}{rest}" if origin else ""

    @property
    def speaks_gym(self) -> bool:
        """Whether the file is about environments at all."""
        return self.has_old_style or any(is_gym(each) for each in self.origins.values())

    @property
    def has_four_parts(self) -> bool:
        """Whether a library is imported whose environments step in four parts still."""
        return any(each.partition(".")[0] in FOUR_PARTS for each in self.origins.values())

    def is_taken_apart(self, name: str, parts: int) -> bool:
        """Whether the file treats a name's value as a tuple of so many parts."""
        return (name, parts) in self.apart or (name, ANY) in self.apart

    def place_of(self, name: str, scope: Scope) -> cst.CSTNode | None:
        """The innermost function that has a name of its own; None for the whole file."""
        for place in reversed(scope):
            is_given = name in self.parameters.get(place, ()) or (place, name) in self.values
            if is_given and isinstance(place, Function):
                return place
        return None

    def around(self, node: cst.CSTNode | None) -> Scope:
        """The functions and classes around a function, and itself."""
        return (*self.homes[node], node) if isinstance(node, Function) else ()

    def base_of(self, own: cst.ClassDef, below: tuple[cst.ClassDef, ...] = ()) -> str:
        """What a class of the file derives from: "env" or "wrapper"; nothing for all else."""
        for arg in own.bases:
            name = dotted(arg.value)
            origin = self.full_name(arg.value)
            if origin.startswith(BASES):
                return "env"
            if origin.startswith(WRAPPERS):
                return "wrapper"
            if name in self.classes and self.classes[name] not in (own, *below):
                return self.base_of(self.classes[name], (own, *below))
        return ""


def is_gym(origin: str) -> bool:
    """Whether a full name is of gym or Gymnasium."""
    return origin == "gym" or origin.startswith("gym.")


def normal(name: str) -> str:
    """A full name in which Gymnasium is called gym."""
    first, dot, rest = name.partition(".")
    return f"gym{dot}{rest}" if first in GYM else name
