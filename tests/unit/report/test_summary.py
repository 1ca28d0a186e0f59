"""The summary of a run: the numbers that follow from what was seen, and the file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobbag import __version__
from jobbag.bag.job import Job
from jobbag.errors import AwsError, ExitCode, Interrupted
from jobbag.events.escalation import MACHINE, Escalated
from jobbag.events.events import (
    Event,
    Halted,
    LogsWritten,
    Merged,
    NotRun,
    NotSubmitted,
    Staged,
    StagingFailed,
    StateChanged,
    Submitted,
    Submitting,
    Terminated,
)
from jobbag.events.observation import Attempt, Observation
from jobbag.events.state import RunState
from jobbag.logs.outputs import JobFiles
from jobbag.report import summary
from jobbag.report.details import Details
from jobbag.report.summary import Ended

from ..builders import bag, ended, job

ERROR = AwsError("SubmitJob", "ClientException", "no such queue")
HOUR = 3_600_000
ONE, TWO, THREE = job(1, "one"), job(2, "two"), job(3, "three")


def story(one: Job, seen: Observation, *tail: str, note: str | None = None) -> list[Event]:
    """All events of a job that ran to its end."""
    aws_id = f"id-{one.number}"
    files = Path(f"{one.name}.out"), Path(f"{one.name}.err")
    starting = StateChanged(one, aws_id, Observation("STARTING"), at=1_500)
    return [
        Submitted(one, aws_id),
        starting,
        StateChanged(one, aws_id, seen),
        LogsWritten(one, *files, 7, tail, note, at=4_000),
    ]


def of(jobs: list[Job], *events: Event, **values: Any) -> Ended:
    """A run in which this happened, and that is over."""
    state = RunState(bag(*jobs), 1_000)
    details = Details(state)
    for event in events:
        state(event)
        details(event)
    plain: dict[str, Any] = {
        "run": "r",
        "submit_files": (Path("bag.in"),),
        "region": "eu-west-3",
        "outputs": JobFiles(),
        "log_file": None,
        "jobstate_log": Path("bag.jobstate.log"),
        "ended": 9_000,
        "exit_code": ExitCode.OK,
        "stopped": None,
        "errors": (),
        "calls": {},
    }
    return Ended(state, details, **{**plain, **values})


GOOD = ended(attempts=(Attempt("s", 2_000, 3_500, 0, "fine"),), vcpus=2.0, memory=512)
LOST = Attempt("s1", 0, HOUR, None, "Host EC2 (instance i-1) terminated.")
BAD = ended("FAILED", 3, status_reason="Essential container in task exited", container_reason="why", vcpus=0.5)


def test_the_whole_of_a_run() -> None:
    calls = {"batch SubmitJob": {"calls": 2, "throttled": 1, "failed": 0}}
    fit = replace(ONE, executable="fit", arguments=("--password", "x"), environment={"KEY": "x"})
    merged = Merged(fit, 250, 40, (100, 20), (0, 0))
    needs = replace(TWO, depends_on=("one",))
    events = [Submitting(fit, "t", "large"), *story(fit, GOOD), *story(needs, BAD, "a", "bad value 7"), merged]
    end = of(
        [fit, needs],
        *events,
        exit_code=ExitCode.TASK_FAILED,
        calls=calls,
        log_file=Path("l.000"),
        console="https://console/#jobs/",
    )
    assert summary.summary(end) == {
        "format": 1,
        "version": __version__,
        "run": "r",
        "submit_files": ["bag.in"],
        "region": "eu-west-3",
        "started": 1_000,
        "ended": 9_000,
        "collected": 4_000,
        "complete": True,
        "exit_code": 1,
        "signal": None,
        "counts": {"jobs": 2, "succeeded": 1, "failed": 1, "stopped": 0, "not_run": 0},
        "retried": {"jobs": 0, "attempts": 0, "spot": 0, "starts": 0},
        "sent_again": {"jobs": 0, "memory": 0, "machine": 0},
        "uploads": {"files": 0, "bytes": 0, "unchanged": 0},
        "results": {"files": 0, "bytes": 0, "directory": None, "elsewhere": 0, "left": []},
        "outputs": JobFiles().description,
        "log_file": "l.000",
        "jobstate_log": "bag.jobstate.log",
        "console": "https://console/#jobs/",
        "vcpu_hours": {"asked": 0.000833, "wasted": 0.0},
        "memory": [],
        "cost": None,
        "causes": [
            {
                "cause": "why",
                "advice": "AWS Batch says so: was it stopped by hand, or by a rule of the queue?",
                "count": 1,
                "example": {"job": "two", "aws_id": "id-2", "err": "two.err", "tail": ["a", "bad value 7"]},
            }
        ],
        "errors": [],
        "notes": [],
        "calls": calls,
        "jobs": [
            {
                "number": 1,
                "name": "one",
                "aws_id": "id-1",
                "command": ["fit", "--password", "***"],
                "queue": "large",
                "depends_on": (),
                "outcome": "succeeded",
                "status": "SUCCEEDED",
                "exit_code": 0,
                "reason": None,
                "cause": None,
                "created": 1_000,
                "starting": 1_500,
                "started": 2_000,
                "stopped": 3_500,
                "attempts": [
                    {
                        "started": 2_000,
                        "stopped": 3_500,
                        "exit_code": 0,
                        "reason": "fine",
                        "memory": 512,
                        "queue": "large",
                    }
                ],
                "vcpus": 2.0,
                "memory": 512,
                "memory_used": None,
                "memory_of": None,
                "cost": None,
                "out": "one.out",
                "err": "one.err",
                "lines": 7,
                "place": {"out": (100, 250), "err": (20, 40)},
                "tail": [],
                "results": [],
            },
            {
                "number": 2,
                "name": "two",
                "aws_id": "id-2",
                "command": ["/bin/true"],
                "queue": None,
                "depends_on": ("one",),
                "outcome": "failed",
                "status": "FAILED",
                "exit_code": 3,
                "reason": "Essential container in task exited; why",
                "cause": 0,
                "created": 1_000,
                "starting": 1_500,
                "started": 2_000,
                "stopped": 3_500,
                "attempts": [],
                "vcpus": 0.5,
                "memory": None,
                "memory_used": None,
                "memory_of": None,
                "cost": None,
                "out": "two.out",
                "err": "two.err",
                "lines": 7,
                "place": None,
                "tail": ["a", "bad value 7"],
                "results": [],
            },
        ],
    }


@pytest.mark.parametrize(
    ("reason", "counted"),
    [
        ("Host EC2 (instance i-1) terminated.", "spot"),
        ("Your Spot Task was interrupted.", "spot"),
        ("Task failed to start; CannotPullContainerError: no such image", "starts"),
        ("Task failed to start; DockerTimeoutError: Could not transition to created", "starts"),
        ("Essential container in task exited; CannotInspectContainerError: timed out", "starts"),
        ("ResourceInitializationError: unable to pull secrets", "starts"),
        ("Timeout waiting for network interface provisioning to complete.", "starts"),
        ("Essential container in task exited", None),
        ("Essential container in task exited; OutOfMemoryError: Container killed due to memory usage", None),
    ],
)
def test_what_was_nobodys_fault_is_counted(reason: str, counted: str | None) -> None:
    lost, last = Attempt("s1", 0, HOUR, None, reason), Attempt("s2", HOUR, 2 * HOUR, 0)
    found = summary.overview(of([ONE], *story(ONE, replace(GOOD, attempts=(lost, last)))))["retried"]
    assert found == {"jobs": 1, "attempts": 1, "spot": 0, "starts": 0, **({counted: 1} if counted else {})}


def test_retries_and_what_they_cost() -> None:
    last = Attempt("s2", 2 * HOUR, 4 * HOUR, 0)
    run = of(
        [ONE, TWO, THREE],
        *story(ONE, replace(GOOD, attempts=(LOST, last))),
        *story(TWO, replace(BAD, attempts=(LOST, LOST, last))),
        *story(THREE, replace(GOOD, vcpus=None, attempts=(LOST, replace(last, stopped=None)))),
    )
    found = summary.overview(run)
    assert found["retried"] == {"jobs": 3, "attempts": 4, "spot": 4, "starts": 0}
    assert found["vcpu_hours"] == {"asked": 2 * 3 + 0.5 * 4, "wasted": 2 * 1 + 0.5 * 4}


def test_retries_before_a_job_was_sent_again_count() -> None:
    sending = ended("FAILED", None, attempts=(LOST, LOST))
    again = Escalated(ONE, "id-1", MACHINE, LOST.reason or "", queue="other")
    last = replace(GOOD, attempts=(Attempt("s2", 2 * HOUR, 3 * HOUR, 0),))
    found = summary.overview(
        of([ONE], Submitted(ONE, "id-1"), StateChanged(ONE, "id-1", sending), again, *story(ONE, last))
    )
    assert found["retried"] == {"jobs": 1, "attempts": 1, "spot": 2, "starts": 0}
    assert found["sent_again"] == {"jobs": 1, "memory": 0, "machine": 1}


def test_jobs_that_did_not_run() -> None:
    refused = [NotSubmitted(ONE, ERROR), LogsWritten(ONE, Path("o"), Path("e"), 0, (), "it was not submitted: no")]
    stopped = [*story(TWO, ended("FAILED", None, started=None)), Terminated(TWO, "id-2")]
    found = summary.summary(of([ONE, TWO, THREE], *refused, *stopped))
    assert found["counts"] == {"jobs": 3, "succeeded": 0, "failed": 0, "stopped": 0, "not_run": 3}
    assert [(one["outcome"], one["status"], one["cause"], one["reason"]) for one in found["jobs"]] == [
        ("not run", None, 0, str(ERROR)),
        ("not run", "FAILED", 1, None),
        ("not run", None, 2, None),
    ]
    assert [(one["cause"], one["count"], one["example"]["tail"]) for one in found["causes"]] == [
        (str(ERROR), 1, ["it was not submitted: no"]),
        ("stopped with the run", 1, []),
        ("not run: it was not sent before the end", 1, []),
    ]
    assert not found["complete"]


JOBS = [job(number, f"j{number}", depends_on=("j1",) if number == 2 else ()) for number in range(1, 8)]
FAILED, RAN = ended("FAILED", 3), ended("FAILED", 137, status_reason="pegasus-aws-batch was stopped")
NEEDED = NotRun(JOBS[1], "job j1 failed, on which it depends")


@pytest.mark.parametrize(
    ("events", "counts", "found"),
    [
        ([*story(JOBS[0], FAILED), NEEDED], (1, 0, 1), ["exit code 3", "not run: job j1 failed, on which it depends"]),
        (
            [Halted("enough"), *story(JOBS[1], FAILED), NotRun(JOBS[0], "enough")],
            (1, 0, 1),
            ["not run: enough", "exit code 3"],
        ),
        (
            [
                *(Submitting(JOBS[0], "t"), *story(JOBS[0], RAN), Terminated(JOBS[0], "id-1")),
                *(Submitting(JOBS[1], "t"), Submitted(JOBS[1], "id-2")),
                *(StateChanged(JOBS[1], "id-2", Observation("RUNNING")), Terminated(JOBS[1], "id-2")),
            ],
            (0, 2, 0),
            ["stopped with the run"],
        ),
        (
            [Submitting(JOBS[0], "t"), Submitted(JOBS[0], "id-1"), Submitting(JOBS[1], "u")],
            (0, 0, 2),
            [],
        ),  # they run on
    ],
)
def test_each_job_that_did_not_succeed_has_one_cause(
    events: list[Event], counts: tuple[int, ...], found: list[str]
) -> None:
    told = summary.overview(of(JOBS[:2], *events))
    assert (told["counts"]["failed"], told["counts"]["stopped"], told["counts"]["not_run"]) == counts
    assert [cause["cause"] for cause in told["causes"]] == found
    assert sum(cause["count"] for cause in told["causes"]) == (sum(counts) if found else 0)


def test_output_that_is_not_home() -> None:
    """What AWS has and could not be fetched is an error; what AWS does not have is only told."""
    ran = [StateChanged(one, "id", GOOD) for one in (ONE, TWO)]
    run = of(
        [ONE, TWO],
        *ran,
        LogsWritten(ONE, Path("o"), Path("e"), 0, note="no log: there is no stream"),
        LogsWritten(TWO, Path("o"), Path("e"), 0, note="the log could not be fetched: 403", whole=False),
    )
    found = summary.overview(run)
    assert found["errors"] == [
        "the output of 1 job could not be fetched, or not all of it; of job two: the log could not be fetched: 403"
    ]
    assert found["notes"] == ["AWS has no output of 1 job, or not all of it; of job one: no log: there is no stream"]


def test_what_is_of_no_single_job() -> None:
    run = of(
        [ONE],
        StagingFailed("f", ERROR),
        Staged("a", "k/a", 100, 1, True),
        Staged("b", "k/b", 50, 1, False),
        exit_code=ExitCode.SIGTERM,
        stopped=Interrupted(ExitCode.SIGTERM),
        errors=("the bucket stays",),
    )
    run.state(Halted("2 jobs failed"))
    found = summary.overview(run)
    assert found["errors"] == ["halted: 2 jobs failed", str(ERROR), "the bucket stays"]
    assert found["uploads"] == {"files": 1, "bytes": 100, "unchanged": 1}
    assert (found["exit_code"], found["signal"]) == (143, "SIGTERM")


def test_the_example_of_a_cause_is_one_whose_output_is_known() -> None:
    seen = replace(BAD, container_reason=None)
    run = of([ONE, TWO], *story(ONE, seen), *story(TWO, seen, "bad value 7"))
    # The first job said nothing, and so is another cause; then both are of one.
    assert [cause["example"]["job"] for cause in summary.overview(run)["causes"]] == ["one", "two"]
    run = of([ONE, TWO, THREE], *story(TWO, seen, "bad value 7"), *story(ONE, seen, "bad value 8"), *story(THREE, GOOD))
    assert [cause["example"]["job"] for cause in summary.overview(run)["causes"]] == ["two"]


def test_the_file_has_the_same(tmp_path: Path) -> None:
    for jobs in ([ONE, TWO], []):
        end = of(jobs, *(event for one in jobs for event in story(one, BAD, "größe \x1b \udcff")))
        summary.write(tmp_path / "s.json", end)
        assert json.loads((tmp_path / "s.json").read_text()) == json.loads(json.dumps(summary.summary(end)))
    assert list(tmp_path.iterdir()) == [tmp_path / "s.json"]
