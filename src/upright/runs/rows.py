"""What the lines of metrics.jsonl and episodes.jsonl say: a strict class each."""

from typing import TYPE_CHECKING, Self

from pydantic import ConfigDict, Field, RootModel, model_validator

from upright.runs.records import Count, Number, Record

if TYPE_CHECKING:
    from upright.rollout import Episode


class Metric:
    """The names in a row of metrics.jsonl that are not an update's own (`train/...`)."""

    ITERATION = "iteration"
    EPISODE_RETURN = "rollout/ep_rew_mean"
    EPISODE_LENGTH = "rollout/ep_len_mean"
    EVALUATION = "eval/mean_reward"
    TIMESTEPS = "time/total_timesteps"
    EPISODES = "time/total_episodes"
    FPS = "time/fps"
    SECONDS = "time/time_elapsed"


class MetricsRow(RootModel[dict[str, Number]]):
    """A line of metrics.jsonl: an iteration's numbers by their names."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, defer_build=True)

    @model_validator(mode="after")
    def _counted(self) -> Self:
        counts = (self.root.get(name) for name in (Metric.ITERATION, Metric.TIMESTEPS))
        if not all(type(count) is int and 0 <= count < 2**63 for count in counts):
            raise ValueError("has no counts")
        if Metric.SECONDS not in self.root or not all(name.isprintable() for name in self.root):
            raise ValueError("lacks or garbles a name")
        return self


class EpisodeRow(Record):
    """A line of episodes.jsonl: a finished training episode.

    Attributes:
        timesteps: The transitions behind the run at the end of the iteration that it ended in.
        iteration: That iteration.
        env: The environment's number.
        episode_return: The sum of its rewards.
        length: Its transitions.
    """

    model_config = ConfigDict(extra="ignore")

    timesteps: Count
    iteration: Count
    env: Count
    episode_return: Number = Field(alias="return")
    length: Count

    @staticmethod
    def written(episode: "Episode", timesteps: int, iteration: int) -> dict[str, float]:
        """The line of an episode that ended in this iteration."""
        return {
            "timesteps": timesteps,
            "iteration": iteration,
            "env": episode.env_index,
            "return": episode.episode_return,
            "length": episode.length,
        }
