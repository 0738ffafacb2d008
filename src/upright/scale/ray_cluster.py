"""Ray, begun for this machine alone and behind a token, or a cluster that has one.

A process has one Ray; what needs it holds it, and the last one that lets go ends what was begun.
"""

import atexit
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upright.ground import UprightError, shortened, write_secret

STORE_BYTES, CLOSING = 128 << 20, 15.0
REACHING = 5.0  # seconds in which a cluster that is there lets itself be spoken to
SETTINGS_FRAME = 4  # of HTTP/2
LISTENS_ON = "127.0.0.1"
ONLY_HERE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
# What counts only where it is said before Ray is imported. Ray prints nothing on stdout: what there
# is to say of lost workers, `Crew` says.
EVERYWHERE = {
    "RAY_DEDUP_LOGS_SKIP_REGEX": "^",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
# The first name says nothing of what it does on Linux too: without a cluster, Ray's processes
# listen on the loopback and nowhere else.
HERE = {ONLY_HERE: "0", "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"}
# Ray's sockets lie in its folder, and their paths may have 107 letters.
LONGEST_FOLDER = 40


@dataclass
class _Held:
    """The Ray that this process began, or reached.

    Attributes:
        holders: How many need it; 0 where it is not there.
        reaper: What leaves nothing of it, nor of its folder, where it was begun here.
        token: What its processes show each other; it stays, since Ray reads it once.
    """

    holders: int = 0
    reaper: "subprocess.Popen[bytes] | None" = None
    token: str = ""


_held = _Held()


def attached(address: str, cpus: int) -> Any:
    """Ray, connected; whoever asks for it says `detached` once.

    A connection that the program made itself is taken as it is, and stays.

    Args:
        address: The cluster, "auto" for the one of this machine; empty to begin one here.
        cpus: How many processes it should be ready for, where it is begun here.

    Raises:
        UprightError: It is missing, cannot be reached or begun, or would be open to others.
    """
    if address:
        _refuse_open(address)
    if "ray" not in sys.modules:
        os.environ.update(EVERYWHERE if address else EVERYWHERE | HERE)
    ray = _imported()
    if ray.is_initialized():
        _refuse_another(address, ray.get_runtime_context().gcs_address)
        _held.holders += bool(_held.holders)
        return ray
    with _handlers_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if address:
            _reach(ray, address)
        else:
            _begin(ray, cpus)
    _held.holders = 1
    return ray


def detached() -> None:
    """Let go of it; the last one ends what was begun, or leaves the cluster."""
    if _held.holders:
        _held.holders -= 1
        if not _held.holders:
            _end()


def how_lost(ray: Any, error: Any) -> str:
    """What became of an actor that answers with an error of Ray's, to be read after "its process".

    Args:
        ray: As `attached` gave it.
        error: What `ray.get` raised.
    """
    known, said = ray.exceptions, str(error).strip()
    last = said.splitlines()[-1] if said else type(error).__name__
    if getattr(error, "actor_init_failed", False):
        return f"could not begin ({last})"
    if isinstance(error, known.ActorUnavailableError):
        return "cannot be reached"
    if isinstance(error, known.OutOfMemoryError):
        return "ended, because its machine ran out of memory"
    if isinstance(error, known.RayTaskError):
        return f"raised {last}"
    return "ended with its node" if "node has died" in said else "ended"


def _end() -> None:
    ray, reaper = sys.modules.get("ray"), _held.reaper
    _held.holders, _held.reaper = 0, None
    with suppress(Exception):  # what cannot be ended well is killed
        if ray is not None:
            ray.shutdown()
    if reaper is not None:
        with suppress(Exception):
            reaper.communicate(b"closed", timeout=CLOSING)


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UprightError(
            "The engine ray needs an extra.",
            "`pip install 'upright[ray]'` adds it; --engine process needs none.",
        ) from error
    return ray


def _begin(ray: Any, cpus: int) -> None:
    """Begin Ray for this machine alone."""
    if os.environ.get(ONLY_HERE) != "0":
        raise UprightError(
            "Ray was imported before Upright could keep it from listening on the network.",
            "Import it later, or call ray.init() yourself: such a connection is taken as it is.",
        )
    where = tempfile.gettempdir()
    place = where if len(where) <= LONGEST_FOLDER else "/tmp"
    folder = Path(tempfile.mkdtemp(prefix="upright-ray-", dir=place))
    reaper = [sys.executable, "-I", "-S", str(Path(__file__).with_name("ray_reaper.py"))]
    _held.reaper = subprocess.Popen(
        [*reaper, str(folder)], stdin=subprocess.PIPE, start_new_session=True
    )
    _held.token = _held.token or secrets.token_hex(32)
    write_secret(folder / "token", _held.token)
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(folder / "token")
    atexit.register(_end)
    try:
        ray.init(
            "local",
            num_cpus=cpus,
            object_store_memory=STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _node_ip_address=LISTENS_ON,
            _temp_dir=str(folder / "ray"),  # Ray lets everybody into its own folder
        )
    except BaseException as error:
        _end()
        if not isinstance(error, Exception):
            raise
        raise UprightError(
            f"Ray could not begin: {_first_line(error)}", "--engine process needs none."
        ) from error


def _reach(ray: Any, address: str) -> None:
    """Connect with a cluster.

    Raises:
        UprightError: There is none at this address, or it does not let this process in.
    """
    try:
        if address != "auto":  # Ray itself waits long, or for ever, for one that is not there
            _refuse_what_is_no_ray(*_host_and_port(address))
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        _end()
        raise UprightError(
            f"Ray cannot be reached at {address}: {_first_line(error)}",
            "This machine should be one of the cluster (`ray start`), with the same token and "
            "versions; docs/scale.md says how.",
        ) from error


def _refuse_what_is_no_ray(host: str, port: int) -> None:
    """Refuse an address where nothing listens, or what does not answer as Ray's gRPC does.

    It speaks HTTP/2, where both sides begin with their settings (RFC 9113, 3.4 and 6.5).

    Raises:
        OSError: It is such an address.
    """
    with socket.create_connection((host, port), REACHING) as pipe:
        if os.environ.get("RAY_USE_TLS", "0") != "0":  # then nothing is said in the clear
            return
        pipe.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, SETTINGS_FRAME)) + bytes(5)
        )
        answer = pipe.recv(4, socket.MSG_WAITALL)
    if answer[3:] != bytes((SETTINGS_FRAME,)):
        raise OSError("what listens there is no Ray")


