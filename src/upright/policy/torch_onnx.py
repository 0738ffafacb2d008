"""A module's policy as an ONNX model, by PyTorch's own exporter."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from upright.policy.discrete import Bernoulli, Categorical
from upright.policy.distribution import Distribution
from upright.policy.gaussian import DiagonalGaussian
from upright.policy.joint import pieces
from upright.policy.masking import FORBIDDEN
from upright.policy.policy import Policy

Inputs = Mapping[str, tuple[type[np.generic], tuple[int, ...]]]


class _Deployed(nn.Module):
    """What a policy does when it is used, as a function of tensors alone."""

    def __init__(self, policy: Policy, outputs: list[str], masked: bool) -> None:
        super().__init__()
        self._pieces, self._outputs = [*pieces(policy.distribution)], outputs
        self._shape, self._kind = policy.actions.shape, policy.actions.dtype.name
        self.policy = policy.to_torch().eval()
        codec = policy.observations
        self._beside = bool(codec.pictures) and codec.is_composite
        self._numbered, self._masked = bool(codec.columns), masked

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Rows of actions [B, ...], probabilities [B, n], V(s) [B], of the model's inputs.

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
        widths = [part.num_params - part.free_params for part in self._pieces]
        own = torch.split(params[:, : sum(widths)], widths, dim=-1)
        said = [_piece(*each) for each in zip(own, self._pieces, strict=True)]
        kind = getattr(torch, self._kind)
        action = torch.cat([numbers.to(kind) for numbers, _ in said], 1).reshape(-1, *self._shape)
        given = {"value": values, "action": action}
        if "probabilities" in self._outputs:
            given["probabilities"] = torch.cat([likely for _, each in said for likely in each], 1)
        return tuple(given[name] for name in self._outputs)


def _piece(params: Tensor, part: Distribution) -> tuple[Tensor, list[Tensor]]:
    """The most probable numbers [B, n] of a part without parts, and its probabilities."""
    if isinstance(part, Categorical):
        return params.argmax(dim=-1, keepdim=True) + part.start, [params.softmax(-1)]
    if isinstance(part, Bernoulli):
        return params > 0.0, [params.sigmoid()]
    assert isinstance(part, DiagonalGaussian)
    half, centre, low, high = (
        torch.from_numpy(bound.astype(np.float32).ravel())
        for bound in (part.half, part.centre, part.low, part.high)
    )
    inside = torch.tanh(params) if part.squash else params
    given = inside * half + centre
    given = torch.round(given) if part.whole else given
    return torch.minimum(torch.maximum(given, low), high), []


def traced_model(policy: Policy, outputs: list[str], inputs: Inputs) -> Any:
    """The model of `write_onnx`, its metadata still to be added.

    Args:
        policy: What to write.
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
