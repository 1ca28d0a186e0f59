"""Which jobs can go now: whatever comes, each is sent once, and none before what it waits for."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.job import Bag, Job
from jobbag.errors import ToolError
from jobbag.events.events import Absent, NotSubmitted, StateChanged, Submitting
from jobbag.jobs.array_request import JobGroup
from jobbag.jobs.ids import parent_of
from jobbag.run.backlog import Backlog
from jobbag.run.packing import Packing
from jobbag.run.safeguards import Safeguards

from ..builders import bag, ended, job
from .world import bags


def backlog(of: Bag, packing: Packing = Packing.NEVER, canary: int | None = None) -> Backlog:
    """The jobs of a bag, none of which is sent yet, and which have their inputs if they need none."""
    waiting = Backlog(of, of.jobs, packing, Safeguards(canary))
    waiting.begin()
    return waiting


def names(groups: list[JobGroup]) -> list[list[str]]:
    return [[one.name for one in group] for group in groups]


def chain(count: int) -> Bag:
    """Jobs each of which depends on the one before."""
    jobs = [job(1, "j1")]
    jobs += [job(number, f"j{number}", depends_on=(f"j{number - 1}",)) for number in range(2, count + 1)]
    return bag(*jobs)


# -- by example


def test_jobs_go_in_the_order_of_the_bag_as_many_as_are_asked_for() -> None:
    waiting = backlog(bag(*(job(number, f"j{number}") for number in range(1, 6))))
    assert names(waiting.take(2)) == [["j1"], ["j2"]]
    assert not waiting.is_empty
    assert names(waiting.take(9)) == [["j3"], ["j4"], ["j5"]]
    assert waiting.is_empty
    assert waiting.take(9) == []


def test_a_job_goes_when_all_its_files_are_there_those_of_all_jobs_too() -> None:
    waiting = backlog(bag(job(1, "own", inputs=("a", "s3://b/there")), job(2, "none"), common=("all",)))
    assert waiting.files == ["all", "a"]
    assert waiting.take(9) == []
    waiting.arrived("all")
    assert names(waiting.take(9)) == [["none"]]
    waiting.arrived("a")
    assert names(waiting.take(9)) == [["own"]]
    assert waiting.files == []


def test_a_file_that_never_arrives_takes_its_jobs_along_and_no_others() -> None:
    one, two, three = job(1, "one", inputs=("a", "b")), job(2, "two", inputs=("b",)), job(3, "three", inputs=("c",))
    waiting = backlog(bag(one, two, three))
    assert waiting.never_arrives("b") == [one, two]
    assert waiting.never_arrives("a") == []
    waiting.arrived("c")
    assert names(waiting.take(9)) == [["three"]]
    assert waiting.is_empty


def test_a_dependant_follows_when_aws_has_what_it_depends_on() -> None:
    one, two = (of := chain(2)).jobs
    waiting = backlog(of)
    assert waiting.take(9) == [(one,)]
    assert waiting.take(9) == []
    assert not waiting.is_empty
    waiting.submitted(one, "id-1")
    assert waiting.take(9) == [(two,)]
    assert waiting.depends_on((two,)) == ["id-1"]


def test_what_has_succeeded_needs_not_be_waited_for() -> None:
    one, two = (of := chain(2)).jobs
    waiting = backlog(of)
    waiting.take(9)
    waiting.submitted(one, "id-1")
    waiting.succeeded(one)
    assert waiting.take(9) == [(two,)]
    assert waiting.depends_on((two,)) == []


def test_a_job_that_was_taken_back_goes_again_before_the_others() -> None:
    one, two = (of := bag(job(1, "one"), job(2, "two"))).jobs
    waiting = backlog(of)
    assert waiting.take(1) == [(one,)]
    waiting.take_back([one])
    assert waiting.take(9) == [(one,), (two,)]


def test_an_array_that_was_taken_back_goes_as_one_again() -> None:
    jobs = (of := bag(*(job(number, f"j{number}") for number in range(1, 4)))).jobs
    waiting = backlog(of, Packing.ALWAYS)
    assert waiting.take(9) == [jobs]
    waiting.take_back(jobs)
    assert waiting.take(9) == [jobs]


def test_an_array_that_lacks_a_file_of_one_job_goes_without_it() -> None:
    jobs = (of := bag(*(job(number, f"j{number}", inputs=(f"f{number}",)) for number in range(1, 4)))).jobs
    waiting = backlog(of, Packing.ALWAYS)
    waiting.arrived("f1")
    waiting.arrived("f3")
    assert waiting.take(9) == []
    assert waiting.never_arrives("f2") == [jobs[1]]
    assert waiting.take(9) == [(jobs[0], jobs[2])]


def test_the_canary_goes_alone_and_the_rest_as_an_array() -> None:
    jobs = (of := bag(*(job(number, f"j{number}") for number in range(1, 6)))).jobs
    safeguards = Safeguards(2)
    waiting = Backlog(of, jobs, Packing.ALWAYS, safeguards)
    waiting.begin()
    assert waiting.take(9) == [(jobs[0],), (jobs[1],)]
    for one in jobs[:2]:
        safeguards(Submitting(one, "token"))
    assert waiting.take(9) == []
    safeguards(StateChanged(jobs[1], "id", ended()))
    assert waiting.take(9) == [jobs[2:]]


def test_the_canary_waits_for_no_files_of_others() -> None:
    one, two, three = job(1, "one"), job(2, "two", inputs=("a",)), job(3, "three", inputs=("b",))
    waiting = backlog(bag(one, two, three), Packing.ALWAYS, canary=1)
    assert waiting.take(9) == [(one,)]
    waiting.arrived("a")
    assert waiting.take(9) == []


def test_an_array_gives_jobs_to_a_canary_that_lacks_some() -> None:
    """One of the first jobs cannot be sent, and so shows nothing; without others, the run would wait for ever."""
    jobs = (of := bag(job(1, "lost", inputs=("a",)), *(job(number, f"j{number}") for number in range(2, 6)))).jobs
    safeguards = Safeguards(2)
    waiting = Backlog(of, jobs, Packing.ALWAYS, safeguards)
    waiting.begin()
    waiting.never_arrives("a")
    assert waiting.take(9) == [(jobs[1],), (jobs[2],)]
    for one in jobs[1:3]:
        safeguards(Submitting(one, "token"))
    safeguards(StateChanged(jobs[1], "id", ended()))
    assert waiting.take(9) == [jobs[3:]]


def test_a_job_that_can_never_be_sent_for_two_reasons_is_told_once() -> None:
    one, two, three = job(1, "one", inputs=("a",)), job(2, "two", inputs=("a",), depends_on=("one",)), job(3, "three")
    waiting = backlog(bag(one, two, three))
    assert waiting.never_arrives("a") == [one, two]
    assert waiting.failed(one) == []
    waiting = backlog(bag(one, two, three))
    assert waiting.failed(one) == [two]
    assert waiting.never_arrives("a") == [one]
    waiting = backlog(bag(one, two, three))
    assert waiting.failed(one) == [two]
    assert waiting.give_up() == [three, one]


def test_a_dependant_whose_file_comes_after_the_failure_is_not_sent() -> None:
    one, two, three = job(1, "one"), job(2, "two", inputs=("a",), depends_on=("one",)), job(3, "three", inputs=("b",))
    waiting = backlog(bag(one, two, three))
    assert waiting.take(9) == [(one,)]
    waiting.submitted(one, "id-1")
    assert waiting.failed(one) == [two]
    waiting.arrived("a")
    waiting.arrived("b")
    assert waiting.take(9) == [(three,)]
    assert waiting.is_empty


@pytest.mark.parametrize("packing", [Packing.NEVER, Packing.ALWAYS])
def test_a_dependant_that_could_go_but_did_not_when_the_failure_came_is_not_sent(packing: Packing) -> None:
    one, *dependants = (of := bag(job(1, "one"), *(job(n, f"j{n}", depends_on=("one",)) for n in (2, 3)))).jobs
    waiting = backlog(of, packing)
    assert waiting.take(9) == [(one,)]
    waiting.submitted(one, "id-1")
    assert not waiting.is_empty
    assert waiting.failed(one) == dependants
    assert waiting.is_empty
    assert waiting.take(9) == []


def test_of_an_array_that_waits_for_a_file_when_the_failure_comes_nothing_is_sent() -> None:
    one, *dependants = (
        of := bag(job(1, "one"), *(job(n, f"j{n}", inputs=(f"f{n}",), depends_on=("one",)) for n in (2, 3, 4)))
    ).jobs
    waiting = backlog(of, Packing.ALWAYS)
    waiting.take(9)
    waiting.submitted(one, "id-1")
    waiting.arrived("f3")
    assert waiting.failed(one) == dependants
    waiting.arrived("f2")
    waiting.arrived("f4")
    assert (waiting.take(9), waiting.is_empty) == ([], True)


def test_a_dependant_that_aws_does_not_have_after_all_is_not_sent_again_behind_a_failure() -> None:
    one, two = (of := chain(2)).jobs
    waiting = backlog(of)
    waiting.take(9)
    waiting.submitted(one, "id-1")
    assert waiting.take(9) == [(two,)]
    assert waiting.failed(one) == [], "AWS may have it, and lets it fail"
    assert waiting.take_back([two]) == [two]
    assert (waiting.take(9), waiting.is_empty) == ([], True)


def test_what_is_given_up_is_all_that_was_not_taken() -> None:
    ready, with_file = job(1, "ready"), job(2, "with file", inputs=("a",))
    pack = [job(3, "p3", request={"jobQueue": "x"}), job(4, "p4", inputs=("b",), request={"jobQueue": "x"})]
    dependant = job(5, "dependant", depends_on=("with file",))
    waiting = backlog(bag(ready, with_file, *pack, dependant), Packing.ALWAYS)
    assert sorted(one.number for one in waiting.give_up()) == [1, 2, 3, 4, 5]
    assert waiting.is_empty
    assert waiting.files == []
    waiting.arrived("a")
    assert waiting.take(9) == []


# -- whatever comes


@dataclass
class World:
    """A run, as far as its backlog learns of it. Each job is in exactly one place, but for those that still wait."""

    bag: Bag
    backlog: Backlog
    safeguards: Safeguards
    under_way: list[JobGroup] = field(default_factory=list)
    in_aws: dict[str, str] = field(default_factory=dict)  # name → AWS id
    running: list[Job] = field(default_factory=list)
    arrived: set[str] = field(default_factory=set)
    succeeded: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)  # names of jobs that failed, or are never sent
    arrays: int = 0

    def take(self, most: int) -> None:
        """Send what can go now."""
        taken = self.backlog.take(most)
        assert len(taken) <= most
        for group in taken:
            targets = self.backlog.depends_on(group)
            assert len(targets) == len(set(targets))
            for one in group:
                self.check_may_go(one, set(targets))
                self.safeguards(Submitting(one, "token"))
            if len(group) > 1:
                self.backlog.sent_as_array(group)
            self.under_way.append(group)

    def check_may_go(self, one: Job, targets: set[str]) -> None:
        """The job is sent once, with its inputs, behind what it depends on and nothing else. AWS has all of that, and
        nothing of it has failed."""
        assert one.name not in self.in_aws
        assert one.name not in self.lost
        assert one not in [each for group in self.under_way for each in group]
        assert {*self.bag.common, *one.inputs} <= self.arrived
        assert self.lost_none_of(one)
        ids = [self.in_aws[name] for name in one.depends_on if name not in self.succeeded]
        assert targets == {parent_of(aws_id) or aws_id for aws_id in ids}

    def answer(self, group: JobGroup, how: str) -> None:
        """It is known now what became of a request."""
        self.under_way.remove(group)
        if how == "absent":
            self.safeguards(Absent(group))
            for one in self.backlog.take_back(group):
                self.fail(one)
            return
        self.arrays += 1
        for index, one in enumerate(group):
            if how == "refused":
                self.fail(one)
            else:
                aws_id = f"a{self.arrays}:{index}" if len(group) > 1 else f"id-{self.arrays}"
                self.in_aws[one.name] = aws_id
                self.running.append(one)
                self.backlog.submitted(one, aws_id)

    def end(self, one: Job, *, well: bool) -> None:
        """A job has ended in AWS, which lets none succeed that depends on a failure."""
        self.running.remove(one)
        well = well and self.lost_none_of(one)
        self.safeguards(StateChanged(one, "id", ended("SUCCEEDED" if well else "FAILED")))
        if well:
            self.succeeded.add(one.name)
            self.backlog.succeeded(one)
        else:
            self.fail(one)

    def lost_none_of(self, one: Job) -> bool:
        return not set(one.depends_on) & set(self.lost)

    def fail(self, one: Job) -> None:
        """The job has failed, or will never be sent; what depends on it is not sent either."""
        failed = [one]
        while failed:
            one = failed.pop()
            assert one.name not in self.lost, "it is told once"
            self.lost.append(one.name)
            self.safeguards(NotSubmitted(one, ToolError("no")))
            failed += self.backlog.failed(one)

    def stage(self, item: str, *, well: bool) -> None:
        """A file is in S3, or never will be."""
        if well:
            self.arrived.add(item)
            self.backlog.arrived(item)
        else:
            for one in self.backlog.never_arrives(item):
                self.fail(one)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A run that begins; of some of its jobs it is in doubt whether an earlier start sent them."""
    whole = draw(bags())
    doubt = draw(st.booleans())
    in_doubt = [one for one in whole.jobs if doubt and not one.inputs and not one.depends_on and not whole.common]
    safeguards = Safeguards(draw(st.none() | st.integers(1, 3)))
    for one in in_doubt:
        safeguards(Submitting(one, "token"))
    to_send = [one for one in whole.jobs if one not in in_doubt]
    waiting = Backlog(whole, to_send, draw(st.sampled_from([Packing.NEVER, Packing.ALWAYS])), safeguards)
    world = World(whole, waiting, safeguards, [(one,) for one in in_doubt])
    waiting.begin()
    return world


