"""How far a run is, folded from its events."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobbag.bag.job import Job
from jobbag.display.progress import Progress, Snapshot
from jobbag.errors import AwsError, ExitCode, Interrupted
from jobbag.events.events import (
    Event,
    Halted,
    LogsWritten,
    Lost,
    Made,
    Making,
    NotRun,
    NotSubmitted,
    Signalled,
    Staged,
    StagingBegun,
    StagingFailed,
    StateChanged,
    Submitted,
    Submitting,
    TakingDown,
    Terminated,
    Uploading,
)
from jobbag.events.observation import Observation, now_ms
from jobbag.events.outcome import Verdict
from jobbag.events.state import RunState

from ..builders import bag, ended, job

ERROR = AwsError("SubmitJob", "ClientException", "no such queue")
JOBS = [job(number, f"job {number}") for number in range(1, 7)]
A, B, C, D, *_ = JOBS


def state(one: Job, name: str) -> StateChanged:
    seen = ended(name) if name in ("SUCCEEDED", "FAILED") else Observation(name)
    return StateChanged(one, f"id {one.number}", seen)


def sent(one: Job) -> Submitted:
    return Submitted(one, f"id {one.number}")


def written(one: Job) -> LogsWritten:
    return LogsWritten(one, Path("o"), Path("e"), 1)


def after(*events: Event, delayed: str | None = None, awaited: str | None = None) -> Snapshot:
    progress = Progress(bag(*JOBS), now_ms() - 61_000, lambda: delayed, lambda: awaited)
    for event in events:
        progress(event)
    return progress.snapshot()


ALL_SENT = [sent(one) for one in JOBS]


def test_jobs_are_counted_in_the_last_state_they_were_seen_in() -> None:
    now = after(
        *map(sent, JOBS[:5]), state(A, "PENDING"), state(A, "RUNNABLE"), state(A, "SUCCEEDED"), state(B, "RUNNING"),
        state(C, "STARTING"), state(C, "RUNNABLE"), state(D, "FAILED"),
    )  # fmt: skip
    assert now.jobs == {"to send": 1, "SUBMITTED": 1, "RUNNABLE": 1, "RUNNING": 1, "SUCCEEDED": 1, "FAILED": 1}
    assert next(iter(now.jobs)) == "to send"
    assert (now.total, now.ended, now.others) == (6, 2, {Verdict.FAILED: 1})


def test_a_job_that_was_never_sent_or_is_lost_has_failed() -> None:
    now = after(NotSubmitted(A, ERROR), sent(B), Lost(B, "id", ERROR))
    assert now.jobs == {"to send": 4, "FAILED": 2}


def test_what_became_of_jobs_is_told_as_at_the_end() -> None:
    run = RunState(bag(*JOBS), 0)
    progress = Progress(bag(*JOBS), 0, lambda: None, verdict=lambda one: run.of(one).verdict)
    for event in (
        *(sent(A), state(A, "FAILED"), sent(B), Terminated(B, "id 2"), state(B, "FAILED")),
        *(NotRun(C, "no"), NotSubmitted(D, ERROR), sent(JOBS[4]), state(JOBS[4], "SUCCEEDED")),
    ):
        run(event)
        progress(event)
    now = progress.snapshot()
    assert now.done_in_words == ["5 of 6 jobs done", "1 failed", "1 stopped", "2 not run"]
    run(Submitting(C, "t"))
    progress(Submitting(C, "t"))
    assert progress.snapshot().done_in_words == ["4 of 6 jobs done", "1 failed", "1 stopped", "1 not run"]


def test_a_job_that_is_sent_again_counts_anew() -> None:
    now = after(sent(A), state(A, "FAILED"), written(A), Submitting(A, "t"))
    assert now.jobs == {"to send": 6}


def test_the_time_since_the_run_began() -> None:
    assert after().elapsed == pytest.approx(61, abs=10)
    assert after().time_in_words[0].startswith("1:")


# -- files


def test_files_count_with_the_bytes_under_way() -> None:
    now = after(
        StagingBegun(3, 1000), Staged("a", "a", 300, 0, True), Uploading("b", 50), Uploading("b", 70),
        Staged("c", "c", 30, 0, False),
    )  # fmt: skip
    assert (now.files, now.size) == ((2, 3), (400, 1000))
    assert now.files_in_words[:2] == ["2 of 3 in S3", "400 bytes of 1.0 kB"]


def test_a_file_that_is_there_is_under_way_no_more() -> None:
    now = after(StagingBegun(1, 100), Uploading("a", 90), Staged("a", "a", 100, 0, True))
    assert (now.files, now.size) == ((1, 1), (100, 100))
    assert now.files_in_words == ["1 of 1 in S3", "100 bytes"]


def test_nothing_waits_for_a_file_that_cannot_be_sent() -> None:
    now = after(*ALL_SENT, StagingBegun(2, 0), StagingFailed("a", ERROR))
    assert now.waits_for == "sending 1 file"


def test_no_word_of_files_where_there_are_none() -> None:
    assert after().files_in_words == []
    assert "files" not in str(after())


def test_of_an_earlier_start_the_jobs_count_and_nothing_else() -> None:
    progress = Progress(bag(*JOBS), now_ms(), lambda: None)
    for event in (Staged("old", "old", 5, 0, True), Making("job-queue", "q"), sent(A), state(A, "FAILED"), sent(B)):
        progress.replay(event)
    progress(StagingBegun(1, 7))
    now = progress.snapshot()
    assert now.jobs == {"to send": 4, "SUBMITTED": 1, "FAILED": 1}
    assert (now.files, now.size) == ((0, 1), (0, 7))
    assert now.waits_for == "sending 1 file"


# -- what it waits for


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], "submitting 6 jobs"),
        ([StagingBegun(2, 10)], "sending 2 files"),
        ([Making("compute-environment", "ce")], "creating the compute environment ce"),
        ([Making("job-queue", "q"), Made("job-queue", "q", "arn")], "waiting for the job queue q to be ready"),
        ([Making("bucket", "b"), Made("bucket", "b", "arn")], "submitting 6 jobs"),
        ([Making("job-queue", "q"), Made("job-queue", "q", "arn"), StagingBegun(1, 1)], "sending 1 file"),
        ([sent(A)], "submitting 5 jobs"),
        ([*ALL_SENT, *(state(one, "RUNNABLE") for one in JOBS)], ""),
        ([*(state(one, "SUCCEEDED") for one in JOBS), written(A)], "waiting for the logs of 5 jobs"),
        ([*(state(one, "SUCCEEDED") for one in JOBS), *map(written, JOBS)], ""),
        (
            [*ALL_SENT, Signalled(Interrupted(ExitCode.SIGINT))],
            "stopping",
        ),
        ([TakingDown(("job queue q", "compute environment c"))], "deleting the job queue q, the compute environment c"),
    ],
)
def test_what_it_waits_for(events: list[Event], words: str) -> None:
    assert after(*events).waits_for == words


def test_it_says_what_trouble_is_waited_out() -> None:
    now = after(*ALL_SENT, delayed="throttling of DescribeJobs")
    assert now.waits_for == "waiting out throttling of DescribeJobs"


def test_it_says_what_the_other_jobs_wait_for() -> None:
    now = after(sent(A), awaited="the canary to succeed")
    assert now.waits_for == "waiting for the canary to succeed"


def test_a_halted_run_sends_nothing() -> None:
    events = [*(NotRun(one, "why") for one in JOBS[2:]), StateChanged(A, "id", ended("FAILED")), sent(JOBS[1])]
    now = after(Halted("why"), *events)
    assert now.ended == 5
    assert (now.waits_for, now.jobs_awaited) == ("stopping", "waiting for 1 job in SUBMITTED")


def test_the_jobs_that_it_waits_for() -> None:
    now = after(*ALL_SENT, *(state(one, "RUNNABLE") for one in JOBS[:4]), state(A, "RUNNING"))
    assert now.jobs_awaited == "waiting for 2 jobs in SUBMITTED, 3 in RUNNABLE, 1 in RUNNING"
    assert now.under_way_in_words == ["2 SUBMITTED", "3 RUNNABLE", "1 RUNNING"]


# -- words


def test_all_of_it_in_one_line() -> None:
    now = Snapshot(
        *({"to send": 1, "RUNNING": 1_200, "FAILED": 3}, (1, 2_000), (17, 5_000_000), 1e6, 754, 400, "waiting for x"),
        others={Verdict.FAILED: 2, Verdict.NOT_RUN: 1},
    )
    assert str(now) == (
        "3 of 1,204 jobs done, 2 failed, 1 not run; 1 to send, 1,200 RUNNING, 3 FAILED; files: 1 of 2,000 in S3, "
        "17 bytes of 5.0 MB, 1.0 MB/s; 12:34 elapsed, about 7 min left; waiting for x; "
        "waiting for 1,200 jobs in RUNNING"
    )


def test_each_event_is_a_change() -> None:
    progress = Progress(bag(A), now_ms(), lambda: None)
    before = progress.snapshot()
    assert progress.snapshot().changes == before.changes
    progress(sent(A))
    assert progress.snapshot().changes > before.changes


def test_the_cost_is_told_with_the_time() -> None:
    progress = Progress(bag(A), 0, lambda: None, cost=lambda now: f"cost {now}")
    assert progress.snapshot(61_000).time_in_words == ["1:01 elapsed", "time left unknown", "cost 61000"]
    assert "; 1:01 elapsed, time left unknown, cost 61000; " in str(progress.snapshot(61_000))
    assert Progress(bag(A), 0, lambda: None).snapshot(0).cost is None
