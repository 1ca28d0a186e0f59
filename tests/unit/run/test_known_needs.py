"""What --retry-failed and --update know of what jobs had to ask for in the run before."""

from __future__ import annotations

from dataclasses import replace

from jobbag.bag.job import Job
from jobbag.bag.rules import MoreMemory, OtherQueue
from jobbag.events.escalation import MACHINE, MEMORY, Escalated, StartsFrom
from jobbag.events.events import StateChanged
from jobbag.events.journal import Header, Past
from jobbag.run.again import Again, Selection
from jobbag.run.takeup import Earlier, How

from ..builders import bag, ended, job

HEADER = Header("run", 0, {}, {"one": "x", "two": "x"})
ONE = job(1, "one", on_out_of_memory=MoreMemory(), on_spot_loss=OtherQueue("other"))
TWO = job(2, "two", on_out_of_memory=MoreMemory())


def test_a_job_starts_with_what_it_had_last_as_long_as_its_rule_is_there() -> None:
    selection = Selection(False, (Again("one", before="failed"),), frozenset({2}), 2, ())
    earlier = Earlier(How.RETRY_FAILED, HEADER, Past(HEADER, ()), selection)
    seen = ended("FAILED", 137, memory=1024)
    events = [
        StateChanged(ONE, "id", seen),
        Escalated(ONE, "id", MEMORY, "OutOfMemoryError", 2048),
        Escalated(ONE, "id", MACHINE, "Host EC2 terminated", 2048, "other"),
        StateChanged(TWO, "id", seen),
        Escalated(TWO, "id", MEMORY, "OutOfMemoryError", 2048),
    ]

    def known(one: Job) -> list[tuple[str, int | None, str | None]]:
        the_bag = bag(one, TWO)
        found = earlier._known_needs(events, the_bag)
        return [(each.job.name, each.memory, each.queue) for each in found if isinstance(each, StartsFrom)]

    assert known(ONE) == [("one", 2048, "other")], "what is kept does not run"
    assert known(replace(ONE, on_spot_loss=None)) == [("one", 2048, None)]
    assert known(replace(ONE, on_spot_loss=OtherQueue("third"))) == [("one", 2048, None)]
    assert known(replace(ONE, on_spot_loss=None, on_out_of_memory=None)) == []
