"""What the bag could ask for instead."""

from __future__ import annotations

from pathlib import Path

from jobbag.bag.rules import OtherQueue
from jobbag.escalation.advice import advice, foreseen
from jobbag.events.escalation import MEMORY, Escalated
from jobbag.events.events import StateChanged
from jobbag.events.state import RunState

from ..builders import bag, ended, job


def test_jobs_that_needed_the_same_are_told_together() -> None:
    jobs = [job(number, f"j{number}") for number in range(1, 5)]
    state = RunState(bag(*jobs), 0)
    for one in jobs[:3]:
        state(StateChanged(one, "id", ended("FAILED", 137, memory=2048)))
        state(Escalated(one, "id", MEMORY, "OutOfMemoryError", 4096))
        state(StateChanged(one, "id", ended(memory=4096 if one is not jobs[2] else 5000)))
    state(StateChanged(jobs[3], "id", ended(memory=2048)))
    needs = '{"resourceRequirements": [{"type": "MEMORY", "value": "%d"}]}'
    assert list(advice(state)) == [
        f'2 jobs needed more than 2 GiB; 4 GiB did: write "containerOverrides": {needs % 4096} in these jobs (such as '
        "job j1)",
        f'1 job needed more than 2 GiB; 5,000 MiB did: write "containerOverrides": {needs % 5000} in this job (job j3)',
    ]
    assert next(advice(state, [Path("bag.in")])) == (
        '2 jobs needed more than 2 GiB; 4 GiB did: write "resourceRequirements": [{"type": "MEMORY", "value": "4096"}] '
        "in the job definition"
    )


def test_what_would_become_of_jobs_is_told_before() -> None:
    queue = "arn:aws:batch:eu-west-3:123456789012:job-queue/other"
    assert list(foreseen({(2048, (4096, 8192)): 12, (None, ()): 1}, {OtherQueue(queue): 3})) == [
        "12 jobs with 2,048 MiB, if out of memory: sent again with 4,096, 8,192 MiB",
        "1 job, if out of memory: sent again with no more, as there is none",
        "3 jobs, after 2 lost machines: sent again to the job queue other",
    ]
