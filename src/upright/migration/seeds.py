"""Seeds go into `reset`; what draws numbers is NumPy's Generator."""

import libcst as cst

from upright.migration.kinds import Kind
from upright.migration.scene import Scene
from upright.migration.syntax import (
    code_of,
    defines,
    dotted,
    keyword,
    method,
    walk,
    with_arguments,
    with_method,
)

RESET_SEEDS = "An environment is seeded by its reset."
DRAWS_OF_TODAY = "np_random is a numpy.random.Generator."
# Methods of NumPy's RandomState, and the Generator's that takes the same: so many arguments.
DRAWS = {
    "randint": ("integers", 9),
    "random_integers": ("integers", -1),
    "rand": ("random", 1),
    "random_sample": ("random", 1),
    "randn": ("standard_normal", 1),
    "ranf": ("random", 1),
}


def seed_given(original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
    """`env.seed(1)`: `env.reset(seed=1)` where no episode can be under way; else for a person."""
    receiver, name = method(original)
    kind = scene.kind(receiver)
    if receiver is None or name != "seed" or kind is Kind.OTHER or _is_its_own(receiver, scene):
        return updated
    safe = _is_safe(original, scene)
    if not safe or kind is Kind.UNSURE or dotted(receiver) == "self":
        given = code_of(original.args[0].value) if original.args else "None"
        reason = "" if safe else " Here an episode may be under way."
        today = f"obs, info = {code_of(receiver)}.reset(seed={given})"
        scene.say_by_hand(original, f"{RESET_SEEDS}{reason}", today)
        return updated
    why = f"{RESET_SEEDS} The resets that follow go on from there.{scene.named(receiver)}"
    scene.say(original, why)
    return with_arguments(with_method(updated, "reset"), [keyword("seed", updated.args[0].value)])


def _is_its_own(receiver: cst.CSTNode, scene: Scene) -> bool:
    """Whether a class of the file calls a `seed` that it defines."""
    own = scene.known.nearest(receiver, cst.ClassDef)
    return dotted(receiver) == "self" and defines(own, "seed")


def _is_safe(call: cst.Call, scene: Scene) -> bool:
    """Whether it is a statement, and no loop around it steps without a reset behind it."""
    if not isinstance(scene.parent(call), cst.Expr) or len(call.args) != 1 or call.args[0].star:
        return False
    loop = scene.known.nearest(call, cst.For, cst.While)
    inside = [] if loop is None else [each for each in walk(loop) if isinstance(each, cst.Call)]
    steps = any(method(each)[1] == "step" for each in inside)
    line = scene.line(call)
    resets = any(method(each)[1] == "reset" and scene.line(each) >= line for each in inside)
    return resets or not steps


def number_drawn(original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
    """`self.np_random.randint(3)`: the Generator's method of the same meaning."""
    receiver, name = method(original)
    source = dotted(receiver)
    if name not in DRAWS or not source.endswith(".np_random") or not scene.known.speaks_gym:
        return updated
    new, most = DRAWS[name]
    if len(original.args) > most:
        scene.say_by_hand(original, DRAWS_OF_TODAY, f"{source}.{new}(...)")
        return updated
    scene.say(original, DRAWS_OF_TODAY)
    return with_method(updated, new)