def _host_and_port(address: str) -> tuple[str, int]:
    """Both parts of a cluster's address.

    Raises:
        UprightError: It has not both.
    """
    host, _, port = address.rpartition(":")
    if host.strip("[]") and port.isdecimal() and len(port) < 6 and 0 < int(port) < 1 << 16:
        return host.strip("[]"), int(port)
    raise UprightError(
        f"{address!r} is no address of a cluster.", "Say HOST:PORT, or auto, on a machine of it."
    )


def _refuse_open(address: str) -> None:
    """Refuse to speak with a cluster that anybody could speak with.

    Raises:
        UprightError: There is no token, or the address is not of a kind that takes one.
    """
    if "://" in address:
        raise UprightError(
            f"The address {address} is of Ray's client, which this does not go through.",
            "Say HOST:PORT, or auto, on a machine of the cluster.",
        )
    if address != "auto":
        _host_and_port(address)
    file = os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
    has_token = os.environ.get("RAY_AUTH_TOKEN") or Path(file).is_file()
    if os.environ.get("RAY_AUTH_MODE", "").lower() == "token" and has_token:
        return
    raise UprightError(
        f"Without a token, whoever reaches Ray at {address} can run code on its machines.",
        "Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a file that only you can read, here "
        "and where every node is begun; docs/scale.md says how.",
    )


def _refuse_another(address: str, there: str) -> None:
    if address not in ("", "auto", there):
        raise UprightError(
            f"This process is connected with Ray at {there}, and not at {address}.",
            "Leave out ray_address, or end that connection first (ray.shutdown()).",
        )


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself; it is given back."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return shortened(lines[0], 300)
