"""A run as a person sees it who starts it on a terminal."""

from __future__ import annotations

import re

from helpers.records import LOG_LINE
from helpers.terminal import Terminal
from helpers.tool import COMMAND, Tool, shell


def test_a_run_on_a_terminal(tool: Tool) -> None:
    """The log shows what failed, the display how far the run is, and its last frame stays."""
    gate = tool.place / "gate"
    tool.write("input", "x" * 1000)
    bag = tool.bag(
        shell("good", "echo fine"),
        shell("bad", "echo oh no; exit 3"),
        shell("late", f"while ! test -e '{gate}'; do sleep 0.05; done"),
    )
    command = [*COMMAND, "--local", "--files", "input", str(bag)]
    with Terminal(command, env=tool.env, cwd=tool.cwd, columns=160) as terminal:
        shown = terminal.shows("1 RUNNING, 1 SUCCEEDED, 1 FAILED", "waiting for 1 job in RUNNING")
        first = next(line for line in shown if line.startswith("bag: "))
        assert re.fullmatch(r"bag: 2 of 3 jobs done, 1 failed, \d+:\d\d elapsed, .*", first)
        assert "files  1 of 1 in S3, 1.0 kB" in shown
        gate.touch()
        assert terminal.end() == 1
        lines = terminal.all_lines
        assert not terminal.cursor_is_hidden
    begin = next(number for number, line in enumerate(lines) if line.startswith("bag: "))
    end = next(number for number, line in enumerate(lines) if line.startswith("files "))
    log = [found["message"] for line in lines[:begin] if (found := LOG_LINE.fullmatch(line))]
    assert len(log) == begin
    assert [line for line in log if line.startswith("job ")] == [
        line for line in log if re.fullmatch(r"job bad \([-0-9a-f]+\) is FAILED: exit code 3; .*", line)
    ]
    assert any(line.startswith("job bad ") for line in log)
    assert re.fullmatch(r"bag: 3 of 3 jobs done, 1 failed, \d+:\d\d elapsed", lines[begin])
    assert lines[begin + 1 : end] == ["jobs   2 SUCCEEDED, 1 FAILED"]
    # The end of the run, with neither time nor level.
    assert lines[end + 1].startswith("3 jobs: 2 succeeded, 1 failed, in ")
    assert lines[end + 2 : end + 4] == ["  bag.in, us-east-1", "  1 file (1.0 kB) sent to S3"]
    assert {"1 failure, 1 cause:", "  1 x exit code 3: oh no"} <= set(lines[end + 4 :])
