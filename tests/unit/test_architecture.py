"""The modules import one way only, in the order that the package's docstring gives."""

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "lib" / "jobbag"


def documented_order() -> list[str]:
    text = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text()))
    assert text is not None
    listed = re.search(r"\):\n(.*?)\. `local`", text, re.DOTALL)
    assert listed is not None
    return re.split(r",\s+", listed[1])


def imported(path: Path) -> set[str]:
    """The modules of the package that a module imports, anywhere in it; for typing too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "jobbag":
            names |= {alias.name for alias in node.names if alias.name != "__version__"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jobbag."):
            names.add(str(node.module).split(".")[1])
    return names


def test_every_module_has_its_place() -> None:
    assert sorted(documented_order()) == sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def test_each_module_imports_only_from_those_before_it() -> None:
    order = documented_order()
    backwards = {
        f"{name} imports {other}"
        for name in order
        for other in imported(PACKAGE / f"{name}.py") - {"local"}
        if order.index(other) >= order.index(name)
    }
    assert backwards == set()


def test_only_embedded_knows_the_embedded_aws_which_knows_nothing_of_the_rest() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py") if "local" in imported(path)} == {"embedded"}
    assert {name for path in (PACKAGE / "local").glob("*.py") for name in imported(path)} <= {"local"}
