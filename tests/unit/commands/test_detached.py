"""`--detach`: how many jobs run on, and the command that collects them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from jobbag.aws.client import IDS_PER_CALL, Cloud
from jobbag.commands import detached
from jobbag.errors import PROG
from jobbag.events.events import Event, LogsWritten, NotRun, StateChanged, Submitted, Submitting
from jobbag.events.state import RunState

from ..builders import array, bag, ended, heard, job

WORDS = ("-q", "q", "--detach", "it's a bag.in")


@pytest.fixture(autouse=True)
def _started_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [f"bin/{PROG}"])


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (WORDS, ["-q", "q", "it's a bag.in"]),
        (("--det", "--fresh", "--files", "--detach.txt", "bag.in"), ["--files", "--detach.txt", "bag.in"]),
        (("-detach", "-d", "--de", "--f", "bag.in"), ["-d", "--de", "--f", "bag.in"]),
        (("--detach", "--", "--detach"), ["--", "--detach"]),
    ],
)
def test_the_command_that_collects_is_the_same_without_what_was_for_the_first_start(
    words: tuple[str, ...], left: list[str]
) -> None:
    assert shlex.split(detached.collecting(words)) == [f"bin/{PROG}", *left]


def test_the_command_is_found_as_it_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / PROG
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(program), "--detach", "bag.in"])
    assert detached.collecting(["bag.in"]) == f"{PROG} bag.in"
    monkeypatch.setattr(sys, "argv", ["command.py", "--detach", "bag.in"])
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-X", "dev", "command.py", "--detach", "bag.in"])
    assert detached.collecting(["bag.in"]) == "python3 -X dev command.py bag.in"
    monkeypatch.setattr(sys, "orig_argv", ["other"])
    assert detached.collecting(["bag.in"]) == f"{PROG} bag.in"


class FakeCloud:
    """DescribeJobs that shows these."""

    def __init__(self, **statuses: Any) -> None:
        self.statuses = statuses
        self.asked: list[int] = []

    def call(self, service: str, operation: str, jobs: list[str]) -> dict[str, Any]:
        assert (service, operation) == ("batch", "DescribeJobs")
        self.asked.append(len(jobs))
        shown = {one: self.statuses[one] for one in jobs if one in self.statuses}
        return {
            "jobs": [
                {"jobId": one, "status": status} if isinstance(status, str)
                else {"jobId": one, "status": "PENDING", "arrayProperties": {"statusSummary": status}}
                for one, status in shown.items()
            ]
        }  # fmt: skip


JOBS = [job(1, "a"), job(2, "b"), job(3, "c"), *array(4, "sweep", 3)]
SENT: list[Event] = [
    *(Submitted(one, f"id{one.number}") for one in JOBS[:3]),
    *(Submitted(one, f"up:{one.child.index}") for one in JOBS[3:] if one.child),
    StateChanged(JOBS[0], "id1", ended()),
    LogsWritten(JOBS[0], Path("o"), Path("e"), 1),
    StateChanged(JOBS[3], "up:0", ended()),
]


def state(*events: Event) -> RunState:
    found = RunState(bag(*JOBS), 0)
    for event in events:
        found(event)
    return found


def look(*events: Event, **statuses: Any) -> str | None:
    with heard("jobbag.commands.detached") as lines:
        found = detached.look(cast(Cloud, FakeCloud(**statuses)), state(*events), WORDS)
    return None if found is None else lines[0].removeprefix("INFO ")


def test_one_look_tells_the_state_of_all_jobs() -> None:
    said = look(*SENT, id2="RUNNING", id3="FAILED", up={"RUNNABLE": 1, "STARTING": 0, "SUCCEEDED": 2})
    assert said == (
        f"6 jobs: 1 RUNNABLE, 1 RUNNING, 3 SUCCEEDED, 1 FAILED; 2 run on in AWS; this collects them: "
        f"bin/{PROG} -q q {shlex.quote(WORDS[-1])}"
    )


def test_an_array_that_has_not_begun() -> None:
    said = look(*SENT[:8], id2="PENDING", up={})
    assert said is not None
    assert said.startswith("6 jobs: 4 PENDING, 1 SUCCEEDED, 1 not shown; 4 run on in AWS;")


def test_when_all_have_ended_there_is_nothing_to_say() -> None:
    assert look(*SENT, id2="SUCCEEDED", up={"SUCCEEDED": 3}) is None, "one is not shown any more"
    assert look(*SENT[:-2], NotRun(JOBS[1], "no"), id2="SUCCEEDED", id3="FAILED", up={"FAILED": 3}) is None


def test_a_look_takes_few_calls() -> None:
    jobs = [job(number, f"j{number}") for number in range(1, 251)]
    found = RunState(bag(*jobs), 0)
    for one in jobs:
        found(Submitted(one, f"id{one.number}"))
    cloud = FakeCloud(id1="RUNNING")
    assert detached.look(cast(Cloud, cloud), found, WORDS) is not None
    assert cloud.asked == [IDS_PER_CALL, IDS_PER_CALL, 50]


def test_what_is_left_to_send_is_no_matter_of_a_look() -> None:
    assert detached.is_all_sent(state(*SENT)) is False, "it was never said that they were about to be sent"
    begun = [Submitting(one, f"t{one.number}") for one in JOBS]
    assert detached.is_all_sent(state(*begun, *SENT))
    assert not detached.is_all_sent(state(*begun[:1], *SENT))
    assert not detached.is_all_sent(state(*begun))


def test_how_many_run_on() -> None:
    assert detached.left(state(*SENT), WORDS).startswith("of 6 jobs, 4 run on in AWS; this collects them: ")


def test_what_is_said_of_jobs_that_had_not_ended_is_true_of_the_embedded_aws_too() -> None:
    made = ["job queue q", "bucket b"]
    assert detached.unended(["one"], [], local=False) == "job one may still run in AWS"
    assert detached.unended(["one", "two"], made, local=False) == (
        "job one and 1 more may still run in AWS; this stays for that: job queue q, bucket b"
    )
    assert detached.unended(["one"], made, local=True) == ("job one had to end with this command; this stays: bucket b")
    assert detached.unended(["one"], made[:1], local=True) == "job one had to end with this command"
