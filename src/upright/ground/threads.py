"""How many threads matrix products take; for networks this small, one is the fastest."""

import sys

# Read once, when NumPy or PyTorch is loaded; `limit_threads` can still take more.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def limit_threads(count: int) -> None:
    """Let the matrix products of NumPy, and of PyTorch where it is loaded, take so many threads."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(count)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(count)
