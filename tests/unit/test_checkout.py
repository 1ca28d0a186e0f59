"""The command from a checkout: what it says where Python or a dependency is missing."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "pegasus_aws_batch.py"


def needs() -> tuple[str, ...]:
    """The modules whose absence the script tells."""
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    assigned = next(node for node in tree.body if isinstance(node, ast.Assign))
    found: tuple[str, ...] = ast.literal_eval(assigned.value)
    return found


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_names_what_is_missing_and_how_to_get_it() -> None:
    done = run("-S", SCRIPT, "--help", PYTHONPATH="")
    assert (done.returncode, done.stdout) == (3, "")
    first, second = done.stderr.splitlines()
    assert all(name in first for name in needs())
    assert second.strip() == f"{sys.executable} -m pip install {' '.join(needs())}"


def test_it_tells_of_all_dependencies_of_the_package() -> None:
    required = re.search(r"install_requires=\[(.*?)\]", (ROOT / "setup.py").read_text(encoding="utf-8"), re.DOTALL)
    assert required is not None
    assert tuple(re.findall(r'"([\w-]+)>=', required[1])) == needs()


def test_it_says_that_python_is_too_old(tmp_path: Path) -> None:
    # As if an older Python ran it: the version is the one thing that the script asks for.
    old = tmp_path / "old.py"
    old.write_text(
        "import runpy, sys\n"
        "sys.version_info = (3, 6, 15, 'final', 0)\n"
        f"sys.argv = [{str(SCRIPT)!r}]\n"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n",
        encoding="utf-8",
    )
    done = run(old)
    assert (done.returncode, done.stdout) == (3, "")
    assert "needs Python 3.10 or newer, but this is Python 3.6" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_older_python_can_parse_it() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.Starred, ast.Nonlocal)
    assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert not [function for function in functions if function.returns or function.args.kwonlyargs]


def test_it_runs_through_a_symlink(tmp_path: Path) -> None:
    link = tmp_path / "pegasus-aws-batch"
    link.symlink_to(SCRIPT)
    done = run(link, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: pegasus-aws-batch ")
