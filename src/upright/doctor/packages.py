"""What Upright and its extras need, by what is installed; and whether their environments step."""

from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING, NamedTuple

from upright.doctor.asking import ask
from upright.doctor.fact import Fact
from upright.doctor.patient import Patient
from upright.ground import UprightError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OWN = "upright"
# An environment of what each extra of environments brings, and the question that tries it.
TRIED = {
    "atari": ("ALE/Pong-v5", "step", "ALE/Pong-v5"),
    "box2d": ("LunarLander-v3", "step", "LunarLander-v3"),
    "mujoco": ("HalfCheetah-v5", "step", "HalfCheetah-v5"),
    "envpool": ("EnvPool's CartPole-v1", "iterate", "backend", "envpool"),
}
MOST_NAMED = 3


class Need(NamedTuple):
    """A package that something needs.

    Attributes:
        requirement: Its name and which versions will do.
        version: The installed one; empty where there is none.
    """

    requirement: "Requirement"
    version: str

    @property
    def fits(self) -> bool:
        """Whether the version that is installed will do."""
        return self.requirement.specifier.contains(self.version, prereleases=True)

    @property
    def words(self) -> str:
        """As pip takes it."""
        return f"{self.requirement.name}{self.requirement.specifier}"

    def __str__(self) -> str:
        return f"{self.requirement.name} {self.version}"


def extras() -> list[str]:
    """The extras that Upright's own metadata names; none where it is not installed."""
    try:
        return sorted(metadata.metadata(OWN).get_all("Provides-Extra") or ())
    except metadata.PackageNotFoundError:
        return []


def check_packages(patient: Patient) -> Fact:
    """All that Upright needs is installed, and new enough."""
    try:
        needs = list(needs_of(OWN, ""))
    except metadata.PackageNotFoundError:
        found = "Upright is not installed but only on the path: what it needs cannot be read."
        return Fact("note", found, "`pip install .` in its folder installs it.")
    wrong = [each for each in needs if not each.version or not each.fits]
    if wrong:
        return Fact("problem", f"{_complaint(wrong)}.", _pip(wrong))
    return Fact(
        "ok", f"Upright {_version(OWN)} and all {len(needs)} packages that it needs, new enough."
    )


def check_pygame(patient: Patient) -> Fact:
    """One package is called pygame when it is imported, not two."""
    found = [f"{name} {version}" for name in ("pygame", "pygame-ce") if (version := _version(name))]
    if len(found) > 1:
        return Fact(
            "problem",
            f"{' and '.join(found)} are both installed into one folder, their files are mixed.",
            "`pip uninstall pygame pygame-ce && pip install pygame-ce`",
        )
    return Fact("ok", f"{''.join(found) or 'None'}, and no other package of that name beside it.")


def check_gymnasium(patient: Patient) -> Fact:
    """CartPole-v1 steps."""
    ask(patient.scratch, "step", "CartPole-v1")
    return Fact("ok", f"Gymnasium {_version('gymnasium')}; CartPole-v1 steps.")


def check_extra(extra: str, patient: Patient) -> Fact:
    """An extra is installed as a whole, its versions will do, and its environments step.

    Args:
        extra: Its name.
        patient: What is looked at.
    """
    needs, adding = list(needs_of(OWN, extra)), f"`pip install 'upright[{extra}]'` adds it."
    missing = [each.requirement.name for each in needs if not each.version]
    if missing:
        return Fact("note", f"Not installed: {_some(missing)}.", adding)
    unfit = [each for each in needs if not each.fits]
    if unfit:
        return Fact("problem", f"{_complaint(unfit)}.", _pip(unfit))
    found = f"{_some([*map(str, needs)])}"
    if extra not in TRIED:
        return Fact("ok", f"{found}.")
    name, *question = TRIED[extra]
    try:
        ask(patient.scratch, *question)
    except UprightError as error:
        fix = error.hint or f"`pip install --force-reinstall 'upright[{extra}]'`"
        return Fact("problem", f"{found}, and {name} does not step: {error.message}", fix)
    return Fact("ok", f"{found}; {name} steps.")


def needs_of(package: str, extra: str) -> Iterator[Need]:
    """What an installed package needs for one of its extras alone, extras of others included.

    Args:
        package: Its name.
        extra: One of its extras; empty for what it needs without any.

    Raises:
        PackageNotFoundError: It is not installed.
    """
    from packaging.requirements import Requirement

    for text in metadata.requires(package) or ():
        requirement = Requirement(text)
        if not _belongs(requirement, extra):
            continue
        need = Need(requirement, _version(requirement.name))
        yield need
        if need.version:
            for inner in sorted(requirement.extras):
                yield from needs_of(requirement.name, inner)


def _belongs(requirement: "Requirement", extra: str) -> bool:
    if requirement.marker is None:
        return extra == ""
    always = requirement.marker.evaluate({"extra": ""})
    return always if extra == "" else not always and requirement.marker.evaluate({"extra": extra})


def _version(name: str) -> str:
    try:
        return metadata.version(name) or ""
    except metadata.PackageNotFoundError:
        return ""


def _complaint(needs: list[Need]) -> str:
    """What is wrong with each."""
    return "; ".join(
        f"{each} is installed, and {each.requirement.specifier} is needed"
        if each.version
        else f"{each.requirement.name} is not installed"
        for each in needs
    )


def _pip(needs: list[Need]) -> str:
    return f"`pip install {' '.join(repr(each.words) for each in needs)}`"


def _some(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - MOST_NAMED
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
