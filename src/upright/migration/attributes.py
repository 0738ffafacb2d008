"""What old scripts reached for in an environment or in the package, and where it is now."""

import libcst as cst

from upright.migration import registry
from upright.migration.kinds import VECTOR_MAKE, Kind
from upright.migration.scene import Scene
from upright.migration.syntax import dotted
from upright.migration.wrappers import renamed

# Of the tabular environments.
COUNTS = {"nS": "observation_space.n", "nA": "action_space.n"}
GONE = ("reward_range", "monitor", "configure")
REGISTRIES = ("gym.envs.registry", "gym.envs.registration.registry")
ALL = (*(f"{each}.all" for each in REGISTRIES), "gym.registry.all")
SPECS = tuple(f"{each}.env_specs" for each in REGISTRIES)
SPEC = tuple(f"{each}.spec" for each in REGISTRIES)
LOG_LEVELS = {"DEBUG": "10", "INFO": "20", "DISABLED": "50"}
LEVEL = ("gym.logger.set_level", "gym.logger.setLevel")


def reached_inside(
    original: cst.Attribute, updated: cst.Attribute, scene: Scene
) -> cst.BaseExpression:
    """`env.state`, `env.env.P`, `env.nS`: asked of the environment within its wrappers."""
    name = original.attr.value
    if dotted(original).endswith(".spec.timestep_limit"):
        scene.say(original, "The limit is called max_episode_steps.")
        return updated.with_changes(attr=cst.Name("max_episode_steps"))
    if scene.known.full_name(original) or scene.kind(original.value) is not Kind.BARE:
        return updated
    if name == "_max_episode_steps":
        return _limit(original, updated, scene)
    if name in registry.wrapper_attributes() or name.startswith("__") or name == "seed":
        return updated
    if name in GONE:
        scene.say_by_hand(original, f"An environment has no {name} today.", "")
        return updated
    inner = updated.value
    if isinstance(inner, cst.Attribute) and inner.attr.value == "env":
        inner = inner.value
    if name in COUNTS:
        scene.say(original, "The number is its space's.")
        return cst.parse_expression(f"{dotted(inner)}.{COUNTS[name]}") if dotted(inner) else updated
    scene.say(original, f"A wrapper no longer hands on {name} of the environment within.")
    return updated.with_changes(value=cst.Attribute(inner, cst.Name("unwrapped")))


def _limit(original: cst.Attribute, updated: cst.Attribute, scene: Scene) -> cst.Attribute:
    if isinstance(scene.parent(original), cst.AssignTarget):
        why = "A time limit is said where the environment is made."
        scene.say_by_hand(original, why, "env = gym.make(..., max_episode_steps=...)")
        return updated
    scene.say(original, "The time limit stands in the environment's spec.")
    inner = cst.Attribute(updated.value, cst.Name("spec"))
    return updated.with_changes(value=inner, attr=cst.Name("max_episode_steps"))


def _gym_itself(node: cst.CSTNode, scene: Scene) -> str:
    """What the package is called in the file, if a chain of names begins with it."""
    root = dotted(node).partition(".")[0]
    return root if scene.known.origins.get(root) == "gym" else ""


def registry_asked(original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
    """`gym.envs.registry.all()`: the registry is a dictionary today."""
    gym = _gym_itself(original.func, scene)
    if not gym or scene.known.full_name(original.func) not in ALL:
        return updated
    scene.say(original, "The registry is a dictionary of specs.")
    return updated.with_changes(func=cst.parse_expression(f"{gym}.registry.values"))


def package_asked(
    original: cst.Attribute, updated: cst.Attribute, scene: Scene
) -> cst.BaseExpression:
    """`gym.envs.registry.env_specs`, and names that are gone."""
    full, name = scene.known.full_name(original), original.attr.value
    if not full.startswith("gym.") or isinstance(scene.parent(original), cst.Attribute):
        return updated
    gym = _gym_itself(original, scene)
    today = {**dict.fromkeys(SPECS, "registry"), **dict.fromkeys(SPEC, "spec")}.get(full)
    if today and gym:
        scene.say(original, "The registry is a dictionary of specs, and spec a function beside it.")
        return cst.parse_expression(f"{gym}.{today}")
    if full.startswith("gym.logger.") and name in LOG_LEVELS:
        scene.say(original, "Gymnasium has no name for this level.")
        return cst.Integer(LOG_LEVELS[name])
    if _is_gone(original, full, scene):
        scene.say_by_hand(original, f"Gymnasium has no {full.removeprefix('gym.')}.", "")
    return updated


def _is_gone(original: cst.Attribute, full: str, scene: Scene) -> bool:
    inside = isinstance(scene.parent(original), cst.ImportFrom | cst.ImportAlias)
    handled = renamed(full) or full in (*ALL, *SPECS, *LEVEL, VECTOR_MAKE)
    return not inside and not handled and not registry.has(full)


def level_set(original: cst.Expr, updated: cst.Expr, scene: Scene) -> cst.BaseSmallStatement:
    """`gym.logger.set_level(40)` as a statement: an assignment."""
    call, new = original.value, updated.value
    if not isinstance(call, cst.Call) or not isinstance(new, cst.Call) or len(call.args) != 1:
        return updated
    if scene.known.full_name(call.func) not in LEVEL or not isinstance(call.func, cst.Attribute):
        return updated
    scene.say(original, "The level is a number of the module's.")
    target = cst.AssignTarget(call.func.with_changes(attr=cst.Name("min_level")))
    return cst.Assign([target], new.args[0].value, semicolon=updated.semicolon)


def vectors_made(original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
    """`gym.vector.make("CartPole-v1", num_envs=4)`: the function of today."""
    if scene.known.full_name(original.func) != VECTOR_MAKE:
        return updated
    gym = _gym_itself(original.func, scene)
    if not gym:
        why = "It is called gym.make_vec today."
        scene.say_by_hand(original, why, "envs = gym.make_vec(...)")
        return updated
    scene.say(
        original,
        "It is called make_vec today; a step after an episode's end resets, and its action "
        "does not count.",
    )
    return updated.with_changes(func=cst.parse_expression(f"{gym}.make_vec"))
