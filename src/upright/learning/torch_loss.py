"""A loss written as an expression of PyTorch's, for research; loaded when one is given."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from upright.ground import Array, UprightError
from upright.learning.algorithm import Loss
from upright.learning.batch import Batch
from upright.policy import Evaluated

LossFunction = Callable[[Tensor, Tensor, Tensor, Any], Tensor]


def expressed(
    function: LossFunction, usual: Loss, batch: Batch, said: Evaluated, values: Array
) -> Loss:
    """The loss that `function` says, with derivatives by autograd on its three small arguments.

    Args:
        function: (log_probs [B], entropy [B], values [B], batch) -> a tensor of one number; the
            batch's fields are tensors: obs, actions, advantages (standardised where the settings
            say so), returns, old_values, old_log_probs (PPO's alone), masks (or None).
        usual: The algorithm's own loss, whose report is kept beside the new value.
        batch: What it is of.
        said: What the policy says of it.
        values: V(s), [B].

    Raises:
        UprightError: The function returned something else, or something that does not depend on
            its arguments.
    """
    arguments = [
        torch.tensor(each, requires_grad=True) for each in (said.log_probs, said.entropy, values)
    ]
    tensors = (None if each is None else torch.from_numpy(each) for each in batch)
    value = function(*arguments, Batch(*tensors))  # type: ignore[arg-type, call-arg]
    if not isinstance(value, Tensor) or value.numel() != 1 or not value.requires_grad:
        raise UprightError(
            "The loss function returned no tensor of one number that depends on its arguments.",
            "It is called as loss(log_probs, entropy, values, batch); return, say, "
            "-(log_probs * batch.advantages).mean().",
        )
    derivatives = torch.autograd.grad(value.reshape(()), arguments, allow_unused=True)
    d_log_probs, d_entropy, d_values = (
        np.zeros_like(values) if each is None else each.numpy() for each in derivatives
    )
    report = usual.report | {"loss": value.item()}
    return Loss(value.item(), d_log_probs, d_entropy, d_values, report)
