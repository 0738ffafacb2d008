"""What a row of metrics.jsonl calls its numbers, and of how many episodes they are."""

# A row's return, its deviation and its length are of the last so many episodes that ended.
RECENT = 100


class Metric:
    """The names that more than one file knows; `train/...` has more, each of an algorithm's own."""

    ITERATION = "iteration"
    EPISODE_RETURN = "rollout/ep_rew_mean"
    EPISODE_DEVIATION = "rollout/ep_rew_std"
    EPISODE_LENGTH = "rollout/ep_len_mean"
    OBS_SCALE = "rollout/obs_scale_ratio"
    AT_BOUNDS = "rollout/actions_at_bounds"
    ENTROPY = "train/entropy"
    KL = "train/approx_kl"
    EXPLAINED = "train/explained_variance"
    EVALUATION = "eval/mean_reward"
    TIMESTEPS = "time/total_timesteps"
    EPISODES = "time/total_episodes"
    FPS = "time/fps"
    SECONDS = "time/time_elapsed"