def live(world: World, chance: random.Random, ends: tuple[str, ...], steps: int | None = None) -> None:
    """Let things happen in a random order: so many, or until nothing can happen any more. `ends` of requests and
    jobs, any number of times."""
    taken_back = 0
    while steps is None or steps > 0:
        steps = None if steps is None else steps - 1
        world.take(chance.randint(0, 9))
        choices: list[str | JobGroup | Job] = [*world.backlog.files, *world.under_way, *world.running]
        if not choices:
            world.take(99)
            if not world.under_way:
                return
            continue
        match chance.choice(choices):
            case str() as item:
                world.stage(item, well="lost" not in ends or chance.random() < 0.8)
            case Job() as one:
                world.end(one, well="lost" not in ends or chance.random() < 0.7)
            case tuple() as group:
                how = chance.choice(ends if taken_back < 4 else [one for one in ends if one != "absent"])
                taken_back += how == "absent"
                world.answer(group, how if how in ("absent", "refused") else "sent")


@given(worlds(), st.randoms(use_true_random=True))
def test_each_job_is_sent_once_and_none_before_what_it_waits_for(world: World, chance: random.Random) -> None:
    live(world, chance, ("sent", "absent"))
    assert world.succeeded == {one.name for one in world.bag.jobs}
    assert world.backlog.is_empty


@given(worlds(), st.randoms(use_true_random=True))
def test_what_fails_takes_along_what_needs_it_and_nothing_else(world: World, chance: random.Random) -> None:
    live(world, chance, ("sent", "absent", "refused", "lost"))
    if world.safeguards.admits(1):
        assert world.backlog.is_empty
        assert sorted([*world.succeeded, *world.lost]) == sorted(one.name for one in world.bag.jobs)


@given(worlds(), st.randoms(use_true_random=True), st.integers(0, 12))
def test_what_is_given_up_is_what_is_nowhere_else(world: World, chance: random.Random, steps: int) -> None:
    live(world, chance, ("sent", "absent", "refused", "lost"), steps)
    given_up = [one.name for one in world.backlog.give_up()]
    sent = [one.name for group in world.under_way for one in group]
    assert sorted([*given_up, *sent, *world.in_aws, *(set(world.lost) - world.in_aws.keys())]) == sorted(
        one.name for one in world.bag.jobs
    )
    assert (world.backlog.is_empty, world.backlog.take(99)) == (True, [])
