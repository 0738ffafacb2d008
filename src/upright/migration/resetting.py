"""`reset` gives an observation and an info since Gym 0.26, and takes the seed."""

import libcst as cst

from upright.migration.idiom import Idiom
from upright.migration.kinds import Kind
from upright.migration.knowledge import ANY
from upright.migration.scene import Scene
from upright.migration.syntax import (
    Function,
    dotted,
    elements,
    first_of,
    keyword,
    method,
    tuple_of,
    walk,
    without_arguments,
)

RESET_GIVES = "A reset gives the observation and an info."
_ONE_TARGET = (cst.Name, cst.Attribute, cst.Subscript)


class Reset(Idiom):
    """`obs = env.reset()`, and `f(env.reset())`."""

    name = "reset"
    nodes = (cst.Assign, cst.Call)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """A second target where there is one, `[0]` where the value is used at once."""
        if isinstance(original, cst.Assign):
            assert isinstance(updated, cst.Assign)
            return self._assigned(original, updated, scene)
        receiver, name = method(original)
        if name != "reset":
            return updated
        assert isinstance(original, cst.Call)
        assert isinstance(updated, cst.Call)
        if not _is_env(receiver, scene):
            _unsure(original, scene)
            return updated
        if _asks_for_info(original):
            scene.say("Every reset gives an info; nothing asks for it.")
            return without_arguments(updated, "return_info")
        if _is_fine(original, scene) or _by_hand(original, scene.parent, scene):
            return updated
        scene.say(f"{RESET_GIVES}{scene.named(receiver)}")
        return first_of(updated)

    def _assigned(self, original: cst.Assign, updated: cst.Assign, scene: Scene) -> cst.Assign:
        receiver, _ = method(original.value)
        if not _names_both(original, scene) or not _is_env(receiver, scene):
            return updated
        kept = dotted(original.targets[0].target)
        if scene.known.is_taken_apart(kept, ANY) or _by_hand(original.value, original, scene):
            return updated
        scene.say(f"{RESET_GIVES}{scene.named(receiver)}")
        target, info = updated.targets[0].target, "_"
        if _is_kept(original, scene):
            info = "info"
            scene.notes[scene.function, "reset"] = True
        both = tuple_of(target, cst.Name(info))
        return updated.with_changes(targets=[cst.AssignTarget(both)])


def _is_env(receiver: cst.CSTNode | None, scene: Scene) -> bool:
    return receiver is not None and scene.kind(receiver) not in (Kind.OTHER, Kind.UNSURE)


def _unsure(call: cst.Call, scene: Scene) -> None:
    """Point at a reset of what may be no environment of Gymnasium's."""
    old = scene.known.has_old_style and not isinstance(scene.parent, cst.Expr)
    if old and scene.kind(method(call)[0]) is Kind.UNSURE:
        scene.say_by_hand(
            f"{RESET_GIVES} {scene.elsewhere(method(call)[0])}",
            f"obs, info = {scene.code(call)}",
        )


def _names_both(assign: cst.Assign, scene: Scene) -> bool:
    """Whether a reset is assigned to one target, beside which a second can stand."""
    _, name = method(assign.value)
    single = len(assign.targets) == 1 and isinstance(assign.targets[0].target, _ONE_TARGET)
    asked = isinstance(assign.value, cst.Call) and _asks_for_info(assign.value)
    return name == "reset" and single and not asked and not scene.known.reads_underscore


def _asks_for_info(call: cst.Call) -> bool:
    """Whether a reset is told to give its info, as between Gym 0.22 and 0.25."""
    return any(dotted(arg.keyword) == "return_info" for arg in call.args)


def _is_fine(call: cst.Call, scene: Scene) -> bool:
    """Whether a reset's value is not used, taken apart, or handled with its assignment."""
    parent = scene.parent
    if isinstance(parent, cst.Expr | cst.Await):
        return True
    if isinstance(parent, cst.Assign):
        both = elements(parent.targets[0].target)
        return _names_both(parent, scene) or (both is not None and len(both) == 2)
    if isinstance(parent, cst.Subscript):
        return parent.value is call
    if isinstance(parent, cst.Return) and scene.own_class is not None:
        return scene.function is not None and scene.function.name.value == "reset"
    return False


def _by_hand(call: cst.CSTNode, assign: cst.CSTNode, scene: Scene) -> bool:
    """Whether the file knows the new way elsewhere, so that this may be no mistake."""
    known = scene.known
    if not known.has_new_style or known.has_old_style or scene.own_class is not None:
        return False
    target = assign.targets[0].target if isinstance(assign, cst.Assign) else None
    if target is None or not known.is_taken_apart(dotted(target), 2):
        scene.say_by_hand(
            f"{RESET_GIVES} Elsewhere the file takes both.", f"obs, info = {scene.code(call)}"
        )
    return True


def _is_kept(assign: cst.Assign, scene: Scene) -> bool:
    """Whether the info of a reset within a wrapper's own reset is there whenever that returns."""
    own, function = scene.own_class, scene.function
    if own is None or function is None or function.name.value != "reset":
        return False
    top = isinstance(function.body, cst.IndentedBlock) and scene.parent in function.body.body
    return top and not _has_info(function)


def _has_info(function: Function) -> bool:
    return any(isinstance(each, cst.Name) and each.value == "info" for each in walk(function))


class Forwarded(Idiom):
    """`self.env.reset()` in a wrapper's own reset: the seed goes through."""

    name = "wrapper-reset"
    nodes = (cst.Call,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """The seed and the options as arguments, where the method gets them."""
        receiver, name = method(original)
        function, own = scene.function, scene.own_class
        if name != "reset" or own is None or function is None or function.name.value != "reset":
            return updated
        within = scene.known.base_of(own) == "wrapper" or _is_super(receiver)
        if not within or not scene.notes.get((function, "signed")):
            return updated
        assert isinstance(original, cst.Call)
        call = updated.value if isinstance(updated, cst.Subscript) else updated
        if original.args or not isinstance(call, cst.Call) or not _is_env(receiver, scene):
            return updated
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        args = [keyword(each, cst.Name(each)) for each in ("seed", "options")]
        scene.say("The seed and the options go through to the environment within.")
        new = call.with_changes(args=[args[0].with_changes(comma=comma), args[1]])
        return first_of(new) if isinstance(updated, cst.Subscript) else new


def _is_super(node: cst.CSTNode | None) -> bool:
    """Whether it is the class that one's own derives from."""
    return isinstance(node, cst.Call) and dotted(node.func) == "super"
