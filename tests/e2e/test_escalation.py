"""Jobs that run out of memory or lose their machine, and what a user sees of it when they have been sent again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.server import out_of_memory
from chaos.stage import EXISTING, Stage, stage
from helpers.tool import REPO

LOST = "Host EC2 (instance i-0a1b2c) terminated."
OUT_OF_MEMORY = "Essential container in task exited; OutOfMemoryError: Container killed due to memory usage"
ON_END = f"python3 '{REPO / 'examples' / 'again' / 'tell.py'}'"


def as_wanted(content: Any) -> None:
    """A job that ended with exit code 137 had too little memory, and one with 99 has lost its machine."""
    out_of_memory(content)
    for job in content["jobs"]:
        if job["status"] == "FAILED" and job["container"].get("exitCode") == 99:
            for one in (job, *job.get("attempts", ())):
                one["statusReason"] = LOST


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Stage]:
    """An AWS with a definition and two queues, in which jobs end for the reasons that their exit codes stand for."""
    with stage(tmp_path) as new:
        new.aws.make_entities()
        order = [{"order": 1, "computeEnvironment": "ce"}]
        new.aws.batch.create_job_queue(jobQueueName="other", priority=1, computeEnvironmentOrder=order)
        new.faults.edit("DescribeJobs", as_wanted)
        yield new


def test_what_a_user_sees_of_jobs_that_are_sent_again(ready: Stage) -> None:
    def at_first(name: str, status: int) -> str:
        return f"if test $(wc -c <'{ready.ran / name}') -eq 1; then echo {name} was first; (exit {status}); fi"

    jobs = [
        ready.job("hungry", at_first("hungry", 137), onOutOfMemory={"times": 2}),
        ready.job("moved", at_first("moved", 99), onSpotLoss={"jobQueue": "other", "after": 1}),
        ready.job("greedy", "(exit 137)", onOutOfMemory={"factor": 1.5, "times": 1}),
        ready.job("next", f"test $(wc -c <'{ready.ran / 'hungry'}') -eq 2", dependsOn=["hungry"]),
        ready.job("barred", dependsOn=["greedy"]),
    ]
    words = ("--prices", "vcpu=3600,gb=0", "--summary", "it", "--on-end", ON_END)
    said = ready.play(1, ready.bag(*jobs), *EXISTING, *words)
    assert ready.times() == {"hungry": 2, "moved": 2, "greedy": 2, "next": 1}

    no_more = "it ran out of memory with 96 MiB, and is not sent again with more: its rule allows 1 time"
    end = said[said.index("5 jobs: ") :]
    for told in (
        "job hungry: it ran out of memory, and is sent again with 128 MiB",
        f"job moved: its machine was lost ({LOST}), and it is sent again to the job queue other",
        f"job greedy: {no_more}",
    ):
        assert told in said
    for told in (
        "5 jobs: 3 succeeded, 1 failed, 1 not run",
        "sent again: 3 jobs, 2 times with more memory, 1 time after the loss of a machine",
        "1 job needed more than 64 MiB; 128 MiB did: write "
        '"containerOverrides": {"resourceRequirements": [{"type": "MEMORY", "value": "128"}]} in this job (job hungry)',
        "1 x out of memory (OutOfMemoryError)",
        "1 x not run: job greedy failed, on which it depends",
        "on-end: 3 of 5 jobs succeeded",
        "on-end: hungry was tried with 64 MiB in q, 128 MiB in q",
        "on-end: moved was tried with 64 MiB in q, 64 MiB in other",
    ):
        assert told in end

    earlier = {path.name: path.read_text().splitlines() for path in ready.tool.cwd.glob("*.[oe][ur][tr].*")}
    assert earlier == {
        "hungry.out.1": ["hungry begins", "hungry was first"],
        "moved.out.1": ["moved begins", "moved was first"],
        "greedy.out.1": ["greedy begins"],
        **{f"{name}.err.1": [f"{name} ends"] for name in ("hungry", "moved", "greedy")},
    }
    lines, errors, task = ready.output("hungry")
    assert (lines, errors, task.state) == (["hungry begins"], ["hungry ends"], "succeeded")
    assert ready.output("greedy")[1] == ["greedy ends", f"[pegasus-aws-batch] job greedy: {no_more}"]

    summary = json.loads(ready.tool.read("it"))
    assert summary["sent_again"] == {"jobs": 3, "memory": 2, "machine": 1}
    assert set(summary["cost"]["wasted"]) == {"spot losses", "want of memory"}
    tried = {
        job["name"]: [(one["memory"], one["queue"].rpartition("/")[2], one["reason"]) for one in job["attempts"]]
        for job in summary["jobs"]
    }
    done = "Essential container in task exited"
    assert tried["hungry"] == [(64, "q", OUT_OF_MEMORY), (128, "q", done)]
    assert tried["moved"] == [(64, "q", LOST), (64, "other", done)]
    assert tried["greedy"] == [(64, "q", OUT_OF_MEMORY), (96, "q", OUT_OF_MEMORY)]
