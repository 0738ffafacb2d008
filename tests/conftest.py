"""One thread for every test, environments with thresholds of their own, and one finished run."""

import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import gymnasium as gym
import pytest
from hypothesis import settings

import upright
from upright.ground import limit_threads
from upright.runs.run import Run

limit_threads(1)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts its background jobs
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Without the extras that some tests hold this project against, the others still run.
collect_ignore: list[str] = []
if find_spec("libcst") is None:
    collect_ignore += ["migration", "cli/verbs/test_migrate.py"]
if find_spec("torch") is None or find_spec("tensorboard") is None:
    NEEDS = re.compile(r"^(?:import|from) (?:torch|tensorboard|hostile)\b", re.MULTILINE)
    tests = Path(__file__).parent.rglob("test_*.py")
    collect_ignore += [str(path) for path in tests if NEEDS.search(path.read_text("utf-8"))]
# Tests draw the same examples always; `make explore` draws others.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("other", deadline=None)
settings.load_profile("same")
# The pictures of a training take longer than the training; their own tests ask for them.
os.environ["UPRIGHT_NO_MEDIA"] = "1"

# Matrices of which `make test` runs every n-th case; `make test-long` runs the others. A star
# stands for every matrix of the file that is not named.
THINNED = {
    "test_architecture": {
        "test_a_front_door_says_what_lives_there_and_hands_out_what_others_use": 3,
    },
    "envs/test_guard": {
        "test_a_fault_while_training_leaves_a_run_that_failed_and_can_go_on": 2,
    },
    "envs/test_replay": {"test_after_a_restore_the_next_steps_are_identical": 3},
    "experiment/test_cartpole": {"test_cartpole_is_solved_and_the_verdict_holds": 3},
    "show/playing/test_live_in_browser": {
        "test_the_picture_stays_where_it_is_as_episodes_end": 5,
    },
    "show/pages/test_playground_in_browser": {
        "test_keys_buttons_and_mouse_push": 3,
        "test_the_best_is_of_one_undisturbed_policy": 3,
        "test_at_random_all_actions_are_taken_alike": 3,
    },
    "cli/verbs/test_board": {
        "test_it_says_where_it_is_follows_the_folder_and_a_signal_ends_it": 2,
    },
    "cli/test_commands": {"test_the_lessons_print_their_scores_on_stderr": 2},
    "policy/test_onnx_export": {
        "test_a_masked_model_takes_what_its_second_input_allows": 5,
        "test_the_file_answers_as_the_policy_does": 5,
        "test_the_file_takes_and_answers_rows_of_every_space": 3,
    },
    "show/playing/test_live": {"test_a_signal_ends_the_command_with_streams_open": 2},
    "learning/test_masks": {
        "test_a_run_under_masks_is_verified_resumed_and_shown_under_them": 3,
        "test_what_masks_allow_is_learned_and_nothing_else_is_ever_done": 2,
    },
    "learning/test_probes": {"*": 2},
    "learning/test_spaces": {
        "test_a_run_over_every_space_is_evaluated_verified_resumed_and_reloaded": 3,
    },
    "docs/test_pages": {"test_the_python_of_a_page_runs": 5},
    "docs/test_docstrings": {"test_the_examples_in_docstrings_are_true": 5},
    "migration/test_scripts": {"test_a_migrated_script_runs_to_its_end": 5},
    "experiment/test_exactness": {
        "test_a_larger_budget_leads_where_a_straight_run_of_it_leads": 2,
        "test_a_run_that_was_ended_in_its_last_iteration_is_the_undisturbed_one": 2,
        "test_a_trainer_goes_on_exactly_where_it_was_cut": 4,
        "test_a_trainer_with_a_cnn_goes_on_exactly_where_it_was_cut": 5,
        "test_episodes_longer_than_many_rollouts_are_gone_on_with": 2,
    },
    "experiment/test_kills": {
        "test_a_killed_command_line_goes_on_exactly": 2,
        "test_a_killed_training_goes_on_exactly": 3,
    },
    "runs/test_hostile": {
        "*": 4,
        "test_a_safetensors_file_that_is_not_in_order_is_refused": 5,
        "test_a_space_that_is_none_is_refused": 5,
        "test_a_state_that_cannot_be_is_refused_or_does_no_harm": 4,
        "test_a_trainers_file_that_is_not_in_order_is_refused_even_if_the_manifest_vouches_for_it": 5,  # noqa: E501
        "test_another_schema_is_refused": 4,
        "test_foreign_files_in_a_checkpoint_are_not_opened_even_if_its_manifest_vouches_for_them": 5,  # noqa: E501
        "test_foreign_files_in_the_place_of_text_are_refused": 5,
        "test_json_that_is_not_strict_is_refused": 5,
        "test_json_that_is_not_strict_is_refused_in_a_checkpoint": 5,
        "test_settings_that_are_giant_end_in_a_sentence_or_do_no_harm": 4,
        "test_settings_that_are_not_a_runs_are_refused": 4,
        "test_what_is_no_file_is_refused_in_its_place_and_never_waited_for": 5,
    },
    "scale/test_lag": {"test_a_run_one_rollout_ahead_is_the_same_in_any_storm": 4},
    "scale/test_exact": {
        "test_a_run_in_shards_is_the_same_in_any_storm": 4,
        "test_so_is_one_of_any_environment": 3,
    },
    "show/video/test_recording": {"test_memory_does_not_grow_with_the_length": 2},
    "scale/test_workers": {"test_workers_end_with_their_driver_however_it_ends": 2},
    "study/test_comparing": {"test_what_cannot_be_compared_is_refused_in_a_sentence": 3},
    "study/test_training": {
        "test_seeds_that_are_stopped_as_a_whole_go_on_to_the_same_bytes": 2,
        "test_a_child_that_dies_is_named_and_the_others_go_on": 3,
    },
    "show/curves/test_plotting": {"test_a_long_legend_takes_no_room_from_the_curves": 3},
    "experiment/test_signals": {
        "test_an_interrupted_training_says_how_to_go_on_and_goes_on_exactly": 3,
        "test_a_signal_during_a_drawing_leaves_no_half_of_it": 2,
    },
    "experiment/test_write_faults": {
        "test_a_checkpoint_whose_bytes_were_lost_is_passed_over_aloud": 3,
        "test_any_fault_in_replacing_the_only_checkpoint_leaves_a_whole_one": 3,
        "test_a_training_whose_writing_fails_stops_in_a_sentence_and_goes_on_exactly": 6,
    },
}

