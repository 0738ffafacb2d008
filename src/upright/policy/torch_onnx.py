"""A module's policy as an ONNX model, by PyTorch's own exporter."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from upright.policy.discrete import Categorical
from upright.policy.gaussian import DiagonalGaussian
from upright.policy.masking import FORBIDDEN
from upright.policy.policy import Policy


class _Deployed(nn.Module):
    """What a policy does when it is used, as a function of tensors alone."""

    def __init__(self, policy: Policy, outputs: list[str]) -> None:
        super().__init__()
        self._distribution, self._outputs = policy.distribution, outputs
        self.policy = policy.to_torch().eval()

    def forward(self, obs: Tensor, action_mask: Tensor | None = None) -> tuple[Tensor, ...]:
        """Actions [B, ...], pi(.|s) [B, n] for Discrete and V(s) [B], of obs [B, ...].

        Allowed is what the mask [B, n] says, or everything.
        """
        params, values = self.policy(obs)
        if action_mask is not None:
            params = torch.where(action_mask, params, FORBIDDEN)
        said = {"value": values, "action": self._action(params)}
        if isinstance(self._distribution, Categorical):
            said["probabilities"] = torch.softmax(params, dim=-1)
        return tuple(said[name] for name in self._outputs)

    def _action(self, params: Tensor) -> Tensor:
        distribution = self._distribution
        if isinstance(distribution, Categorical):
            return params.argmax(dim=-1) + distribution.start
        assert isinstance(distribution, DiagonalGaussian)
        mean = params[:, : distribution.free_params].reshape(-1, *distribution.shape)
        inside = torch.tanh(mean) if distribution.squash else mean
        given = inside * torch.from_numpy(distribution.half) + torch.from_numpy(distribution.centre)
        given = torch.round(given) if distribution.whole else given
        low, high = (
            torch.from_numpy(bound.astype("float32"))
            for bound in (distribution.low, distribution.high)
        )
        return torch.minimum(torch.maximum(given, low), high)


def traced_model(policy: Policy, outputs: list[str], masked: bool = False) -> Any:
    """The model of `write_onnx`, its metadata still to be added.

    Args:
        policy: Over a Discrete or a Box.
        outputs: The names of what it returns.
        masked: Whether it takes action masks.
    """
    # Two rows: the exporter takes a batch of one for a constant.
    inputs = {"obs": torch.zeros(2, *policy.observations.shape)}
    if masked:
        inputs["action_mask"] = torch.ones(2, policy.distribution.num_params, dtype=torch.bool)
    batch = torch.export.Dim("batch")
    with _hushed():
        program = torch.onnx.export(
            _Deployed(policy, outputs),
            tuple(inputs.values()),
            dynamo=True,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes={name: {0: batch} for name in inputs},
            external_data=False,
            verbose=False,
        )
        assert program is not None
        return program.model_proto


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keep the exporter's chatter from the screen; what it raises still gets through."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
