"""What computes: NumPy's matrix library, PyTorch, a GPU, worker processes."""

import os
import shutil
from importlib import metadata
from pathlib import Path

from upright.doctor.asking import ask
from upright.doctor.fact import Fact
from upright.doctor.patient import Patient
from upright.ground import UprightError

HELPS = "a GPU helps with pictures and large networks, small dense ones are faster on the CPU"
ADD_TORCH = "`pip install 'upright[torch]'` adds it."
DRIVER = Path("/dev/nvidiactl")


def check_numpy(patient: Patient) -> Fact:
    """NumPy's matrix library takes as many threads as Upright says."""
    from threadpoolctl import threadpool_info

    from upright.ground import limit_threads, versions
    from upright.settings import Recipe

    threads = Recipe.model_fields["threads"].default
    limit_threads(threads)
    said = versions()
    numpy = f"NumPy {said['numpy']}"
    if not said["blas"]:
        return Fact("note", f"{numpy}, whose matrix library is not one whose threads can be told.")
    taken = {
        each["num_threads"]
        for each in threadpool_info()
        if each["user_api"] == "blas" and "numpy" in each["filepath"]
    }
    if taken != {threads}:
        found = f"{numpy} with {said['blas']}, which takes {max(taken)} threads and not {threads}."
        return Fact("problem", found, "Set OPENBLAS_NUM_THREADS=1 before Python starts.")
    why = "the fastest for small networks"
    return Fact("ok", f"{numpy} with {said['blas']}, held to {threads} thread, {why}.")


def check_pytorch(patient: Patient) -> Fact:
    """PyTorch can be imported, where it is installed."""
    version = _torch_version()
    if not version:
        found = "Not installed. Pictures, --device cuda and networks of your own need it."
        return Fact("note", found, ADD_TORCH)
    try:
        built_for = patient.pytorch["built_for"]
    except UprightError as error:
        again = "`pip install --force-reinstall torch` installs it again."
        return Fact("problem", f"PyTorch {version} cannot be imported: {error.message}", again)
    build = f"for {built_for}" if built_for else "for the CPU alone"
    return Fact("ok", f"PyTorch {version} can be imported; it is built {build}.")


def check_gpu(patient: Patient) -> Fact:
    """Whether a GPU is here, would help, and computes."""
    there = has_driver()
    if not _torch_version():
        if there:
            return Fact("note", f"NVIDIA's driver is here, and PyTorch is not; {HELPS}.", ADD_TORCH)
        return Fact("ok", f"No NVIDIA driver, and none is needed: {HELPS}.")
    try:
        said = patient.pytorch
    except UprightError:
        return Fact("note", "Not looked at, since PyTorch cannot be imported.")
    if said["gpus"]:
        return _computes(patient)
    if said["built_for"]:
        return _unseen(said, there)
    if there:
        found = f"NVIDIA's driver is here, and PyTorch is built for the CPU alone; {HELPS}."
        return Fact("note", found, "Install PyTorch's CUDA build where you train on pictures.")
    return Fact("ok", f"No NVIDIA driver, and none is needed: {HELPS}.")


def _computes(patient: Patient) -> Fact:
    said = patient.pytorch
    gpus = f"{', '.join(said['gpus'])} ({said['built_for']})"
    try:
        ask(patient.scratch, "iterate", "device", "cuda")
    except UprightError as error:
        fix = "Update the driver, or install the build of PyTorch that belongs to it."
        return Fact("problem", f"{gpus} is seen, and training on it fails: {error.message}", fix)
    return Fact("ok", f"{gpus} trains with --device cuda; {HELPS}.")


def _unseen(said: dict[str, list[str]], there: bool) -> Fact:
    """A build for a GPU, and none that it sees."""
    build = f"PyTorch is built for {said['built_for']}"
    if not there:
        found = f"{build}, and there is no driver: it computes on the CPU, and takes gigabytes."
        fix = "With a GPU, install its driver; without one, PyTorch's CPU build is enough."
        return Fact("note", found, fix)
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None:
        found = f"{build}, and CUDA_VISIBLE_DEVICES={hidden} lets it see no GPU."
        return Fact("note", found, "Unset CUDA_VISIBLE_DEVICES to train on one.")
    reason = f": {said['warnings'][0]}" if said["warnings"] else "."
    found = f"{build}, NVIDIA's driver is here, and it sees no GPU{reason}"
    return Fact("problem", found, "Update the driver, or install the build that belongs to it.")


def check_workers(patient: Patient) -> Fact:
    """Environments are collected in processes of their own."""
    try:
        ask(patient.scratch, "iterate", "shards", "2", "workers", "1")
    except UprightError as error:
        found = f"No worker process collects: {error.message}"
        return Fact("problem", found, "Train without --workers, which needs none.")
    return Fact("ok", "Worker processes collect (--shards 2 --workers 1).")


def has_driver() -> bool:
    """Whether NVIDIA's driver is here; in a container, whether it was let in."""
    return DRIVER.exists() or shutil.which("nvidia-smi") is not None


def _torch_version() -> str:
    """The version of PyTorch that is installed, without importing it; nothing where none is."""
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return ""
