"""The packages import one way only, through each other's doors, in the order that the docstrings give."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "lib" / "jobbag"
LONGEST = 310  # lines of a module
MOST = 16  # modules of a package


@functools.cache
def docstring(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text()))
    assert text is not None
    return text


def floors() -> list[list[str]]:
    """The packages, and the modules beside them, from the lowest floor up."""
    listed = re.findall(r"^    (\w+(?:, \w+)*)$", docstring(PACKAGE / "__init__.py"), re.MULTILINE)
    return [line.split(", ") for line in reversed(listed)]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py") if path.stem != "__init__"}


def imported_by(source: str) -> Iterator[str]:
    """The modules of the package that a source imports, anywhere in it; for typing too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.partition(".")[0] == "jobbag":
            place = node.module.partition(".")[2]
            for alias in node.names:
                whole = f"{place}.{alias.name}".strip(".")
                yield whole if whole in MODULES else place or alias.name
        elif isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("jobbag."))


@functools.cache
def imports(name: str) -> set[str]:
    return {other for other in imported_by(MODULES[name].read_text()) if other != "__version__"}


def room(name: str) -> str:
    """The package of a module; itself if it stands beside them."""
    return name.partition(".")[0]


def doors(package: str) -> set[str]:
    _, told, listed = docstring(PACKAGE / package / "__init__.py").partition("Doors: ")
    assert told, f"{package} names no doors"
    return set(re.findall(r"`(\w+)`", listed))


def breaches(name: str, others: set[str]) -> list[str]:
    """What a module imports that it may not: from its own floor or above, or past a door."""
    level = {one: number for number, floor in enumerate(floors()) for one in floor}
    found = []
    for other in sorted(others):
        if room(other) == room(name) or (name == "commands.cloud" and other == "local"):
            continue
        if level.get(room(other), len(level)) >= level[room(name)]:
            found.append(f"{name} imports {other}, which is not below it")
        elif "." in other and other.partition(".")[2] not in doors(room(other)):
            found.append(f"{name} imports {other}, which is no door of {room(other)}")
    return found


OUTSIDE_LOCAL = sorted(name for name in MODULES if room(name) != "local")


def test_every_package_and_module_has_its_floor() -> None:
    assert sorted(one for floor in floors() for one in floor) == sorted({room(name) for name in OUTSIDE_LOCAL})


def test_a_module_imports_from_below_and_through_doors() -> None:
    assert [breach for name in OUTSIDE_LOCAL for breach in breaches(name, imports(name))] == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("run.pipeline", "from jobbag.aws import signed_http"),
        ("run.pipeline", "from jobbag.aws.bodies import shown"),
        ("run.pipeline", "from jobbag.local import LocalAws"),
        ("jobs.monitor", "import jobbag.run.pipeline"),
        ("logs.records", "def later():\n    from jobbag.display import views"),
    ],
)
def test_what_is_imported_past_a_door_or_from_above_is_noticed(name: str, source: str) -> None:
    assert breaches(name, set(imported_by("from jobbag.aws.client import Cloud"))) == []
    assert len(breaches(name, set(imported_by(source)))) == 1


def test_every_door_is_used() -> None:
    packages = {room(name) for name in OUTSIDE_LOCAL if "." in name}
    used = {other for name in OUTSIDE_LOCAL for other in imports(name) if "." in other and room(other) != room(name)}
    assert {f"{package}.{door}" for package in packages for door in doors(package)} == used


def test_no_circles() -> None:
    graph = {name: imports(name) for name in MODULES}
    assert set(TopologicalSorter(graph).static_order()) >= set(MODULES)  # else CycleError


def test_the_embedded_aws_knows_nothing_of_the_rest() -> None:
    assert {room(other) for name in MODULES if room(name) == "local" for other in imports(name)} <= {"local"}


def test_modules_and_packages_can_be_overlooked() -> None:
    long = {name: lines for name, path in MODULES.items() if (lines := path.read_text().count("\n")) > LONGEST}
    packages = [room(name) for name in MODULES if "." in name]
    assert (long, [one for one in set(packages) if packages.count(one) > MOST]) == ({}, [])


def test_a_package_loads_nothing_by_itself() -> None:
    packages = [path for path in PACKAGE.glob("*/__init__.py") if path.parent.name != "local"]
    assert [path for path in packages if len(ast.parse(path.read_text()).body) > 1] == []
