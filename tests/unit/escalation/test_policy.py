"""What follows from the end of a job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jobbag.bag.rules import MoreMemory, OtherQueue
from jobbag.escalation.policy import Escalation
from jobbag.events.escalation import MACHINE, MEMORY, Asks, Escalated, NotEscalated, Sending
from jobbag.events.observation import Attempt
from jobbag.events.outcome import Outcome

from ..builders import ended, job

OOM, LOST = "OutOfMemoryError: Container killed due to memory usage", "Host EC2 (instance i-1) terminated."
OUT = ended("FAILED", 137, container_reason=OOM, memory=1024)
GONE = ended("FAILED", None, status_reason=LOST, memory=1024)
ONE = job(on_out_of_memory=MoreMemory(), on_spot_loss=OtherQueue("other"))
DEFINITION = {"containerProperties": {"resourceRequirements": [{"type": "MEMORY", "value": "1024"}]}}
POLICY = Escalation(lambda _: DEFINITION)


def outcome(seen: Any, *earlier: Sending, **values: Any) -> Outcome:
    return Outcome(token="t", aws_id="id", observation=seen, earlier=earlier, **values)


def test_a_job_that_ran_out_of_memory_is_sent_again_with_more() -> None:
    event = POLICY.after(ONE, outcome(OUT))
    assert isinstance(event, Escalated)
    assert (event.cause, event.reason, event.memory, event.queue) == (MEMORY, OOM, 2048, None)


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (job(), outcome(OUT)),
        (job(), outcome(GONE)),
        (ONE, outcome(ended())),
        (ONE, outcome(ended("FAILED", 137))),
        (ONE, outcome(ended("FAILED", 1))),
        (ONE, outcome(OUT, finished=True)),
        (ONE, outcome(GONE, terminated=True)),
        (ONE, outcome(None)),
    ],
)
def test_any_other_end_is_as_it_was(one: Any, state: Outcome) -> None:
    assert POLICY.after(one, state) is None


def test_a_job_that_was_being_stopped_when_it_ran_out_of_memory_needs_more_all_the_same() -> None:
    assert isinstance(POLICY.after(ONE, outcome(OUT, terminated=True)), Escalated)


def test_a_job_leaves_its_queue_when_enough_machines_were_lost() -> None:
    first = POLICY.after(ONE, outcome(GONE))
    assert isinstance(first, Escalated)
    assert (first.cause, first.queue) == (MACHINE, None)
    before = Sending(MACHINE, "s", "id-0", "q", GONE)
    second = POLICY.after(ONE, outcome(GONE, before))
    assert isinstance(second, Escalated)
    assert (second.queue, second.memory) == ("other", None)
    again = POLICY.after(ONE, outcome(GONE, before, before, asks=Asks(queue="other")))
    assert isinstance(again, NotEscalated)
    assert again.reason == "it has lost its machines in the job queue other, too"


def test_the_attempts_that_aws_has_made_itself_count() -> None:
    twice = replace(GONE, attempts=(Attempt(reason=LOST), Attempt(reason=LOST)))
    event = POLICY.after(ONE, outcome(twice))
    assert isinstance(event, Escalated)
    assert event.queue == "other"
    not_last = replace(GONE, attempts=(Attempt(reason=LOST), Attempt(reason="Task failed to start")))
    assert POLICY.after(ONE, outcome(not_last)) is None


def test_how_a_job_is_sent_with_what_it_asks_for() -> None:
    requirements = [{"type": "vcpu", "value": "2"}, {"type": "memory", "value": "512"}]
    one = replace(ONE, request={"containerOverrides": {"resourceRequirements": requirements, "memory": 512}})
    sent = POLICY.as_sent(one, Asks(4096, "other"))
    assert sent.request == {
        "jobQueue": "other",
        "containerOverrides": {"resourceRequirements": [requirements[0], {"type": "MEMORY", "value": "4096"}]},
    }
    assert POLICY.as_sent(ONE, Asks(1024)) is ONE, "it asks for that already"


def test_whether_something_may_follow() -> None:
    only_memory = replace(ONE, on_spot_loss=None)
    spent = [Sending(MEMORY, "s", "id-0", "q", OUT)] * 3
    assert POLICY.may_follow(ONE, outcome(None))
    assert POLICY.may_follow(only_memory, outcome(None))
    assert not POLICY.may_follow(only_memory, outcome(None, *spent))
    assert not POLICY.may_follow(replace(ONE, on_out_of_memory=None), outcome(None, asks=Asks(queue="other")))
    assert not POLICY.may_follow(job(), outcome(None))
