"""What all tests share: clean surroundings, the folder of helpers, and the tool itself as a fixture."""

from __future__ import annotations

import gc
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

from helpers import processes, surroundings
from helpers.remembered import remember_botocore
from helpers.servers import Listener, LocalServer, MotoServer
from helpers.tool import Tool

surroundings.clean()

# No example is timed: a machine may be busy. `make check` and --hypothesis-profile=thorough try more of them.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=200)
settings.load_profile("quick")

BEGAN = time.monotonic()

# The tests and the models of botocore are hundreds of thousands of objects that stay: to look through them for garbage
# as often as Python does by itself is a fifth of all work. While tests are collected, nothing becomes garbage.
gc.set_threshold(20_000, 20, 20)
gc.disable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end how long it took, and what was skipped for want of a program."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    terminalreporter.section("time and programs")
    for line in surroundings.told(time.monotonic() - BEGAN, reasons):
        terminalreporter.line(line)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that mostly compute beside those that mostly wait, so that neither are left alone at the end."""
    items.sort(key=lambda item: (item.path.parent.name != "chaos", crc32(item.path.name.encode()), str(item.path)))


def pytest_collection_finish() -> None:
    """What has been collected stays to the end."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _settled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A home and a directory for temporary files that are the tests' own."""
    surroundings.settle(tmp_path_factory.mktemp("surroundings"))


@pytest.fixture(autouse=True, scope="session")
def _remembered() -> None:
    """The tests make hundreds of sessions and clients of botocore."""
    remember_botocore()


FORK_SERVER = pytest.StashKey[str]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Where tests run side by side, one server forks for all."""
    config: pytest.Config = node.config
    if FORK_SERVER not in config.stash:
        stack = ExitStack()
        config.stash[FORK_SERVER] = stack.enter_context(processes.serving())
        config.add_cleanup(stack.close)
    node.workerinput["fork_server"] = config.stash[FORK_SERVER]


@pytest.fixture(autouse=True, scope="session")
def _commands_are_forked(request: pytest.FixtureRequest) -> Iterator[None]:
    """A start of Python with all that the tool needs takes longer than most tests."""
    shared: dict[str, str] = getattr(request.config, "workerinput", {})
    with processes.forking(shared.get("fork_server")):
        yield


@pytest.fixture(autouse=True)
def _no_tool_log_is_left() -> Iterator[None]:
    """Within a ToolLog the logger does not propagate. Left so, it would show in a test that comes much later."""
    yield
    assert logging.getLogger("jobbag").propagate, "a ToolLog was not left, or two of them overlapped"


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """The real command, to be run in a directory of its own."""
    return Tool(tmp_path)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """An address that counts who connects to it."""
    with Listener() as listener:
        yield listener


@pytest.fixture
def moto() -> Iterator[MotoServer]:
    """moto in a thread of this process, so that a test can reach its state."""
    with MotoServer() as server:
        yield server


@pytest.fixture
def local_server(tmp_path: Path) -> Iterator[LocalServer]:
    """The embedded AWS as a process of its own, which outlives a run of the tool."""
    with LocalServer(tmp_path) as server:
        yield server
