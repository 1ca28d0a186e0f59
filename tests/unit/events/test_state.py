"""What became of a run, folded from its events."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from jobbag.bag.job import Job
from jobbag.errors import AwsError
from jobbag.events.escalation import MEMORY, Escalated
from jobbag.events.events import (
    Event,
    Halted,
    LogsWritten,
    Lost,
    NotRun,
    NotSubmitted,
    NotTerminated,
    StagingFailed,
    StateChanged,
    Submitted,
    Submitting,
    Terminated,
    Unsent,
    WorkerFailed,
)
from jobbag.events.observation import STATES, LogPlace, Observation, now_ms
from jobbag.events.remarks import remark, why_no_log
from jobbag.events.state import RunState

from ..builders import bag, ended, job

ERROR = AwsError("SubmitJob", "ClientException", "no such queue")


def written(one: Job, *tail: str, note: str | None = None) -> LogsWritten:
    return LogsWritten(one, Path("o"), Path("e"), len(tail), tail, note)


def story(one: Job, seen: Observation | None = None, *tail: str) -> list[Event]:
    """All events of a job that ran to its end."""
    aws_id = f"id-{one.number}"
    return [Submitted(one, aws_id), StateChanged(one, aws_id, seen or ended()), written(one, *tail)]


def fold(jobs: list[Job], *events: Event) -> RunState:
    state = RunState(bag(*jobs), now_ms())
    for event in events:
        state(event)
    return state


ONE, TWO = job(1, "one"), job(2, "two")
FAILED = ended("FAILED", 3)
UNFETCHED = replace(written(TWO, note="the log could not be fetched: why"), whole=False)


@pytest.mark.parametrize(
    ("events", "exit_code", "failed"),
    [
        ([*story(ONE), *story(TWO)], 0, 0),
        ([*story(ONE), *story(TWO, FAILED)], 1, 1),
        ([*story(ONE, FAILED), *story(TWO, ended("FAILED", None))], 1, 2),
        ([*story(ONE), *story(TWO)[:2]], 2, 0),  # its output never came
        ([*story(ONE), Submitted(TWO, "id")], 2, 1),
        ([*story(ONE)], 2, 1),
        ([*story(ONE), NotSubmitted(TWO, ERROR), written(TWO)], 2, 1),
        ([*story(ONE, FAILED), NotSubmitted(TWO, ERROR), written(TWO)], 2, 2),
        ([*story(ONE), Submitted(TWO, "id"), Lost(TWO, "id", ERROR), written(TWO)], 2, 1),
        ([StagingFailed("f", ERROR), *story(ONE), *story(TWO)], 2, 0),
        ([*story(ONE), WorkerFailed("monitor", ERROR)], 2, 1),
        ([*story(ONE), *story(TWO), WorkerFailed("log fetcher", ERROR)], 2, 0),
        ([*story(ONE), *story(TWO)[:2], UNFETCHED], 2, 0),
        ([*story(ONE, FAILED), *story(TWO)[:2], UNFETCHED], 1, 1),  # what a job did counts first
        ([*story(ONE), *story(TWO)[:2], UNFETCHED, written(TWO)], 0, 0),
        ([*story(ONE), *story(TWO)[:2], written(TWO, note="no log: there is no such stream")], 0, 0),
    ],
)
def test_the_exit_status_follows_from_what_was_seen(events: list[Event], exit_code: int, failed: int) -> None:
    state = fold([ONE, TWO], *events)
    assert state.exit_code == exit_code
    assert (state.succeeded, state.failed) == (2 - failed, failed)


def test_a_run_is_complete_when_all_output_is_on_disk() -> None:
    events = [*story(ONE), *story(TWO)]
    state = fold([ONE, TWO], *events[:-1])
    assert not state.complete
    state(events[-1])
    assert state.complete


def test_a_worker_that_stops_ends_the_run() -> None:
    assert fold([ONE], WorkerFailed("monitor", OSError("disk"))).broken
    assert not fold([ONE], *story(ONE, FAILED)).broken


def test_which_jobs_may_still_run() -> None:
    state = fold([ONE, TWO, job(3, "three")], *story(ONE), Submitted(TWO, "id-2"))
    assert list(state.running()) == [(TWO, "id-2")]
    state(StateChanged(TWO, "id-2", Observation("RUNNING")))
    assert list(state.running()) == [(TWO, "id-2")]
    state(StateChanged(TWO, "id-2", FAILED))
    assert list(state.running()) == []


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        (story(ONE), "succeeded"),
        (story(ONE, FAILED), "failed"),
        ([], "not run"),
        ([NotSubmitted(ONE, ERROR), written(ONE)], "not run"),
        ([Submitted(ONE, "id-1"), Lost(ONE, "id-1", ERROR), written(ONE)], "failed"),
        ([Submitted(ONE, "id-1"), StateChanged(ONE, "id-1", Observation("RUNNING"))], "not run"),  # no end was seen
        ([*story(ONE, FAILED), Terminated(ONE, "id-1")], "stopped"),
        ([*story(ONE, FAILED), Terminated(ONE, "id-1"), NotTerminated(ONE, "id-1")], "failed"),
        ([Halted("why"), *story(ONE, FAILED), Terminated(ONE, "id-1")], "failed"),
        ([*story(ONE, FAILED), Terminated(ONE, "id-1"), Submitting(ONE, "t"), *story(ONE, FAILED)], "failed"),
        ([*story(ONE, ended("FAILED", None, started=None)), Terminated(ONE, "id-1")], "not run"),
        ([*story(ONE), Terminated(ONE, "id-1")], "succeeded"),  # all the same
    ],
)
def test_what_came_of_a_job(events: list[Event], verdict: str) -> None:
    assert fold([ONE], *events).of(ONE).verdict == verdict


def test_one_end_of_an_output_is_kept_for_each_way_to_fail() -> None:
    jobs = [job(number, f"job-{number}") for number in range(1, 7)]
    state = fold(
        jobs,
        *(event for one in jobs[:3] for event in story(one, FAILED, "begin", f"bad value {one.number}")),
        *story(jobs[3], FAILED, "begin", "worse"),
        *story(jobs[4], ended("FAILED", 4), "begin", "bad value 5"),
        *story(jobs[5], ended(), "bad value 6"),
    )
    tails = [("begin", "bad value 1"), (), (), ("begin", "worse"), ("begin", "bad value 5"), ()]
    assert [state.of(one).tail for one in jobs] == tails
    assert [state.failure(one).line for one in jobs[:3]] == ["bad value <n>"] * 3


def test_when_a_job_was_first_seen_starting() -> None:
    starting = [StateChanged(ONE, "id-1", Observation(state), at=at) for at, state in enumerate(STATES)]
    again = StateChanged(ONE, "id-1", Observation("STARTING"), at=99)
    assert fold([ONE], *starting, again).of(ONE).starting == STATES.index("STARTING")


def test_only_logs_that_are_whole_may_be_deleted() -> None:
    place = LogPlace("s1", "/mine")
    state = fold(
        [ONE, TWO, job(3, "three")],
        *story(ONE, ended(log=place)),
        Submitted(TWO, "id-2"),
        StateChanged(TWO, "id-2", ended()),
        written(TWO, note="the log could not be fetched"),
        Submitted(job(3, "three"), "id-3"),
        StateChanged(job(3, "three"), "id-3", ended()),
    )
    assert [*chain.from_iterable(state.of(one).saved_logs for one in state.bag.jobs)] == [place]


def test_a_job_that_is_sent_anew_starts_from_nothing() -> None:
    state = fold([ONE], *story(ONE, FAILED), Submitting(ONE, "token"))
    assert (state.complete, state.exit_code) == (False, 2)
    for event in story(ONE):
        state(event)
    assert (state.complete, state.exit_code, state.of(ONE).last) == (True, 0, "")


def test_a_job_that_was_not_sent_after_all_is_in_no_doubt() -> None:
    state = fold([ONE, TWO], Submitting(ONE, "token"), Submitting(TWO, "token"))
    assert list(state.in_doubt()) == [ONE, TWO]
    state(Unsent(ONE))
    assert list(state.in_doubt()) == [TWO]
    assert state.has_to_send


def test_which_jobs_a_new_start_repeats() -> None:
    jobs = [job(number, f"job-{number}") for number in range(1, 6)]
    good, bad, stopped, late, refused = jobs
    state = fold(
        jobs,
        *story(good),
        *story(bad, FAILED),
        *(*story(stopped, FAILED), Terminated(stopped, "id-3")),
        *(*story(late), Terminated(late, "id-4")),  # it succeeded all the same
        NotSubmitted(refused, ERROR),
    )
    assert [state.of(one).to_repeat for one in jobs] == [False, False, True, False, True]


def test_what_waited_for_a_stopped_job_goes_on_with_the_same_command() -> None:
    first, second = job(1, "a"), job(2, "b", depends_on=("a",))
    state = fold(
        [first, second],
        *(*story(first, ended("FAILED", 143)), Terminated(first, "id-1")),
        *(Submitted(second, "id-2"), Terminated(second, "id-2"), *story(second, NEVER_STARTED)),
    )
    kind = state.failure(second).kind
    assert kind.title == "not run: job a was stopped, on which it depends"
    assert kind.advice == state.failure(first).kind.advice


# -- a run that is halted


WHY = "1 job failed, and --max-failures allows 0"
NEVER_STARTED = ended("FAILED", None, started=None, stopped=None)


def halted() -> tuple[list[Job], RunState]:
    """A run that one failure halted, with a job of each fate; and one that it has still to care for."""
    jobs = [job(number, f"job-{number}") for number in range(1, 8)]
    good, bad, ran, waited, late, unsent, _open = jobs
    fates: list[Event] = [
        *story(good),
        *story(bad, FAILED),
        Halted(WHY),
        *(NotRun(unsent, WHY), written(unsent)),
        *(Terminated(ran, "id-3"), *story(ran, ended("FAILED", 143))),
        *(Submitted(waited, "id-4"), Terminated(waited, "id-4"), *story(waited, NEVER_STARTED)),
        *(Terminated(late, "id-5"), *story(late)),  # it succeeded all the same
    ]
    return jobs, fold(jobs, *(Submitting(one, "token") for one in jobs[:5]), *fates)


def test_what_a_halt_kept_from_running() -> None:
    jobs, state = halted()
    for event in (NotRun(jobs[6], WHY), written(jobs[6])):
        state(event)
    assert (state.complete, state.exit_code, state.failed) == (True, 1, 5)
    verdicts = {one.name: state.of(one).verdict for one in jobs}
    assert verdicts == {
        **dict.fromkeys(("job-1", "job-5"), "succeeded"),
        **dict.fromkeys(("job-2", "job-3"), "failed"),
        **dict.fromkeys(("job-4", "job-6", "job-7"), "not run"),
    }
    notes = {one.name: (why_no_log(state, one), remark(state, one)) for one in jobs}
    assert notes == {
        **dict.fromkeys(("job-1", "job-2", "job-5"), (None, None)),
        "job-3": (None, f"terminated: {WHY}"),
        **dict.fromkeys(("job-4", "job-6", "job-7"), (f"not run: {WHY}", None)),
    }


def test_a_halted_run_that_is_taken_up_sends_only_what_nothing_is_known_of_to_its_end() -> None:
    jobs, state = halted()
    assert [one.name for one in jobs if state.is_to_send(one)] == ["job-7"]
    assert not state.has_to_send, "it will be told as not run"
    state(NotSubmitted(jobs[6], ERROR))
    assert not any(map(state.is_to_send, jobs))
    assert why_no_log(state, jobs[6]) == f"it was not submitted: {ERROR}"
    state(Submitting(jobs[6], "token"))
    assert state.has_to_send, "AWS may have it"


def test_a_job_that_ran_and_is_held_back_by_the_halt_is_told_so() -> None:
    again = Escalated(ONE, "id-1", MEMORY, "OutOfMemoryError", memory=4096)
    state = fold(
        [ONE], Submitted(ONE, "id-1"), StateChanged(ONE, "id-1", FAILED), again, Halted("why"), NotRun(ONE, "why")
    )
    assert why_no_log(state, ONE) == state.failure(ONE).kind.title == "not sent again: why"
    assert state.of(ONE).verdict.value == "failed"


def test_a_job_that_a_signal_stopped_is_sent_again_unless_the_run_is_halted() -> None:
    events: list[Event] = [Submitting(ONE, "t"), Terminated(ONE, "id-1"), *story(ONE, FAILED)]
    assert fold([ONE], *events).is_to_send(ONE)
    assert not fold([ONE], *events, Halted(WHY)).is_to_send(ONE)


def test_a_job_that_aws_refused_to_stop_has_ended_by_itself() -> None:
    events: list[Event] = [Submitting(ONE, "t"), Terminated(ONE, "id-1"), *story(ONE, FAILED)]
    assert not fold([ONE], *events).settled
    refused = fold([ONE], *events[:2], NotTerminated(ONE, "id-1"), *events[2:])
    assert refused.settled
    assert not refused.is_to_send(ONE)


def test_a_run_is_settled_when_each_job_has_an_outcome_of_its_own() -> None:
    assert fold([ONE, TWO], *story(ONE), *story(TWO, FAILED)).settled
    assert not fold([ONE, TWO], *story(ONE), NotSubmitted(TWO, ERROR), written(TWO)).settled
    lost = fold([ONE], Submitting(ONE, "t"), Submitted(ONE, "id"), Lost(ONE, "id", ERROR), written(ONE))
    assert lost.settled
    assert lost.of(ONE).lost


def test_where_a_job_may_have_been_sent_is_known() -> None:
    assert fold([ONE], Submitting(ONE, "t", "queue")).of(ONE).queue == "queue"
    assert fold([ONE], Submitting(ONE, "t")).of(ONE).queue is None
