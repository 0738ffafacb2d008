"""Which collector a recipe asks for."""

from upright.envs import Envs, EnvSource
from upright.ground import Stream, UprightError, generator, how_many
from upright.policy import Own, Policy
from upright.rollout import Collector, LocalCollector, refuse_too_large
from upright.scale.engine import Engine, Job
from upright.scale.inprocess import InProcess
from upright.scale.processes import ProcessEngine
from upright.scale.sharded import ShardedCollector
from upright.settings import Recipe


def collector_of(
    recipe: Recipe, env: EnvSource, envs: Envs, policy: Policy, device: str, own: Own
) -> Collector:
    """What collects for a training.

    Args:
        recipe: Says in how many shards, and in how many processes.
        env: What makes the environment.
        envs: Environments that it made; what collects closes them.
        policy: Acts, with the weights that it has at each `collect`.
        device: Where it does its arithmetic.
        own: The user's own network.

    Raises:
        UprightError: The environments do not come in shards, the workers have none, the machine
            has no memory for such a rollout, or no worker can import what is the user's own.
    """
    chosen, workers = recipe.settings, recipe.workers
    if not chosen.shards:
        if workers:
            raise UprightError(
                f"There is nothing for {how_many(workers, 'worker')} to collect: the run "
                "has no shards.",
                "Say --shards when a run begins, a divisor of num_envs: they are part of it.",
            )
        rng = generator(recipe.seed, Stream.ACTIONS)
        parts = (envs, policy, rng, chosen.rollout_steps, chosen.episodes_per_env)
        return LocalCollector(*parts)
    if not envs.exact:
        raise UprightError(
            f"The backend {envs.backend} cannot restore its episodes, and shards rest on that.",
            "Say --backend sync, or leave out --shards.",
        )
    acts = policy.distribution
    refuse_too_large(envs.observations, acts, chosen.num_envs, chosen.rollout_steps)
    job = Job(env, chosen, recipe.seed, envs.backend, device, own.policy)
    engine: Engine = InProcess(job, policy, recipe.threads)
    if workers:
        engine = _workers_of(recipe, job)
    envs.close()
    return ShardedCollector(engine, policy, chosen, recipe.env_timeout)


def _workers_of(recipe: Recipe, job: Job) -> Engine:
    """The workers that a recipe asks for, no more than there are shards.

    Raises:
        UprightError: There can be none.
    """
    workers = min(recipe.workers, recipe.settings.shards)
    if recipe.engine == "process":
        return ProcessEngine(job, workers, recipe.env_timeout)
    from upright.scale.ray_engine import RayEngine

    return RayEngine(job, workers, recipe.ray_address or "")
