"""Made-up summaries of runs, as `--summary` writes them: any number of jobs, the same ones each time."""

from __future__ import annotations

import heapq
import json
import re
from random import Random
from typing import Any

from jobbag.report.page import page

Summary = dict[str, Any]

START = 1_795_334_538_000  # ms: 2026-11-22 08:02:18 UTC
SPOT_LOSS = "Host EC2 (instance i-0123456789abcdef0) terminated."
CAUSES = (
    ("exit code 1: ValueError: bad value <n>", "Look at the job's stderr: the program itself failed.", 1, None),
    ("exit code 137: OutOfMemoryError: Container killed due to memory usage", "Ask for more memory.", 137, "OOM"),
    ("Task failed to start: CannotPullContainerError", "Look whether the image exists.", None, "CannotPull"),
)
MEMORY = {
    "jobs": 40, "all": False, "example": "align_ID0000001", "executable": "align", "vcpus": 1.0,
    "asked": 2048, "used": 499, "of": "container", "enough": 640,
}  # fmt: skip
TAIL = ["Traceback (most recent call last):", '  File "analyse.py", line 17, in <module>', "ValueError: bad value 42"]


def sample(jobs: int, slots: int = 500, failing: float = 0.06, seed: int = 1) -> Summary:
    """The summary of a run of `jobs` jobs, of which at most `slots` run at a time and the share `failing` fails."""
    random = Random(seed)
    # The machines come one after the other; a slot is free from its time on.
    free = [START + 45_000 + int(slot * 180_000 / slots + random.uniform(0, 9_000)) for slot in range(slots)]
    heapq.heapify(free)
    entries = [_job(number, random, free, failing) for number in range(1, jobs + 1)]
    attempts = [attempt for entry in entries for attempt in entry["attempts"]]
    asked = sum(map(_hours, attempts))
    wasted = sum(_hours(attempt) for attempt in attempts if attempt["exit_code"] != 0)
    outcomes = [entry["outcome"] for entry in entries]
    return {
        "format": 1,
        "version": "1.0.0",
        "run": "7c0f1d3e5a9b4c21",
        "submit_files": ["bag.in"],
        "region": "us-east-1",
        "started": START,
        "ended": max(entry["stopped"] for entry in entries) + 4_000,
        "collected": max(entry["stopped"] for entry in entries) + 3_000,
        "complete": True,
        "exit_code": 1 if "failed" in outcomes else 0,
        "signal": None,
        "counts": {
            "jobs": jobs,
            "succeeded": outcomes.count("succeeded"),
            "failed": outcomes.count("failed"),
            "stopped": outcomes.count("stopped"),
            "not_run": outcomes.count("not run"),
        },
        "retried": {
            "jobs": sum(len(entry["attempts"]) > 1 for entry in entries),
            "attempts": sum(len(entry["attempts"]) - 1 for entry in entries),
            "spot": sum(attempt["reason"] == SPOT_LOSS for attempt in attempts),
            "starts": 0,
        },
        "sent_again": {"jobs": 3, "memory": 2, "machine": 1},
        "uploads": {"files": 3 + jobs, "bytes": 1_234 * jobs, "unchanged": 1},
        "results": {"files": jobs // 10, "bytes": 7 * jobs, "directory": "results", "left": []},
        "outputs": "<job>.out and <job>.err",
        "log_file": "run.log.000",
        "jobstate_log": "bag.jobstate.log",
        "console": "https://us-east-1.console.aws.amazon.com/batch/home?region=us-east-1#jobs/detail/",
        "vcpu_hours": {"asked": round(asked, 3), "wasted": round(wasted, 3)},
        "memory": [MEMORY],
        "cost": {"total": 41.5, "currency": "USD", "wasted": {"spot losses": 0.41}, "prices": []},
        "causes": _causes(entries),
        "errors": [],
        "notes": ["3 jobs needed more than 2 GiB; 4 GiB did: write it in these jobs"],
        "calls": {
            "batch DescribeJobs": {"calls": 41 + jobs // 20, "throttled": jobs // 500, "failed": 0},
            "batch SubmitJob": {"calls": jobs + jobs // 500, "throttled": jobs // 500, "failed": jobs // 2_000},
            "logs GetLogEvents": {"calls": jobs, "throttled": 0, "failed": 0},
            "s3 PutObject": {"calls": 3 + jobs, "throttled": 0, "failed": 0},
        },
        "jobs": entries,
    }


def page_of(summary: Summary, outputs: str = ".") -> str:
    """The page that shows a summary."""
    overview = {key: value for key, value in summary.items() if key != "jobs"}
    return "".join(page(overview, summary["jobs"], outputs))


def in_page(text: str) -> Summary:
    """The summary that a page holds."""
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def _hours(attempt: dict[str, Any]) -> float:
    return float(attempt["stopped"] - attempt["started"]) / 3_600_000


def _job(number: int, random: Random, free: list[int], failing: float) -> dict[str, Any]:
    created = START + 2_000 + number * 20 + random.randrange(10)
    cause = random.choices(range(len(CAUSES)), (80, 15, 5))[0] if random.random() < failing else None
    attempts: list[dict[str, Any]] = []
    for last in (random.random() > 0.02, True):
        ready = attempts[-1]["stopped"] if attempts else created
        started = max(heapq.heappop(free), ready + 1_000)
        length = int(random.lognormvariate(3.6, 0.5) * 1_000)
        if cause is not None and last:
            length = length // 4 + 500
        heapq.heappush(free, started + length + 500)
        code, reason = (0, None) if cause is None else CAUSES[cause][2:]
        if not last:
            code, reason = None, SPOT_LOSS
        attempts.append({"started": started, "stopped": started + length, "exit_code": code, "reason": reason})
        if last:
            break
    name = f"align_ID{number:07d}"
    return {
        "number": number,
        "name": name,
        "aws_id": f"{random.getrandbits(32):08x}-0000-4000-8000-{number:012x}",
        "command": ["align", "--seed", str(number)],
        "queue": "arn:aws:batch:us-east-1:123456789012:job-queue/large",
        "depends_on": [],
        "outcome": "succeeded" if cause is None else "failed",
        "status": "SUCCEEDED" if cause is None else "FAILED",
        "exit_code": attempts[-1]["exit_code"],
        "reason": None if cause is None else "Essential container in task exited",
        "cause": cause,
        "created": created,
        "starting": attempts[0]["started"] - 900,
        "started": attempts[-1]["started"],
        "stopped": attempts[-1]["stopped"],
        "attempts": attempts,
        "vcpus": 1.0,
        "memory": 2048,
        "memory_used": 300 + number % 200,
        "memory_of": "container",
        "cost": 0.01,
        "out": f"{name}.out",
        "err": f"{name}.err",
        "lines": random.randrange(200),
        "place": None,
        "tail": ["read 42 lines", "done"] if cause is None else TAIL,
        "results": [] if number % 10 else [f"results/{name}/a, b.txt"],
    }


def _causes(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Most frequent first; the jobs' `cause` is made to point there."""
    of = {old: [entry for entry in entries if entry["cause"] == old] for old in range(len(CAUSES))}
    found = sorted((old for old in of if of[old]), key=lambda old: -len(of[old]))
    for new, old in enumerate(found):
        for entry in of[old]:
            entry["cause"] = new
    return [
        {
            "cause": CAUSES[old][0],
            "advice": CAUSES[old][1],
            "count": len(of[old]),
            "example": {
                "job": of[old][0]["name"],
                "aws_id": of[old][0]["aws_id"],
                "err": of[old][0]["err"],
                "tail": TAIL if old == 0 else [],
            },
        }
        for old in found
    ]
