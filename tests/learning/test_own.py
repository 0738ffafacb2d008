"""A network and a loss of the user's own, in PyTorch: trained, judged, opened and gone on with."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import upright
from upright.envs.checking import check
from upright.ground.errors import UprightError
from upright.learning.trainer import Trainer
from upright.policy.own import Own
from upright.policy.torch_network import TorchNetwork
from upright.runs.folder import checkpoint_folders
from upright.settings.resolving import resolve

DOCS = Path(upright.__file__).parents[2] / "docs"
SMALL: dict[str, Any] = {"seed": 1, "total_timesteps": 6000, "until": "budget", "eval_every": 3000}
SMALL["schedule_timesteps"] = 6000


def examples(page: str = "torch.md") -> list[str]:
    """A page's blocks of code."""
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_environment_of_ones_own_that_is_on_the_page_is_sound() -> None:
    code, _ = examples("howto/your-own-environment.md")
    names: dict[str, Any] = {}
    exec(code, names)
    found = check(names["Target"], seed=0, steps=1000)
    assert {one.outcome for one in found} <= {"fine", "hurts"}


class Normed(nn.Module):
    """A network with buffers that learning changes, and randomness that belongs to learning."""

    def __init__(self, space: Any, num_params: int) -> None:
        super().__init__()
        dense = nn.Linear(space.shape[0], 16)
        self.body = nn.Sequential(dense, nn.Tanh(), nn.BatchNorm1d(16), nn.Dropout(0.2))
        self.actor, self.critic = nn.Linear(16, num_params), nn.Linear(16, 1)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.body(obs)
        return self.actor(hidden), self.critic(hidden).squeeze(-1)


def surrogate(log_probs: Tensor, entropy: Tensor, values: Tensor, batch: Any) -> Tensor:
    """PPO's own loss, as the tuned preset has it, written in PyTorch."""
    ratio = (log_probs - batch.old_log_probs).exp()
    held = ratio.clamp(0.7, 1.3)
    policy = -torch.minimum(ratio * batch.advantages, held * batch.advantages).mean()
    return policy + 0.5 / 50.0**2 * (values - batch.returns).square().mean()


@pytest.mark.learning
def test_the_pages_own_network_is_solved_and_opened_again(tmp_path: Path) -> None:
    code, again = examples()[0], examples()[1]
    names: dict[str, Any] = {}
    exec(code.rpartition("\n\n\n")[0], names)
    run = upright.train("CartPole-v1", algo="ppo", policy=names["Residual"], seed=0, out=tmp_path)
    assert run.solved
    assert "policy=Residual" in again
    opened = upright.load(run.path, policy=names["Residual"])
    assert isinstance(opened.policy.network, TorchNetwork)
    assert upright.verify(opened).holds
    with pytest.raises(UprightError, match=r"module made by Residual, which no file can hold"):
        _ = upright.load(run.path).policy


@pytest.mark.learning
def test_the_pages_own_loss_is_trained_with_and_asked_for_again(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(examples()[2].rpartition("\n\n\n")[0], names)
    run = upright.train(
        "CartPole-v1", algo="ppo", loss=names["soft_clip"], out=tmp_path, **(SMALL | {"seed": 0})
    )
    assert all("train/loss" in row for row in run.metrics())
    returns = [row["rollout/ep_rew_mean"] for row in run.metrics() if "rollout/ep_rew_mean" in row]
    assert returns[-1] > 1.5 * returns[0]
    with pytest.raises(UprightError, match="trained with soft_clip"):
        upright.resume(run.path, total_timesteps=8000)
    gone_on = upright.resume(run.path, total_timesteps=8000, loss=names["soft_clip"])
    assert gone_on.record.timesteps >= 8000
    plain = upright.train("CartPole-v1", algo="ppo", out=tmp_path, **SMALL)
    with pytest.raises(UprightError, match="the algorithm's own loss"):
        upright.resume(plain.path, total_timesteps=8000, loss=names["soft_clip"])


def test_a_loss_in_pytorch_that_is_ppos_own_learns_what_ppo_learns() -> None:
    recipe = resolve("CartPole-v1", "ppo", **SMALL)
    both = [Trainer(recipe, "CartPole-v1", own) for own in (Own(), Own(loss=surrogate))]
    for _ in range(3):
        rows = [next(trainer).metrics for trainer in both]
        assert rows[1].pop("train/loss") == pytest.approx(
            rows[1]["train/policy_gradient_loss"] + 0.5 / 2500 * rows[1]["train/value_loss"], 1e-4
        )
        assert rows[0] == pytest.approx(rows[1], rel=1e-3, abs=1e-5)
    np.testing.assert_allclose(*(each.policy.network.flat for each in both), atol=1e-4)
    for trainer in both:
        trainer.close()


def test_a_module_with_buffers_goes_on_exactly_where_its_checkpoint_was(tmp_path: Path) -> None:
    whole = upright.train("CartPole-v1", "ppo", policy=Normed, out=tmp_path / "a", **SMALL)
    part = upright.train(
        "CartPole-v1",
        "ppo",
        policy=Normed,
        out=tmp_path / "b",
        **(SMALL | {"total_timesteps": 3000}),
    )
    gone_on = upright.resume(part.path, total_timesteps=6000, policy=Normed)
    one, other = (next(checkpoint_folders(run.path / "checkpoints")) for run in (whole, gone_on))
    assert one.name == other.name
    for name in ("policy.safetensors", "trainer.safetensors"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_a_module_acts_without_the_randomness_that_it_learns_with() -> None:
    recipe = resolve("CartPole-v1", "ppo", **SMALL)
    trainer = Trainer(recipe, "CartPole-v1", Own(policy=Normed))
    for _ in range(3):
        next(trainer)
    obs = np.tile(np.float32([0.1, -0.2, 0.05, 0.3]), (200, 1))
    before = {name: array.copy() for name, array in trainer.policy.weights.items()}
    assert np.ptp(trainer.policy.values(obs)) == 0.0
    assert len(set(trainer.policy.predict(obs, deterministic=True)[0].tolist())) == 1
    after = trainer.policy.weights
    assert all(np.array_equal(before[name], after[name]) for name in before)
    trainer.close()


def test_what_is_no_network_is_refused_in_a_sentence() -> None:
    recipe = resolve("CartPole-v1", "ppo", **SMALL)
    with pytest.raises(UprightError, match=r"returned an object of type str, no torch\.nn\.Module"):
        Trainer(recipe, "CartPole-v1", Own(policy=lambda space, num_params: "net"))  # type: ignore[arg-type, return-value]
    apart = resolve("CartPole-v1", "ppo", separate_optimizers=True, **SMALL)
    with pytest.raises(UprightError, match="separate_optimizers needs the dense network"):
        Trainer(apart, "CartPole-v1", Own(policy=Normed))
    with pytest.raises(UprightError, match="float64"):
        Trainer(recipe, "CartPole-v1", Own(policy=lambda space, n: Normed(space, n).double()))
    trainer = Trainer(recipe, "CartPole-v1", Own(policy=lambda space, n: nn.Linear(4, n)))
    with pytest.raises(UprightError, match=r"The policy's module returned Tensor"):
        next(trainer)
    trainer.close()


def test_what_is_no_loss_is_refused_in_a_sentence() -> None:
    recipe = resolve("CartPole-v1", "ppo", **SMALL)
    trainer = Trainer(recipe, "CartPole-v1", Own(loss=lambda *said: said[0]))
    with pytest.raises(UprightError, match="no tensor of one number"):
        next(trainer)
    trainer.close()
