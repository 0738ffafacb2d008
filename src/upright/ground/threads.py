"""How many threads matrix products take; for networks this small, one is the fastest."""

import sys

from threadpoolctl import threadpool_limits


def limit_threads(count: int) -> None:
    """Let the matrix products of NumPy, and of PyTorch where it is loaded, take so many threads."""
    threadpool_limits(count)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(count)
