"""Seeds go into `reset`; what draws numbers is NumPy's Generator."""

import libcst as cst

from upright.migration.idiom import Idiom
from upright.migration.kinds import Kind
from upright.migration.scene import Scene
from upright.migration.syntax import dotted, method, walk

RESET_SEEDS = "An environment is seeded by its reset."
# Methods of NumPy's RandomState, and the Generator's that takes the same arguments.
DRAWS = {
    "randint": ("integers", 9),
    "random_integers": ("", 0),
    "rand": ("random", 1),
    "random_sample": ("random", 1),
    "randn": ("standard_normal", 1),
    "ranf": ("random", 1),
}


class Seed(Idiom):
    """`env.seed(1)`."""

    name = "seed"
    nodes = (cst.Call,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """`env.reset(seed=1)` where no episode can be under way; else it is pointed out."""
        receiver, name = method(original)
        kind = scene.kind(receiver)
        if (
            name != "seed"
            or not (kind.is_env or kind is Kind.UNSURE)
            or _is_its_own(receiver, scene)
        ):
            return updated
        assert isinstance(original, cst.Call)
        assert isinstance(updated, cst.Call)
        given = scene.code(original.args[0].value) if original.args else "None"
        today = f"obs, info = {scene.code(receiver or original)}.reset(seed={given})"
        if not _is_safe(original, scene) or kind is Kind.UNSURE or dotted(receiver) == "self":
            reason = "" if _is_safe(original, scene) else " Here an episode may be under way."
            scene.say_by_hand(f"{RESET_SEEDS}{reason}", today)
            return updated
        scene.say(f"{RESET_SEEDS} The resets that follow go on from there.{scene.named(receiver)}")
        assert isinstance(updated.func, cst.Attribute)
        tight = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
        args = [arg.with_changes(keyword=cst.Name("seed"), equal=tight) for arg in updated.args]
        func = updated.func.with_changes(attr=cst.Name("reset"))
        return updated.with_changes(func=func, args=args)


def _is_its_own(receiver: cst.CSTNode | None, scene: Scene) -> bool:
    """Whether a class of the file calls a `seed` that it defines."""
    own = next((each for each in reversed(scene.scope) if isinstance(each, cst.ClassDef)), None)
    defines = own is not None and any(
        isinstance(each, cst.FunctionDef) and each.name.value == "seed" for each in own.body.body
    )
    return dotted(receiver) == "self" and defines


def _is_safe(call: cst.Call, scene: Scene) -> bool:
    """Whether it is a statement, and no loop around it steps without a reset behind it."""
    if not isinstance(scene.parent, cst.Expr) or len(call.args) != 1 or call.args[0].star:
        return False
    line = scene.positions[call].start.line
    loops = [each for each in scene.parents if isinstance(each, cst.For | cst.While)]
    for loop in loops[-1:]:
        inside = [each for each in walk(loop) if isinstance(each, cst.Call)]
        steps = any(method(each)[1] == "step" for each in inside)
        later = [each for each in inside if scene.positions[each].start.line >= line]
        if steps and not any(method(each)[1] == "reset" for each in later):
            return False
    return True


class Draws(Idiom):
    """`self.np_random.randint(3)`."""

    name = "np-random"
    nodes = (cst.Call,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """The Generator's method of the same meaning."""
        receiver, name = method(original)
        if name not in DRAWS or not dotted(receiver).endswith(".np_random"):
            return updated
        assert isinstance(original, cst.Call)
        assert isinstance(updated, cst.Call)
        if not scene.known.speaks_gym:
            return updated
        new, most = DRAWS[name]
        why = "np_random is a numpy.random.Generator."
        if len(original.args) > most:
            scene.say_by_hand(why, f"{dotted(receiver)}.{new or 'integers'}(...)")
            return updated
        scene.say(why)
        assert isinstance(updated.func, cst.Attribute)
        return updated.with_changes(func=updated.func.with_changes(attr=cst.Name(new)))
