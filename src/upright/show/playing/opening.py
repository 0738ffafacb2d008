"""What is to be shown: a run's policy, or random actions in an environment."""

from pathlib import Path
from typing import Any

from upright.envs import EnvSource, is_code, name_of, spec_of
from upright.ground import UprightError, printable, shortened
from upright.runs import RUN_FILE, Run
from upright.show.playing.pace import Show, action_names
from upright.show.playing.player import Player

SHOWN_LETTERS = 200


def show_of(
    what: str,
    checkpoint: str,
    *,
    random: bool,
    trust_code: bool,
    seed: int,
    stochastic: bool,
    **options: Any,
) -> Show:
    """A run's policy, or random actions: in a run's environment, or in one that is named.

    Args:
        what: A run folder, a bundle or an environment.
        checkpoint: As in `Run.policy_at`.
        random: Whether every action is drawn, and no policy asked.
        trust_code: Whether an environment that a run names may be imported code.
        seed: Where the episodes' seeds, and all drawn actions, derive from.
        stochastic: The policy's actions are drawn, instead of the most probable one.
        **options: How many episodes and how fast, as `Show` has them.

    Raises:
        UprightError: There is nothing of that name, nobody who acts or no such policy, or the
            environment cannot be drawn.
    """
    if not _names_a_run(what):
        if random:
            return at_random(what, seed, **options)
        raise UprightError(
            f"{what} is an environment, and nothing says who acts in it.",
            "--random does; for a trained policy name its run (`upright runs` lists them).",
        )
    run = Run(what, trust_code=trust_code)
    if random:
        return at_random(run.eval_env, seed, **options)
    policy, step = run.policy_and_step(checkpoint)
    label = "best policy" if step is None else f"step {step:,}"
    player = Player(run.eval_env, policy, seed=seed, deterministic=not stochastic, label=label)
    env = run.recipe.judged_in
    return Show(player, _title(env), action_names(env, policy.action_space), **options)


def at_random(env: EnvSource, seed: int, **options: Any) -> Show:
    """Random actions in an environment; the options are as in `show_of`."""
    player = Player(env, None, seed=seed, label="at random")
    return Show(player, _title(name_of(env)), **options)


def _title(env: str) -> str:
    return printable(shortened(env, SHOWN_LETTERS))


def _names_a_run(what: str) -> bool:
    """Whether it is to be opened as a run: it is one, or a path that names nothing else."""
    path = Path(what)
    try:
        there, holds = path.exists(), path.is_file() or (path / RUN_FILE).exists()
    except (OSError, ValueError):
        there = holds = False
    if holds or is_code(what):
        return holds
    try:
        spec_of(what)
    except UprightError as error:
        if there:
            return True
        hint = error.hint if error.hint.startswith("Did you mean") else ""
        raise UprightError(
            f"There is neither a run nor an environment '{what}'.",
            hint or "`upright runs` lists the runs, `upright envs` the environments.",
        ) from error
    return False