EASY = "probes/Easy-v0"
UNJUDGED = "probes/Unjudged-v0"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the cases that `THINNED` names to the long form."""
    tests = Path(__file__).parent
    seen: Counter[tuple[str, str]] = Counter()
    for item in items:
        room = item.path.relative_to(tests).with_suffix("").as_posix()
        name = getattr(item, "originalname", item.name)
        rules = THINNED.get(room, {})
        every = rules.get(name, rules.get("*") if hasattr(item, "callspec") else None)
        if every and not item.get_closest_marker("long"):
            if seen[room, name] % every:
                item.add_marker(pytest.mark.long)
            seen[room, name] += 1


@pytest.fixture
def easy() -> Iterator[str]:
    """An id whose threshold is reached in a few updates."""
    gym.register(EASY, "probes.envs:ActionReward", reward_threshold=0.9)
    yield EASY
    del gym.registry[EASY]


@pytest.fixture
def unjudged() -> Iterator[str]:
    """An id without a threshold."""
    gym.register(UNJUDGED, "probes.envs:ObsReward")
    yield UNJUDGED
    del gym.registry[UNJUDGED]


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run on CartPole, for reading only."""
    out = tmp_path_factory.mktemp("runs")
    return upright.train(
        "CartPole-v1", algo="ppo", preset="default", seed=0, total_timesteps=2048, out=out
    ).path


@pytest.fixture
def run_copy(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of that run, to be spoilt."""
    return Path(shutil.copytree(finished_run, tmp_path / "copy"))


@pytest.fixture
def run(finished_run: Path) -> Run:
    """That run, opened."""
    return upright.load(finished_run)
