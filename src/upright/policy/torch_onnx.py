"""A module's policy as an ONNX model, by PyTorch's own exporter."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from upright.policy.policy import Policy


class _Deployed(nn.Module):
    """What a policy over a Discrete space does when it is used, as a function of tensors alone."""

    def __init__(self, policy: Policy, start: int, num_outputs: int) -> None:
        super().__init__()
        self._start, self._num_outputs = start, num_outputs
        self.policy = policy.to_torch().eval()

    def forward(self, obs: Tensor) -> tuple[Tensor, ...]:
        """Actions [B], pi(.|s) [B, n] and V(s) [B] of obs [B, ...]."""
        params, values = self.policy(obs)
        outputs = (params.argmax(dim=-1) + self._start, torch.softmax(params, dim=-1), values)
        return outputs[: self._num_outputs]


def traced_model(policy: Policy, start: int, outputs: list[str]) -> Any:
    """The model of `write_onnx`, its metadata still to be added.

    Args:
        policy: Over a Discrete space.
        start: That space's first action.
        outputs: The names of what it returns.
    """
    # Two rows: the exporter takes a batch of one for a constant.
    example = torch.zeros(2, *policy.observation_space.shape or ())
    with _hushed():
        program = torch.onnx.export(
            _Deployed(policy, start, len(outputs)),
            (example,),
            dynamo=True,
            input_names=["obs"],
            output_names=outputs,
            dynamic_shapes={"obs": {0: torch.export.Dim("batch")}},
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
