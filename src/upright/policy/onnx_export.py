"""A policy as one ONNX file: observations in, actions and their probabilities out."""

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from upright.ground import UprightError, refuse_taken, sha256, write_new
from upright.policy.distributions import Categorical
from upright.policy.policy import Policy
from upright.policy.weights import weights_bytes

NEEDED = ("onnx", "onnxscript")


def write_onnx(policy: Policy, out: Path, metadata: Mapping[str, str]) -> None:
    """Write a policy as one ONNX file, its observation normaliser included.

    Input: `obs` [batch, size], float32. Outputs: `action` [batch], int64, the most probable one in
    the space's own numbering (the first of equals); `probabilities` [batch, n]; and `value` [batch]
    where there is a critic.

    Args:
        policy: What to write.
        out: A new file.
        metadata: Goes into the model's `metadata_props`, with the SHA-256 of the weights.

    Raises:
        UprightError: `onnx` is not installed, the policy's actions are not Discrete, or the file
            is there already or cannot be written.
    """
    if any(find_spec(name) is None for name in NEEDED):
        raise UprightError("ONNX export needs an extra.", "`pip install 'upright[onnx]'` adds it.")
    refuse_taken(out)
    digest = sha256(weights_bytes(policy.state_dict()))
    write_new(out, _model_bytes(_Deployed(policy), dict(metadata) | {"weights_sha256": digest}))


class _Deployed(nn.Module):
    """What a policy does when it is used, as a function of tensors alone."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        if not isinstance(policy.distribution, Categorical):
            raise UprightError(
                f"ONNX export does not support the action space {policy.action_space} yet.",
                "Supported: Discrete.",
            )
        self.start = policy.distribution.start
        self.policy = copy.deepcopy(policy).cpu().eval()

    @property
    def outputs(self) -> list[str]:
        """The names of what `forward` returns."""
        return ["action", "probabilities", *(["value"] if self.policy.critic is not None else [])]

    def forward(self, obs: Tensor) -> tuple[Tensor, ...]:
        """Actions [B], pi(.|s) [B, n] and V(s) [B] of obs [B, size]."""
        params, values = self.policy(obs)
        outputs = (params.argmax(dim=-1) + self.start, torch.softmax(params, dim=-1), values)
        return outputs[: len(self.outputs)]


def _model_bytes(model: _Deployed, metadata: Mapping[str, str]) -> bytes:
    # Two rows: the exporter takes a batch of one for a constant.
    example = torch.zeros(2, *model.policy.observation_space.shape or ())
    with _hushed():
        program = torch.onnx.export(
            model,
            (example,),
            dynamo=True,
            input_names=["obs"],
            output_names=model.outputs,
            dynamic_shapes={"obs": {0: torch.export.Dim("batch")}},
            external_data=False,
            verbose=False,
        )
        assert program is not None
        proto: Any = program.model_proto
    for name, value in metadata.items():
        proto.metadata_props.add(key=name, value=value)
    return bytes(proto.SerializeToString())


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
