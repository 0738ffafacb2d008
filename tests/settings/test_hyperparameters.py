"""Settings: frozen, validated, each described once."""

from typing import Any

import pytest
from pydantic import ValidationError

from upright.settings.hyperparameters import (
    SETTINGS,
    ActorCriticSettings,
    PPOSettings,
    ReinforceSettings,
    Schedule,
    Settings,
)


def test_a_schedule_moves_linearly_and_stays_within_its_ends() -> None:
    schedule = Schedule(0.4, 0.2)
    assert [schedule.at(x) for x in (-1.0, 0.0, 0.5, 1.0, 2.0)] == pytest.approx(
        [0.4, 0.4, 0.3, 0.2, 0.2]
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (0.1, Schedule(0.1, 0.1)),
        (1, Schedule(1.0, 1.0)),
        ("0.1", Schedule(0.1, 0.1)),
        ("3e-4:0", Schedule(3e-4, 0.0)),
        ([0.2, 0.1], Schedule(0.2, 0.1)),
        (Schedule(0.2, 0.1), Schedule(0.2, 0.1)),
    ],
)
def test_a_schedule_is_a_number_or_a_start_and_an_end(written: Any, expected: Schedule) -> None:
    assert PPOSettings(learning_rate=written).learning_rate == expected


@pytest.mark.parametrize("wrong", ["", "a", "1:2:3", ":", -0.1, "0.1:-1", "nan", "inf", True, None])
def test_what_is_no_schedule_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="learning_rate"):
        PPOSettings(learning_rate=wrong)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_settings_read_back_from_json_values_as_they_were(settings: type[Settings]) -> None:
    made = settings(learning_rate="0.1:0.05", hidden_sizes=[3, 4], normalize_obs=True)
    assert settings(**made.model_dump(mode="json")) == made


@pytest.mark.parametrize("written", ["64,32", (64, 32), [64, 32], "64, 32,"])
def test_sizes_are_a_list_or_text_with_commas(written: Any) -> None:
    assert PPOSettings(hidden_sizes=written).hidden_sizes == (64, 32)


def test_no_hidden_layer_is_possible() -> None:
    assert PPOSettings(hidden_sizes="").hidden_sizes == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gamma", 1.01),
        ("gamma", -0.1),
        ("gamma", float("nan")),
        ("gamma", True),
        ("gae_lambda", 2),
        ("num_envs", 0),
        ("num_envs", 1.5),
        ("num_envs", True),
        ("num_steps", -1),
        ("num_epochs", 0),
        ("total_timesteps", 0),
        ("adam_eps", 0),
        ("value_scale", 0),
        ("vf_coef", float("inf")),
        ("max_grad_norm", -1),
        ("max_grad_norm", 1e39),
        ("learning_rate", 1e39),
        ("learning_rate", "1e-3:1e39"),
        ("clip_range", 1e39),
        ("ent_coef", 1e39),
        ("vf_coef", 1e39),
        ("clip_range_vf", 1e39),
        ("target_kl", 1e39),
        ("hidden_sizes", "64,0"),
        ("hidden_sizes", "wide"),
        ("activation", "gelu"),
        ("backend", "threads"),
        ("initialization", "zeros"),
        ("clip_range", 0),
        ("no_such_setting", 1),
    ],
)
def test_what_is_out_of_range_or_of_another_type_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        PPOSettings(**{name: value})


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        PPOSettings().gamma = 0.5


def test_every_environment_has_the_same_share_of_episodes() -> None:
    assert ReinforceSettings(num_envs=4, num_episodes=12).episodes_per_env == 3
    with pytest.raises(ValidationError, match="multiple"):
        ReinforceSettings(num_envs=4, num_episodes=10)


def test_separate_optimizers_need_separate_networks() -> None:
    with pytest.raises(ValidationError, match="separate"):
        ActorCriticSettings(shared_network=True, separate_optimizers=True)


def test_the_interval_between_evaluations_is_a_twentieth_of_the_budget_unless_it_is_given() -> None:
    assert PPOSettings(total_timesteps=1000).timesteps_between_evaluations == 50
    assert PPOSettings(total_timesteps=1).timesteps_between_evaluations == 1
    assert PPOSettings(eval_every=7).timesteps_between_evaluations == 7


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_is_described_in_a_few_words(settings: type[Settings]) -> None:
    for field in settings.model_fields.values():
        assert field.description
        assert set(field.json_schema_extra) == {"unit", "source"}


def test_only_reinforce_collects_whole_episodes_by_default() -> None:
    assert ReinforceSettings().rollout_steps == 0
    assert ActorCriticSettings().rollout_steps == 16
    assert PPOSettings(num_steps=0).rollout_steps == 0
