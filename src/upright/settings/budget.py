"""What a run's settings become when it goes on with another budget."""

from upright.ground import UprightError
from upright.settings.recipe import Recipe


def with_budget(recipe: Recipe, total_timesteps: int, spent: int) -> tuple[Recipe, list[str]]:
    """The recipe with another budget, and what to say about it.

    What a budget implied stays as it was: schedules keep to their own line and then to its end,
    and evaluations and checkpoints keep their intervals. A run of the new recipe from the start
    therefore takes the same steps.

    Args:
        recipe: The run's.
        total_timesteps: The new budget.
        spent: The timesteps that are behind the run.

    Raises:
        UprightError: There is nothing to go on to.
    """
    settings = recipe.settings
    if total_timesteps <= spent:
        raise UprightError(
            f"{total_timesteps:,} timesteps are no more than the {spent:,} that are behind the run."
        )
    if settings.total_episodes:
        raise UprightError(
            f"This run ends after {settings.total_episodes:,} episodes, not at a timestep.",
            "Train anew with another total_episodes.",
        )
    moving = settings.schedules()
    line = settings.schedule_timesteps or settings.total_timesteps
    rate = moving.get("learning_rate")
    if rate is not None and rate.end == 0.0 and total_timesteps > line:
        raise UprightError(
            f"learning_rate falls to 0 at {line:,} timesteps; nothing would be learned after that.",
            "Train anew with the larger budget.",
        )
    kept = {
        "total_timesteps": total_timesteps,
        "schedule_timesteps": line if moving else settings.schedule_timesteps,
        "eval_every": settings.timesteps_between_evaluations,
    }
    changes = {
        "settings": settings.model_copy(update=kept),
        "checkpoint_every": recipe.timesteps_between_checkpoints,
    }
    notes = [
        f"{name} moves from {schedule.start:g} to {schedule.end:g} over the first {line:,} "
        "timesteps, as before, and stays there."
        for name, schedule in moving.items()
    ] or ["No setting moves with the budget."]
    budget = (
        f"The budget is now {total_timesteps:,} timesteps (it was {settings.total_timesteps:,})."
    )
    return recipe.model_copy(update=changes), [budget, *notes]
