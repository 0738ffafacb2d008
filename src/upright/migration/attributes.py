"""What old scripts reached for in an environment or in the package, and where it is now."""

import libcst as cst

from upright.migration import registry
from upright.migration.idiom import Idiom
from upright.migration.scene import Scene
from upright.migration.syntax import chain, dotted
from upright.migration.wrappers import RENAMED

MAX_STEPS = "_max_episode_steps"
# Of the tabular environments.
COUNTS = {"nS": "observation_space.n", "nA": "action_space.n"}
GONE = ("reward_range", "monitor", "configure")
ALL = ("gym.envs.registry.all", "gym.envs.registration.registry.all", "gym.registry.all")
SPECS = ("gym.envs.registry.env_specs", "gym.envs.registration.registry.env_specs")
SPEC = ("gym.envs.registry.spec", "gym.envs.registration.registry.spec")
LOG_LEVELS = {"DEBUG": "10", "INFO": "20", "DISABLED": "50"}
LEVEL = ("gym.logger.set_level", "gym.logger.setLevel")


class Inside(Idiom):
    """`env.state`, `env.env.state`, `env.P`, `env.nS`, `env._max_episode_steps`."""

    name = "inside"
    nodes = (cst.Attribute,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """Asked of the environment within its wrappers."""
        assert isinstance(original, cst.Attribute)
        assert isinstance(updated, cst.Attribute)
        name = original.attr.value
        if name == "timestep_limit" and dotted(original).endswith(".spec.timestep_limit"):
            scene.say("The limit is called max_episode_steps.")
            return updated.with_changes(attr=cst.Name("max_episode_steps"))
        if scene.known.full_name(original) or not scene.kinds.is_bare(original.value, scene.scope):
            return updated
        if name == MAX_STEPS:
            return self._limit(original, updated, scene)
        if name in registry.wrapper_attributes() or name.startswith("__") or name == "seed":
            return updated
        if name in GONE:
            scene.say_by_hand(f"An environment has no {name} today.", "")
            return updated
        inner = updated.value
        if isinstance(inner, cst.Attribute) and inner.attr.value == "env":
            inner = inner.value
        if name in COUNTS:
            scene.say("The number is its space's.")
            return chain(f"{scene.code(inner)}.{COUNTS[name]}") if dotted(inner) else updated
        scene.say(f"A wrapper no longer hands on {name} of the environment within.")
        return updated.with_changes(value=cst.Attribute(inner, cst.Name("unwrapped")))

    def _limit(
        self, original: cst.Attribute, updated: cst.Attribute, scene: Scene
    ) -> cst.Attribute:
        if isinstance(scene.parent, cst.AssignTarget):
            scene.say_by_hand(
                "A time limit is said where the environment is made.",
                "env = gym.make(..., max_episode_steps=...)",
            )
            return updated
        scene.say("The time limit stands in the environment's spec.")
        inner = cst.Attribute(updated.value, cst.Name("spec"))
        return updated.with_changes(value=inner, attr=cst.Name("max_episode_steps"))


class Package(Idiom):
    """`gym.envs.registry.all()`, and names that are gone."""

    name = "package"
    nodes = (cst.Call, cst.Attribute)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """What Gymnasium has in its place."""
        if isinstance(original, cst.Attribute):
            return self._attribute(original, updated, scene)
        assert isinstance(original, cst.Call)
        full = scene.known.full_name(original.func)
        root = dotted(original.func).partition(".")[0]
        if full in ALL and scene.known.origins.get(root) == "gym":
            scene.say("The registry is a dictionary of specs.")
            assert isinstance(updated, cst.Call)
            return updated.with_changes(func=chain(f"{root}.registry.values"))
        return updated

    def _attribute(
        self, original: cst.Attribute, updated: cst.CSTNode, scene: Scene
    ) -> cst.CSTNode:
        full = scene.known.full_name(original)
        root = dotted(original).partition(".")[0]
        if not full.startswith("gym.") or isinstance(scene.parent, cst.Attribute):
            return updated
        today = {**dict.fromkeys(SPECS, "registry"), **dict.fromkeys(SPEC, "spec")}.get(full)
        if today and scene.known.origins.get(root) == "gym":
            scene.say("The registry is a dictionary of specs, and spec a function beside it.")
            return chain(f"{root}.{today}")
        if full.startswith("gym.logger.") and original.attr.value in LOG_LEVELS:
            scene.say("Gymnasium has no name for this level.")
            return cst.Integer(LOG_LEVELS[original.attr.value])
        if self._is_gone(full, scene):
            scene.say_by_hand(f"Gymnasium has no {full.removeprefix('gym.')}.", "")
        return updated

    def _is_gone(self, full: str, scene: Scene) -> bool:
        handled = full in RENAMED or full in (*ALL, *SPECS, *LEVEL) or full == "gym.vector.make"
        inside = isinstance(scene.parent, cst.Import | cst.ImportFrom | cst.ImportAlias)
        return not handled and not inside and not registry.has(full)


class Level(Idiom):
    """`gym.logger.set_level(40)` as a statement."""

    name = "logger"
    nodes = (cst.Expr,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """An assignment."""
        assert isinstance(original, cst.Expr)
        call = original.value
        if not isinstance(call, cst.Call) or len(call.args) != 1:
            return updated
        if scene.known.full_name(call.func) not in LEVEL:
            return updated
        scene.say("The level is a number of the module's.")
        where = dotted(call.func).rpartition(".")[0]
        assert isinstance(updated, cst.Expr)
        target = cst.AssignTarget(chain(f"{where}.min_level"))
        assert isinstance(updated.value, cst.Call)
        return cst.Assign([target], updated.value.args[0].value, semicolon=updated.semicolon)


class Vectors(Idiom):
    """`gym.vector.make("CartPole-v1", num_envs=4)`."""

    name = "vector"
    nodes = (cst.Call,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """The function of today."""
        assert isinstance(original, cst.Call)
        root = dotted(original.func).partition(".")[0]
        if scene.known.full_name(original.func) != "gym.vector.make":
            return updated
        assert isinstance(updated, cst.Call)
        if scene.known.origins.get(root) != "gym":
            scene.say_by_hand("It is called gym.make_vec today.", "envs = gym.make_vec(...)")
            return updated
        scene.say(
            "It is called make_vec today; a step after an episode's end resets, and its action "
            "does not count."
        )
        return updated.with_changes(func=chain(f"{root}.make_vec"))
