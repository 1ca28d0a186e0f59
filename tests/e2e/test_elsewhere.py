"""A run that is seen and stopped from another terminal, while a start holds it, and when it is left to AWS alone."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.stage import EXISTING, Stage, stage
from helpers.tool import Tool, shell
from helpers.waiting import wait_until


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Stage]:
    """An AWS with a queue and a definition, and the command before it."""
    with stage(tmp_path) as new:
        new.aws.make_entities()
        yield new


def test_a_local_run_is_seen_and_cancelled(tool: Tool) -> None:
    gate = tool.place / "gate"
    script = f"echo begins; until test -e {gate}; do sleep 0.05; done"
    bag = tool.bag(shell("bad", "echo no such file >&2; exit 3"), shell("long", script), name="bag.in")
    process = tool.start("--local", bag, stderr=tool.place / "stderr")
    try:
        wait_until(lambda: json.dumps(seen(tool, bag).get("causes", [])) != "[]", what="the failure")
        wait_until(lambda: tool.run("--logs", "long", "-p", "bag").out == "begins\n", what="its output")
        status = tool.run("--status", bag)
        assert status.status == 0
        assert status.out.startswith("bag: 1 of 2 jobs done, 1 failed, ")
        assert "  1 x exit code 3: no such file (job bad)\n" in status.out
        assert f"held by process {process.pid} on " in status.out
        done = tool.run("--cancel", bag)
        assert (done.status, done.errors) == (0, [])
        assert done.out.startswith("bag: stopped; of 2 jobs, 0 succeeded, 1 failed, 1 stopped, 0 not run")
        assert process.wait(60) == 143
    finally:
        process.kill()
        process.wait()
    assert tool.run("--logs", "long").out == "begins\n"
    assert "--cancel: no more jobs are sent" in (tool.place / "stderr").read_text()
    gate.touch()
    assert tool.run("--local", bag, "--update").status == 1


def seen(tool: Tool, bag: Path) -> dict[str, object]:
    done = tool.run("--status", "--json", bag)
    found: dict[str, object] = json.loads(done.out) if done.status == 0 else {}
    return found


def test_a_detached_run_is_seen_and_cancelled(scene: Stage) -> None:
    bag = scene.bag(
        scene.job("done", "(exit 4)"), scene.job("runs", gated=True), scene.job("waits", dependsOn=["runs"])
    )
    assert scene.play(0, bag, *EXISTING, "--detach")
    wait_until(lambda: {"done", "runs"} <= set(scene.times()), what="the jobs")
    # A start that was slow to leave has seen the end of the first.
    assert re.search("nobody holds it, and [23] jobs may run on in AWS", scene.tool.run("--status", bag).out)
    wait_until(lambda: "runs begins" in scene.tool.run("--logs", "runs", bag).out, what="its output")
    waits = scene.tool.run("--logs", "waits", bag)
    assert (waits.status, waits.out) == (0, "")
    assert "it waits for job runs" in waits.err
    scene.faults.fail("DeleteBucket", 403, "AccessDenied")
    done = scene.tool.run("--cancel", bag)
    assert done.status == 2
    assert "what bag has made is not all removed: --cancel again removes what is left" in done.err
    assert done.out.startswith("bag: stopped; of 3 jobs, 0 succeeded, 1 failed, 1 stopped, 1 not run")
    scene.faults.forget()
    done = scene.tool.run("--cancel", bag)
    assert (done.status, done.errors) == (0, [])
    assert "done ends" in scene.tool.read("done.err")
    assert scene.tool.run("--cancel", bag).out.startswith("bag: nothing to stop")
    scene.open_gate()
    scene.play(1, bag, *EXISTING)
    assert scene.times() == {"done": 1, "runs": 2, "waits": 1}


def test_a_holder_that_is_killed_while_it_stops_leaves_nothing(scene: Stage) -> None:
    bag = scene.bag(scene.job("a", gated=True), scene.job("b", gated=True))
    process = scene.start(bag, *EXISTING)
    scene.wait_for("a", "b")
    process.send_signal(signal.SIGSTOP)  # so that it hears of nothing before it is killed
    cancel = scene.tool.start("--cancel", bag, stderr=scene.tool.place / "said")
    request = scene.journal.with_name("bag.journal.cancel")
    wait_until(request.exists, what="the request")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert cancel.wait(60) == 0
    assert [state for _, state in scene.aws.jobs()] == ["FAILED", "FAILED"]
    assert not request.exists()
