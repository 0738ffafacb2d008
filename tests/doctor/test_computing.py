"""NumPy's threads, PyTorch's build, and a GPU that is there, hidden, broken or not needed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from doctor.conftest import Installs
from upright.doctor import computing
from upright.doctor.asking import ask
from upright.doctor.computing import check_gpu, check_numpy, check_pytorch, check_workers
from upright.doctor.patient import Patient
from upright.ground import UprightError

NO_GPU: dict[str, Any] = {"built_for": "", "gpus": [], "warnings": []}
CUDA = NO_GPU | {"built_for": "CUDA 12.8"}
SEEN = CUDA | {"gpus": ["NVIDIA H200"]}


def answering(
    monkeypatch: pytest.MonkeyPatch, patient: Patient, said: dict[str, Any], driver: bool
) -> None:
    """PyTorch is installed, and says this; NVIDIA's driver is there or not."""
    monkeypatch.setattr(computing, "_torch_version", lambda: "2.13.0")
    monkeypatch.setattr(computing, "has_driver", lambda: driver)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    patient.__dict__["pytorch"] = said


def test_numpy_is_held_to_one_thread(patient: Patient) -> None:
    with threadpool_limits(2):
        fact = check_numpy(patient)
    assert fact.state == "ok"
    assert fact.found.startswith(f"NumPy {np.__version__} with ")
    assert "held to 1 thread" in fact.found


def test_a_matrix_library_that_takes_more_is_a_problem(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = {"user_api": "blas", "filepath": "/numpy.libs/blas.so", "num_threads": 7}
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: [pool])
    monkeypatch.setattr("upright.ground.version.versions", lambda: {"numpy": "2", "blas": "some"})
    fact = check_numpy(patient)
    assert fact.state == "problem"
    assert fact.found == "NumPy 2 with some, which takes 7 threads and not 1."
    assert "OPENBLAS_NUM_THREADS=1" in fact.remedy


def test_a_matrix_library_that_is_not_known_is_a_note(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upright.ground.version.versions", lambda: {"numpy": "2", "blas": ""})
    assert check_numpy(patient).state == "note"


def test_without_pytorch_a_note_says_what_needs_it(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computing, "_torch_version", lambda: "")
    fact = check_pytorch(patient)
    assert fact.state == "note"
    assert "upright[torch]" in fact.remedy


@pytest.mark.long
def test_pytorch_is_imported_in_a_process_of_its_own_and_trains_where_it_sees_a_gpu(
    patient: Patient,
) -> None:
    pytest.importorskip("torch")
    fact = check_pytorch(patient)
    assert fact.state == "ok"
    assert "can be imported" in fact.found
    assert patient.pytorch.keys() == NO_GPU.keys()
    if patient.pytorch["gpus"]:
        assert ask(patient.scratch, "iterate", "device", "cuda") > 0
    else:
        with pytest.raises(UprightError, match="CUDA was asked for, but PyTorch sees no GPU"):
            ask(patient.scratch, "iterate", "device", "cuda")


def test_a_pytorch_that_cannot_be_imported_is_a_problem(
    patient: Patient, installs: Installs, tmp_path: Path
) -> None:
    installs("torch", "9.9.9")
    (tmp_path / "site-packages" / "torch.py").write_text("raise OSError('libcudart.so')\n")
    fact = check_pytorch(patient)
    assert fact.state == "problem"
    assert fact.found == "PyTorch 9.9.9 cannot be imported: OSError: libcudart.so"
    assert fact.remedy
    assert check_gpu(patient).state == "note"


@pytest.mark.parametrize("driver", [True, False])
def test_a_gpu_without_pytorch_is_told_and_whether_it_would_help(
    driver: bool, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computing, "_torch_version", lambda: "")
    monkeypatch.setattr(computing, "has_driver", lambda: driver)
    fact = check_gpu(patient)
    assert fact.state == ("note" if driver else "ok")
    assert "pictures" in fact.found
    assert ("upright[torch]" in fact.remedy) is driver


def test_a_gpu_that_trains_is_fine(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []
    answering(monkeypatch, patient, SEEN, driver=True)
    monkeypatch.setattr(computing, "ask", lambda *words: asked.append(words))
    fact = check_gpu(patient)
    assert asked == [(patient.scratch, "iterate", "device", "cuda")]
    assert fact.state == "ok"
    assert fact.found.startswith("NVIDIA H200 (CUDA 12.8) trains with --device cuda; ")


def test_a_gpu_that_is_seen_and_does_not_train_is_a_problem(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*words: Any) -> None:
        raise UprightError("no kernel image is available.")

    answering(monkeypatch, patient, SEEN, driver=True)
    monkeypatch.setattr(computing, "ask", fails)
    fact = check_gpu(patient)
    assert fact.state == "problem"
    assert "training on it fails: no kernel image" in fact.found
    assert fact.remedy


def test_a_cuda_build_without_a_driver_is_a_note(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, patient, CUDA, driver=False)
    fact = check_gpu(patient)
    assert fact.state == "note"
    assert "there is no driver" in fact.found
    assert "CPU build" in fact.remedy


def test_a_cuda_build_that_sees_no_gpu_beside_a_driver_is_a_problem(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = CUDA | {"warnings": ["The NVIDIA driver on your system is too old."]}
    answering(monkeypatch, patient, old, driver=True)
    fact = check_gpu(patient)
    assert fact.state == "problem"
    assert fact.found.endswith("it sees no GPU: The NVIDIA driver on your system is too old.")
    assert "driver" in fact.remedy


def test_a_gpu_that_is_hidden_on_purpose_is_a_note(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, patient, CUDA, driver=True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    fact = check_gpu(patient)
    assert fact.state == "note"
    assert "CUDA_VISIBLE_DEVICES" in fact.remedy


@pytest.mark.parametrize("driver", [True, False])
def test_a_cpu_build_is_fine_unless_a_gpu_is_beside_it(
    driver: bool, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, patient, NO_GPU, driver)
    fact = check_gpu(patient)
    assert fact.state == ("note" if driver else "ok")
    assert bool(fact.remedy) is driver


def test_workers_collect(patient: Patient) -> None:
    fact = check_workers(patient)
    assert (fact.state, fact.remedy) == ("ok", "")


def test_workers_that_cannot_start_are_a_problem(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*words: Any) -> None:
        raise UprightError("no semaphores here.")

    monkeypatch.setattr(computing, "ask", fails)
    fact = check_workers(patient)
    assert fact.state == "problem"
    assert fact.found.endswith("no semaphores here.")
    assert "without --workers" in fact.remedy


def test_a_driver_is_told_by_its_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(computing, "DRIVER", tmp_path / "nvidiactl")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not computing.has_driver()
    (tmp_path / "nvidiactl").touch()
    assert computing.has_driver()
