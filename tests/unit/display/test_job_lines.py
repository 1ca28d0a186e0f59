"""The jobs' output on stdout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from jobbag.display.job_lines import JobLines
from jobbag.events.events import OutputSeen, Terminated

from ..builders import job

LIB = Path(__file__).parents[3] / "lib"
LINES = (
    "from jobbag.display.job_lines import lines_on\n"
    "with lines_on(None) as out:\n"
    "    for number in range(20_000):\n"
    "        out.write(f'größe {number}\\n')\n"
    "print('the end')\n"
)


class Text:
    """Takes text."""

    def __init__(self) -> None:
        self.taken = ""

    def write(self, text: str, /) -> None:
        self.taken += text


def test_each_line_stands_behind_its_job_and_steers_no_terminal() -> None:
    text = Text()
    echo = JobLines(text)
    echo(OutputSeen(job(1, "a\x1bb"), ("one", "", "\x1b[2Jtwo\r")))
    echo(Terminated(job(1, "a"), "id"))
    assert text.taken == "a\\x1bb: one\na\\x1bb: \na\\x1bb: \\x1b[2Jtwo\\r\n"


def run(encoding: str) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": str(LIB), "PYTHONIOENCODING": encoding}
    return subprocess.Popen([sys.executable, "-c", LINES], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_all_is_written_before_what_comes_after() -> None:
    out, err = run("ascii").communicate(timeout=60)
    assert err == b""
    assert out.decode().splitlines() == [*(f"gr\\xf6\\xdfe {number}" for number in range(20_000)), "the end"]


def test_a_reader_that_leaves_stops_nothing() -> None:
    process = run("utf-8")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "größe 0\n".encode()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 0
