"""The canary and the fuse: what is sent, what is terminated, and what a later start makes of it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from chaos.stage import EXISTING, Stage, stage
from functional.fault_layer import Answer, Forward, Request
from helpers.records import jobstates, merged_output
from helpers.tool import Tool, shell
from helpers.waiting import wait_until
from jobbag.prices import money


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Stage]:
    """An AWS with a queue and a definition, and the command before it."""
    with stage(tmp_path) as new:
        new.aws.make_entities()
        yield new


def test_a_canary_that_fails_spares_the_rest(tool: Tool) -> None:
    names = ["a", "b", "c", "d", "e"]
    jobs = [shell(name, f"echo {name}; exit 3") for name in names]
    bags = [tool.bag(*jobs[:3], name="bag.in"), tool.bag(*jobs[3:], name="more.in")]
    done = tool.run("--local", "--canary", "2", "-m", "all", *bags)
    assert done.status == 1, done.err
    assert "5 jobs: 0 succeeded, 2 failed, 3 not run" in done.err
    assert set(jobstates(tool.read("bag.jobstate.log"))) == {"a", "b"}
    found, summary = merged_output(tool.read("all.out"))
    assert [(lines, record.name, record.state, record.status) for lines, record in found] == [
        *((["a"], "a", "failed", 3), (["b"], "b", "failed", 3)),
        *(([], name, "failed", 1) for name in names[2:]),
    ]
    assert (summary.stat, summary.tasks, summary.succeeded, summary.failed) == ("failed", 5, 0, 5)
    assert tool.read("all.err").splitlines() == [
        f"[pegasus-aws-batch] job {name}: not run: none of the 2 jobs of --canary succeeded" for name in names[2:]
    ]


def test_a_run_ends_before_it_costs_more(tool: Tool) -> None:
    """Though nothing happens but that time passes. The jobs cost 1 a second, each."""
    bag = tool.bag(shell("quick", "exit 0"), *(shell(name, "exec sleep 600") for name in ("one", "two")))
    prices = ("--prices", "vcpu=3600,gb=0", "--max-cost", "4")
    done = tool.run("--local", "--array", "never", "--summary", "it", *prices, bag)
    assert done.status == 1, done.err
    reason = r"the jobs have cost [34]\.\d\d, and would soon cost more than the 4\.00 of --max-cost"
    assert re.search(rf"terminated: {reason}\n", tool.read("one.err"))
    found = json.loads(tool.read("it"))
    assert re.fullmatch(f"halted: {reason}", found["errors"][0])
    assert f"cost: {money(Decimal(str(found['cost']['total'])))}; wasted by the halt: " in done.err
    costs = {job["name"]: job["cost"] or 0 for job in found["jobs"]}
    assert sum(costs.values()) == pytest.approx(found["cost"]["total"], abs=1e-5)
    assert costs["one"] + costs["two"] == pytest.approx(found["cost"]["wasted"]["the halt"], abs=1e-5)


def test_a_fuse_that_blew_stays_blown_when_the_run_is_killed(ready: Stage) -> None:
    """The jobs that run are terminated, and the one whose input is still under way is not sent: not by a new start
    either, with whatever option, but by --retry-failed."""
    running = [f"runs{n}" for n in range(3)]
    all_run = " && ".join(f"test -e '{ready.ran / name}'" for name in running)
    bad = ready.job("bad", f"until {all_run}; do sleep 0.02; done; test -e '{ready.gate}'")
    unsent = ready.job("unsent", env={"TRANSFER_INPUT_FILES": "data.txt"})
    ready.tool.write("data.txt", "data")
    bag = ready.bag(bad, unsent, *(ready.job(name, gated=True) for name in running))
    line = [bag, *EXISTING]

    def after_the_halt(_: Request, forward: Forward) -> Answer:
        wait_until(lambda: '"NotRun"' in ready.journal.read_text(), what="the halt")
        return forward()

    ready.faults.on("PutObject", after_the_halt, 1)
    ready.kill_at("terminatejobs", after=False)
    ready.play(-signal.SIGKILL, *line, "--max-failures", "10%")
    assert "1 job failed, and --max-failures allows 0: no more jobs are sent" in ready.said()

    said = ready.play(1, *line)
    assert "5 jobs: 0 succeeded, 4 failed, 1 not run" in said
    assert ready.times() == dict.fromkeys(["bad", *running], 1)
    why = "1 job failed, and --max-failures allows 0"
    assert ready.output("unsent")[:2] == ([], [f"[pegasus-aws-batch] job unsent: not run: {why}"])
    for name in running:
        out, err, task = ready.output(name)
        assert (out, err) == ([f"{name} begins"], [f"[pegasus-aws-batch] job {name}: terminated: {why}"])
        assert task.state == "failed"
    reasons = {one["jobName"]: one.get("statusReason", "") for one in ready.aws.summaries("q")}
    assert [name for name, reason in sorted(reasons.items()) if why in reason] == running

    ready.open_gate()
    ready.play(0, *line, "--retry-failed")
    assert ready.times() == {"unsent": 1, **dict.fromkeys(["bad", *running], 2)}
    ready.assert_outputs(["bad", "unsent", *running])
    ready.assert_tidy()


def test_a_canary_that_is_stopped_is_sent_again_and_a_retry_has_its_own(ready: Stage) -> None:
    jobs = [ready.job("first", gated=True), ready.job("good"), ready.job("bad", "false"), ready.job("worse", "false")]
    line = ["--canary", "1", ready.bag(*jobs), *EXISTING]
    process = ready.start(*line)
    ready.wait_for("first")
    process.send_signal(signal.SIGINT)
    ready.end(130)
    assert ready.aws.jobs() == [("first", "FAILED")]
    process = ready.start(*line)
    wait_until(lambda: ready.times() == {"first": 2}, what="the canary")
    assert len(ready.aws.jobs()) == 2
    ready.open_gate()
    ready.end(1, process)
    assert ready.times() == {"first": 2, "good": 1, "bad": 1, "worse": 1}
    ready.assert_outputs(["first", "good"])

    assert "2 succeeded, 1 failed, 1 not run" in ready.play(1, *line, "--retry-failed")
    assert ready.times() == {"first": 2, "good": 1, "bad": 2, "worse": 1}
