"""A module's policy as an ONNX model, by PyTorch's own exporter."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from upright.policy.gaussian import DiagonalGaussian
from upright.policy.joint import counted
from upright.policy.masking import FORBIDDEN
from upright.policy.policy import Policy

Inputs = Mapping[str, tuple[type[np.generic], tuple[int, ...]]]


class _Deployed(nn.Module):
    """What a policy does when it is used, as a function of tensors alone."""

    def __init__(self, policy: Policy, outputs: list[str], masked: bool) -> None:
        super().__init__()
        self._distribution, self._outputs = policy.distribution, outputs
        self._numbers = counted(policy.distribution)
        self.policy = policy.to_torch().eval()
        codec = policy.observations
        self._beside = bool(codec.pictures) and codec.is_composite
        self._numbered, self._masked = bool(codec.columns), masked

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Actions [B, ...], pi(.|s) [B, n] where they are counted, V(s) [B], of the model's inputs.

        Allowed is what the mask [B, n] says, where there is one, or everything.
        """
        seen = inputs[:-1] if self._masked else inputs
        if self._beside:
            numbers = seen[0] if self._numbered else None
            params, values = self.policy.of_parts(numbers, list(seen[self._numbered :]))
        else:
            params, values = self.policy(*seen)
        if self._masked:
            params = torch.where(inputs[-1], params, FORBIDDEN)
        said = {"value": values, "action": self._action(params)}
        if self._numbers:
            said["probabilities"] = torch.cat([part.softmax(-1) for part in self._each(params)], 1)
        return tuple(said[name] for name in self._outputs)

    def _action(self, params: Tensor) -> Tensor:
        distribution = self._distribution
        if self._numbers:
            best = [part.argmax(dim=-1) for part in self._each(params)]
            taken = [each + own.start for each, own in zip(best, self._numbers, strict=True)]
            return torch.stack(taken, dim=-1).reshape(-1, *distribution.shape)
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

    def _each(self, params: Tensor) -> Sequence[Tensor]:
        """The logits of each number that is counted."""
        return torch.split(params, [number.num_params for number in self._numbers], dim=-1)


def traced_model(policy: Policy, outputs: list[str], inputs: Inputs) -> Any:
    """The model of `write_onnx`, its metadata still to be added.

    Args:
        policy: Over a Discrete, a MultiDiscrete or a Box.
        outputs: The names of what it returns.
        inputs: What it takes, as `onnx_export.inputs_of` says it.
    """
    # Two rows: the exporter takes a batch of one for a constant.
    example = tuple(torch.from_numpy(np.ones((2, *shape), kind)) for kind, shape in inputs.values())
    batch = torch.export.Dim("batch")
    with _hushed():
        program = torch.onnx.export(
            _Deployed(policy, outputs, "action_mask" in inputs),
            example,
            dynamo=True,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes={"inputs": tuple({0: batch} for _ in inputs)},
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
