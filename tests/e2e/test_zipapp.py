"""The single file of `make zipapp`: built from what is installed here, and run without any of it.

`make test-zipapp` runs all end-to-end tests on it.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.records import merged_output
from helpers.servers import LocalServer
from helpers.tool import REPO, Tool, shell


@pytest.fixture
def zipapp(tool: Tool, tmp_path: Path) -> Path:
    """The single file, which the tool runs with a Python that finds no installed packages."""
    file = tmp_path / "bin" / "pegasus-aws-batch"
    runpy.run_path(str(REPO / "zipapp" / "build.py"))["build"](file)
    tool.command = [sys.executable, "-S", str(file)]
    tool.env["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    return file


def test_the_single_file(tool: Tool, zipapp: Path, tmp_path: Path, local_server: LocalServer) -> None:
    done = tool.run("--help")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("usage: pegasus-aws-batch ")

    done = tool.run("--version")
    assert (done.status, done.err) == (0, "")
    (unpacked,) = (tmp_path / "cache" / "pegasus-aws-batch").iterdir()
    _, where, samples, python, libraries = done.out.splitlines()
    assert where == f"in {unpacked} (unpacked from {zipapp})"
    assert samples == f"samples in {unpacked}/jobbag/samples"
    assert (unpacked / "jobbag" / "samples" / "sample" / "analyse.sh").is_file()
    assert sys.executable in python
    assert libraries.startswith("boto3 1.")

    # Nothing that a module imports is missing; rich comes without what it needs to colour code.
    names = sorted(path.stem for path in (unpacked / "jobbag").glob("*.py"))
    imports = "import importlib, sys; sys.path[0] = sys.argv[1]; [importlib.import_module(f'jobbag.{name}') for name in"
    subprocess.run([sys.executable, "-S", "-c", f"{imports} {names}]", unpacked], check=True)

    tool.point_to(local_server.endpoint, key=local_server.key)
    definition = {"type": "container", "containerProperties": {"image": "x", "vcpus": 1, "memory": 1}}
    tool.json("definition.json", definition)
    tool.json("environment.json", {"type": "UNMANAGED", "serviceRole": local_server.role()})
    tool.write("data.txt", "data")
    entities = ("-j", "definition.json", "--ce", "environment.json", "-m", "all")

    done = tool.run(*entities, tool.bag(shell("one", "true", shoeSize=44)))
    assert (done.status, done.errors) == (3, ['bag.in: job "one": shoeSize: is no field of AWS Batch'])

    bag = tool.bag(shell("one", 'echo "from $TRANSFER_INPUT_FILES"', {"TRANSFER_INPUT_FILES": "data.txt"}))
    done = tool.run("--local", bag)
    assert (done.status, len(done.errors)) == (3, 1)
    assert "--local: needs " in done.err
    assert "not in the single file" in done.err

    done = tool.run(*entities, bag)
    assert done.status == 0, done.err
    ((lines, _),), summary = merged_output(tool.read("all.out"))
    assert lines == ["from data.txt"]
    assert summary.stat == "ok"
    assert list(tool.home.iterdir()) == []
