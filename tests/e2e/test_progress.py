"""A run as a person sees it who starts it on a terminal."""

from __future__ import annotations

import re

from helpers.records import SHORT_LINE
from helpers.terminal import Terminal
from helpers.tool import COMMAND, Tool, shell


def test_a_run_on_a_terminal(tool: Tool) -> None:
    """Short lines show how jobs ended, the display how far the run is, and the last lines what came of it."""
    gate = tool.place / "gate"
    tool.write("input", "x" * 1000)
    bag = tool.bag(
        shell("good", "echo fine"),
        shell("bad", "echo oh no; exit 3"),
        shell("late", f"while ! test -e '{gate}'; do sleep 0.05; done"),
    )
    command = [*COMMAND, "--local", "--files", "input", str(bag)]
    with Terminal(command, env=tool.env, cwd=tool.cwd, columns=160) as terminal:
        shown = terminal.shows("bag: 2 of 3 jobs done", "jobs   1 RUNNING")
        first = next(line for line in shown if line.startswith("bag: "))
        assert re.fullmatch(r"bag: 2 of 3 jobs done, 1 failed, \d+:\d\d elapsed, .*", first)
        assert "files  1 of 1 in S3, 1.0 kB" in shown
        gate.touch()
        assert terminal.end() == 1
        lines = terminal.all_lines
        assert not terminal.cursor_is_hidden
    end = next(number for number, line in enumerate(lines) if line.startswith("3 jobs: "))
    log = [found["message"].strip() for line in lines[:end] if (found := SHORT_LINE.fullmatch(line))]
    assert len(log) == end - lines[:end].count("")
    ends = [re.sub(r"[\d.]+ s$", "N s", line) for line in log if line.startswith(("good", "bad", "late"))]
    assert sorted(ends) == ["bad   exit 3  oh no", "good  N s", "late  N s"]
    # The end of the run, with neither time nor mark; no total is told twice.
    assert re.fullmatch(r"3 jobs: 2 succeeded, 1 failed, in [\d.]+ s", lines[end])
    assert lines[end + 1 : end + 3] == ["  bag.in, us-east-1", "  1 file (1.0 kB) sent to S3"]
    assert "  1 x exit code 3: oh no" in lines[end + 3 :]
    assert not any("jobs done" in line for line in lines)
