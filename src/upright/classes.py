"""The classes that `import upright` gives: runs that show themselves, and the trainer."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upright import learning, runs, study
from upright.envs import EnvSource, recipe_for
from upright.policy import Own

if TYPE_CHECKING:
    from upright.judging import Finding
    from upright.policy import ModuleFactory
    from upright.show.curves import Picture
    from upright.show.video import Replay


class Run(runs.Run):
    """A run that shows itself; what draws it is looked for when it is asked, not before.

    Example:
        >>> run = upright.train("CartPole-v1", algo="ppo", seed=0)
        >>> run
        Run('runs/CartPole-v1/ppo-s0', status='finished', solved=True)
        >>> run.plot("train/entropy").save("entropy.png").name
        'entropy.png'
        >>> run.watch(checkpoint=0).save("untrained.mp4").name
        'untrained.mp4'
        >>> run.diagnose()
        []
    """

    def plot(
        self, metric: str | None = None, axis: str = "timesteps", smooth: int = 0
    ) -> "Picture":
        """The learning curve, as `show.curves.plot` draws it; it shows itself in a notebook."""
        from upright.show.curves import plot

        return plot([self], metric, axis, smooth)

    def watch(self, episodes: int = 1, checkpoint: str | int = "best", seed: int = 0) -> "Replay":
        """Episodes as a video that shows itself in a notebook; `checkpoint` as in `policy_at`."""
        from upright.show.video import replay

        return replay(self, episodes=episodes, checkpoint=checkpoint, seed=seed)

    def diagnose(self) -> "list[Finding]":
        """What is unusual about the run, in plain words, and what to try; often nothing."""
        return runs.findings_of(self)

    def _repr_html_(self) -> str:
        from upright.show.pages import card

        return card(self)


class Seeds(study.SeedRuns):
    """Several seeds of one recipe, trained, that show themselves; `runs` holds a `Run` of each.

    Example:
        >>> several = upright.seeds("CartPole-v1", seeds=range(2), jobs=2)
        >>> [run.solved for run in several.runs]
        [True, True]
        >>> several.plot().save("several.png").name
        'several.png'
    """

    def plot(self, metric: str | None = None, axis: str = "timesteps") -> "Picture":
        """The mean learning curve and its 95% band, as `Run.plot` draws one."""
        from upright.show.curves import plot

        return plot(self.runs, metric, axis)

    def _repr_html_(self) -> str:
        from upright.show.pages import many_card

        return many_card(self.runs, self.sentences(), self.failures)


class Trainer(learning.Trainer):
    """An iterator over training iterations, until the budget is spent; nothing is written.

    Args:
        env: A Gymnasium id, or a function that returns a new environment.
        algo: As in `train`; so are the others.
        **settings: Any setting, and any other field of `Recipe` (seed, device, threads ...).

    Raises:
        UprightError: A setting, the environment or one of its spaces will not do.

    Example:
        >>> trainer = upright.Trainer("CartPole-v1", algo="ppo", seed=0, total_timesteps=1_000)
        >>> for iteration in trainer:
        ...     said = iteration.timesteps, iteration.metrics["train/entropy"]
        >>> trainer.progress
        1.0
    """

    def __init__(
        self,
        env: EnvSource | None = None,
        algo: str | None = None,
        *,
        preset: str | None = None,
        config: str | Path | None = None,
        trust_code: bool = False,
        policy: "ModuleFactory | None" = None,
        loss: Callable[..., Any] | None = None,
        **settings: Any,
    ) -> None:
        chosen = {"preset": preset, **settings}
        recipe = recipe_for(env, algo, config=config, trust_code=trust_code, **chosen)
        source = recipe.env if env is None else env
        super().__init__(recipe, source, Own(policy, loss))
