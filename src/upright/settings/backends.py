"""How environments run, by name; what is known of each is in `envs/making.py`."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

Backend = Literal["vector", "sync", "envpool"]
# Those that there are no more, and which one has the same episodes, to the last bit.
SUCCESSORS: dict[str, Backend] = {"async": "sync"}


def successor(backend: Any) -> Any:
    """What stands for a backend that was recorded; anything else as it is."""
    return SUCCESSORS.get(backend, backend) if isinstance(backend, str) else backend


def _refuse_gone(value: object) -> object:
    if successor(value) != value:
        raise ValueError(
            "worker processes collect shards now; say --shards 4 --workers 2, or "
            f"--backend {successor(value)}, which has the same episodes"
        )
    return value


BackendField = Annotated[Literal["auto", Backend], BeforeValidator(_refuse_gone)]
