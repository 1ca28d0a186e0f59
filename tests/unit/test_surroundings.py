"""The tests depend on nothing of whoever starts them, and say at their end what they lacked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import surroundings
from helpers.processes import run
from helpers.tool import Tool
from helpers.waiting import is_alive, wait_until

TESTS = Path(__file__).parents[1]
SHOW = """\
import os, signal, sys, time
from helpers import surroundings
surroundings.clean()
print(dict(sorted(os.environ.items())), time.tzname, oct(os.umask(0)), sys.dont_write_bytecode)
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
print(*(signal.getsignal(number).name for number in (signal.SIGHUP, signal.SIGQUIT)))
"""
WHAT_IT_SEES = """\
import os, sys
print(sys.argv, sys.path[0], os.getcwd(), dict(os.environ), repr(sys.stdin.read()), os.getsid(0) == os.getpid())
for file in (sys.stdin, sys.stdout, sys.stderr):
    print(file.isatty(), file.line_buffering, file.encoding, file.errors, file=sys.stderr)
sys.exit(7)
"""


def test_nothing_of_an_environment_is_left() -> None:
    odd = {
        "HOME": "/nowhere", "XDG_CACHE_HOME": "/nowhere", "AWS_PROFILE": "nobody", "AWS_CA_BUNDLE": "/nowhere",
        "REQUESTS_CA_BUNDLE": "/nowhere", "https_proxy": "http://127.0.0.1:9", "LC_ALL": "C", "TZ": "Asia/Kolkata",
        "COLUMNS": "7", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error",
    }  # fmt: skip
    before = ["/bin/sh", "-c", 'umask 077; trap "" HUP INT QUIT; exec "$@"', "sh"]
    done = subprocess.run(
        [*before, sys.executable, "-c", SHOW],
        env={**odd, "PATH": "/bin", "PYTHONPATH": str(TESTS), "CI": "1", "PYTEST_XDIST_WORKER": "gw0"},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    left = {"AWS_EC2_METADATA_DISABLED": "true", "CI": "1", "LANG": "C.UTF-8", "PATH": "/bin"}
    assert done.stdout == (
        f"{left | {'PYTEST_XDIST_WORKER': 'gw0', 'TZ': 'UTC'}} ('UTC', 'UTC') 0o22 False\nTrue\nSIG_DFL SIG_DFL\n"
    )


def test_the_home_and_the_temporary_files_are_the_tests_own() -> None:
    assert list(Path(os.environ["HOME"]).iterdir()) == []
    assert Path(os.environ["TMPDIR"]).parent == Path(os.environ["HOME"]).parent


def test_what_was_missing_is_told_once_each() -> None:
    reasons = [*["Skipped: busybox is not installed"] * 2, "Skipped: aws is not installed", "Skipped: root reads all"]
    took, skipped = surroundings.told(125.4, reasons)
    assert took == "The tests took 2 min 5 s."
    assert skipped == "Skipped for want of a program: aws (1), busybox (2)."
    assert surroundings.told(3, [])[1] == "None was skipped for want of a program."


def test_nothing_is_left_of_tests_that_are_killed(tmp_path: Path) -> None:
    """What they have started ends with them: a server of theirs would wait for ever."""
    code = (
        "import os, sys\nfrom helpers.processes import forking, start\n"
        "with forking():\n"
        "    server = start([sys.executable, '-m', 'jobbag.local'], cwd=sys.argv[1], env=os.environ)\n"
        "    print(server.pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    path = os.pathsep.join([str(TESTS), str(TESTS.parent / "lib")])
    killed = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    pid = int(killed.stdout)
    wait_until(lambda: not is_alive(pid), what="the end of what they had started")


@pytest.mark.parametrize(
    "other",
    [{}, {"LANG": None}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "ascii:replace"}],
    ids=["usual", "no locale", "an encoding", "and errors"],
)
def test_a_forked_command_is_like_one_that_is_started(tool: Tool, other: dict[str, str | None]) -> None:
    tool.write("show.py", WHAT_IT_SEES)
    line = [sys.executable, "show.py", "a b", ""]
    env = {name: value for name, value in {**tool.env, **other}.items() if value is not None}
    forked = run(line, cwd=tool.cwd, env=env, timeout=60)
    started = run(line, cwd=tool.cwd, env={**env, "PYTHONNOUSERSITE": "1"}, timeout=60)
    assert forked[0] == started[0] == 7
    assert forked[1] == started[1].replace(b", 'PYTHONNOUSERSITE': '1'", b"")
    assert forked[2] == started[2]
