"""What the checks look at."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from upright.doctor.asking import ask


@dataclass
class Patient:
    """What is looked at: this machine, as it is seen from a folder.

    Attributes:
        here: Where runs would be started.
        scratch: A temporary folder for what the checks try.
    """

    here: Path
    scratch: Path

    @cached_property
    def pytorch(self) -> dict[str, Any]:
        """What a process that imported PyTorch says of it.

        Raises:
            UprightError: It could not.
        """
        return dict(ask(self.scratch, "pytorch"))

    @cached_property
    def run(self) -> Path:
        """The folder of a small training that nothing disturbed.

        Raises:
            UprightError: It failed.
        """
        return Path(ask(self.scratch, "train", str(self.scratch / "whole")))
