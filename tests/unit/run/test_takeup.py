"""Whether a start is the same run as the one in the journal, and what of it still holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.job import Bag, Job
from jobbag.entities.kinds import Plan
from jobbag.errors import InputError, Problem
from jobbag.events.events import (
    Event,
    Finished,
    LogsWritten,
    Merged,
    Staged,
    StateChanged,
    Submitted,
    Submitting,
    Terminated,
)
from jobbag.events.journal import Header, Journal
from jobbag.logs.merged_files import MergedFiles
from jobbag.options.settings import Settings
from jobbag.run.takeup import Earlier, How, changes, earlier, folded, refuse, selected
from jobbag.run.task import Task, TaskOnAws, header_of
from jobbag.s3.place import S3Place

from ..builders import array, bag, ended, job, settings


def header(options: dict[str, str] | None = None, jobs: dict[str, str] | None = None) -> Header:
    """The first line of a journal."""
    return Header("run", 1, options or {}, jobs or {"a": "1", "b": "2"})


def told(then: Header, now: Header) -> list[str]:
    """The changes, in an order that does not matter."""
    return sorted(map(str, changes(then, now)))


def test_no_change() -> None:
    assert told(header({"--s3": "x"}), header({"--s3": "x"})) == []


def test_each_change_is_told() -> None:
    then = header({"--s3": "s3://a/", "--region": "r"}, {"same": "1", "gone": "2", "other": "3"})
    now = header({"--s3": "s3://b/", "--files": "f"}, {"same": "1", "other": "4", "new": "5"})
    assert told(then, now) == [
        "--files: was not given, and is f",
        "--region: was r, and is not given",
        "--s3: was s3://a/, and is s3://b/",
        'job "gone": is not in the bag any more',
        'job "new": was not in the bag',
        'job "other": has changed',
    ]


def test_another_order_is_a_change() -> None:
    assert told(header(), header(jobs={"b": "2", "a": "1"})) == ["bag: the order of the jobs has changed"]


JOBS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("123"), max_size=6)


@given(JOBS, JOBS)
def test_there_is_a_change_if_and_only_if_they_differ(then: dict[str, str], now: dict[str, str]) -> None:
    same = list(then.items()) == list(now.items())
    assert (told(header(jobs=then), header(jobs=now)) == []) is same or not then or not now


CHANGED: list[dict[str, Any]] = [
    {"name": "other"}, {"executable": "/bin/false"}, {"arguments": ("x",)}, {"environment": {"A": "1"}},
    {"inputs": ("data.txt",)}, {"request": {"timeout": {"attemptDurationSeconds": 60}}},
]  # fmt: skip


@pytest.mark.parametrize("values", CHANGED, ids=[next(iter(one)) for one in CHANGED])
def test_all_that_a_job_is_counts(values: dict[str, Any]) -> None:
    def header(**given: Any) -> Header:
        return header_of(settings(), Task(bag(job(**given)), Plan(None, None, None, None), S3Place("b", "", own=False)))

    before = header()
    assert told(before, header()) == []
    assert told(before, header(**values)) != []


def test_the_refusal_names_some_changes_and_the_ways_out() -> None:
    error = refuse(Path("bag.journal"), [Problem(f"job {n}", "has changed") for n in range(15)])
    assert len(error.lines) == 7
    assert error.lines[0] == "bag.journal: since the earlier start, job 0: has changed"
    assert error.lines[-2].endswith("and 10 more like that")
    assert "--resume" in error.lines[-1]
    assert "--fresh" in error.lines[-1]


# -- what a start does


ONE = job(1, "a")
SENT = [Submitting(ONE, "t"), Submitted(ONE, "id")]
END = [*SENT, Finished(0)]


def chosen(of: Settings, path: Path, first: Header, jobs: Bag, cloud: Any = None) -> Earlier:
    """What a start does, when it is chosen what runs again; `cloud` is asked for files in S3."""
    place = S3Place("bucket", "", own=False)
    return selected(
        earlier(of, path, first), TaskOnAws(jobs, Plan(None, None, None, place), place, cloud), path, fetches=True
    )


def journal_with(path: Path, first: Header, events: Sequence[Event]) -> None:
    with Journal(path) as notes:
        notes.begin(first)
        for event in events:
            notes(event)


@pytest.mark.parametrize(
    ("events", "options", "how"),
    [
        (None, {}, How.NEW),
        (SENT, {}, How.GO_ON),
        (SENT, {"resume": True}, How.GO_ON),
        (SENT, {"fresh": True}, How.FRESH),
        (END, {}, How.NEW),
        (END, {"resume": True}, How.NEW),
        (END, {"retry_failed": True}, How.RETRY_FAILED),
        (END, {"update": True}, How.UPDATE),
        (None, {"update": True}, How.NEW),
        (SENT, {"update": True}, How.GO_ON),
    ],
)
def test_what_a_start_does(tmp_path: Path, events: list[Event] | None, options: dict[str, bool], how: How) -> None:
    path, first = tmp_path / "bag.journal", header(jobs={"a": "1"})
    if events is not None:
        journal_with(path, first, events)
    now = Header("new", 2, {}, {"a": "1"})
    found = earlier(settings(**options), path, now)
    assert found.how is how
    assert found.header.run == ("run" if how is How.GO_ON else "new")


def test_a_changed_bag_is_refused_unless_it_is_said_what_to_do(tmp_path: Path) -> None:
    path, now = tmp_path / "bag.journal", Header("new", 2, {}, {"a": "changed"})
    journal_with(path, header(jobs={"a": "1"}), SENT)
    with pytest.raises(InputError, match='job "a": has changed'):
        earlier(settings(), path, now)
    assert earlier(settings(resume=True), path, now).how is How.GO_ON
    assert earlier(settings(fresh=True), path, now).how is How.FRESH


def test_a_journal_that_cannot_be_read_is_set_aside_with_fresh(tmp_path: Path) -> None:
    path = tmp_path / "bag.journal"
    path.write_text('{"event":"Run","format":99}\n')
    with pytest.raises(InputError, match="--fresh"):
        earlier(settings(), path, header())
    assert earlier(settings(fresh=True), path, header()).how is How.NEW


def test_the_events_of_jobs_by_their_names(tmp_path: Path) -> None:
    """With --resume the jobs may have other numbers now."""
    path = tmp_path / "bag.journal"
    a, b = job(1, "a"), job(2, "b")
    journal_with(path, header(), [Submitted(a, "id-a"), Submitted(b, "id-b")])
    now = bag(job(1, "new"), job(2, "b"), job(3, "a"))
    found = earlier(settings(resume=True), path, Header("new", 2, {}, {"new": "0", "b": "2", "a": "1"})).events(now)
    assert [(event.job.number, event.aws_id) for event in found if isinstance(event, Submitted)] == [
        (3, "id-a"),
        (2, "id-b"),
    ]


def test_a_retry_keeps_what_succeeded(tmp_path: Path) -> None:
    path = tmp_path / "bag.journal"
    jobs = [job(1, "good"), job(2, "bad")]
    out, err = tmp_path / "x.out", tmp_path / "x.err"
    events: list[Event] = [Staged("f", "f", 1, 1, True)]
    for one, end in zip(jobs, (ended(), ended("FAILED", 1)), strict=True):
        events += [Submitting(one, "t"), Submitted(one, one.name), StateChanged(one, one.name, end)]
        events.append(LogsWritten(one, out, err, 1))
    journal_with(path, header(jobs={"good": "1", "bad": "2"}), [*events, Finished(1)])
    now = Header("new", 2, {}, {"good": "1", "bad": "2"})
    found = chosen(settings(retry_failed=True), path, now, bag(*jobs)).events(bag(*jobs))
    assert {event.job.name for event in found if isinstance(event, (Submitted, LogsWritten))} == {"good"}
    assert not any(isinstance(event, Finished) for event in found)


@pytest.mark.parametrize(
    ("first", "retry", "how"),
    [(True, True, How.RETRY_FAILED), (True, False, How.FRESH), (False, True, None), (False, False, How.FRESH)],
)
def test_a_retry_with_the_embedded_aws_that_was_killed_keeps_what_is_on_disk(
    first: bool, retry: bool, how: How | None, tmp_path: Path
) -> None:
    """Of a job whose output was not yet written, there is none any more."""
    path = tmp_path / "bag.journal"
    jobs = [job(1, "here"), job(2, "unwritten"), job(3, "sent")]
    digests = {one.name: "1" for one in jobs}
    events: list[Event] = []
    for one in jobs:
        events += [Submitting(one, "t"), Submitted(one, one.name)]
    events += [StateChanged(one, one.name, ended()) for one in jobs[:2]]
    events.append(LogsWritten(jobs[0], tmp_path / "x.out", tmp_path / "x.err", 1))
    then = Header("run", 1, {"--local": "yes"}, digests, retry_failed=first)
    journal_with(path, then, events)
    now = Header("new", 2, {"--local": "yes"}, digests)
    options = settings(local=True, retry_failed=retry)
    if how is None:
        with pytest.raises(InputError, match="has not reached its end"):
            earlier(options, path, now)
        return
    found = chosen(options, path, now, bag(*jobs))
    assert (found.how, found.header.retry_failed) == (how, retry)
    assert found.is_given_up
    if retry:
        kept = {event.job.name for event in found.events(bag(*jobs)) if isinstance(event, (Submitted, LogsWritten))}
        assert kept == {"here"}


def test_what_a_run_made_in_the_embedded_aws_is_not_looked_for_in_the_real_one(tmp_path: Path) -> None:
    path = tmp_path / "bag.journal"
    journal_with(path, Header("run", 1, {"--local": "yes"}, {}), [])
    found = earlier(settings(), path, Header("new", 2, {}, {}))
    assert (found.how, found.is_given_up, found.events(bag())) == (How.NEW, False, [])


# -- the merged files of a run that was killed


class Killed(BaseException):
    """The end of a process, at any instant."""


class Start:
    """One start of a run that merges outputs, which is killed before or after one of its notes."""

    def __init__(self, place: Path, jobs: list[Job], past: list[Event], stop_after: int | None = None) -> None:
        self.events = list(past)
        self._left = stop_after
        self._place, self._jobs = place, jobs
        self.outputs = MergedFiles(place / "all", bag(*jobs), self.note)

    def note(self, event: Event) -> None:
        """As the journal does; the process may be killed right behind it."""
        self.events.append(event)
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                raise Killed

    def die(self) -> None:
        """What the system does for a process that was killed: its files are closed as they are."""
        for file in self.outputs._files:
            file.close()

    def run(self, order: Sequence[int]) -> None:
        """Write the output of each job that is not there yet, in this order; then finish."""
        known = {
            event.job.number
            for event in self.outputs.resume(list(self.events))
            if isinstance(event, LogsWritten)
        }  # fmt: skip
        self.outputs.prepare()
        for number in order:
            one = self._jobs[number - 1]
            if number in known:
                continue
            paths = self.outputs.paths(one)
            for path, kind in zip(paths, ("out", "err"), strict=True):
                path.write_text(f"{one.name} {kind}\n")
            written = LogsWritten(one, *paths, 1)
            self.note(written)
            self.outputs(written)
        self.outputs.finish(lambda: "[summary]")


@given(st.permutations(range(1, 5)), st.lists(st.integers(1, 8), max_size=3))
def test_merged_files_of_a_run_that_is_killed_again_and_again(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], kills: list[int]
) -> None:
    place = tmp_path_factory.mktemp("merged")
    jobs = [job(number, f"job{number}") for number in range(1, 5)]
    events: list[Event] = []
    for kill in [*kills, None]:
        start = Start(place, jobs, events, kill)
        try:
            start.run(order)
        except Killed:
            start.die()
            assert not (place / "all.out").exists()
            events = start.events
            continue
        break
    assert (place / "all.out").read_text() == "".join(f"job{n} out\n" for n in range(1, 5)) + "[summary]\n"
    assert (place / "all.err").read_text() == "".join(f"job{n} err\n" for n in range(1, 5))
    assert sorted(path.name for path in place.iterdir()) == ["all.err", "all.out"]


def test_what_an_ended_job_had_written_is_not_merged_when_it_is_sent_again(tmp_path: Path) -> None:
    """The first start was told to stop and then killed: its Terminated says that the job is to run again."""
    jobs = [job(1, "one"), job(2, "two")]
    first = MergedFiles(tmp_path / "all", bag(*jobs), lambda _: None)
    first.prepare()
    paths = first.paths(jobs[0])
    for path in paths:
        path.write_text("cut short\n")
    events: list[Event] = [
        Submitting(jobs[0], "t"), Submitted(jobs[0], "id"), Terminated(jobs[0], "id"),
        StateChanged(jobs[0], "id", ended("FAILED", 143)), LogsWritten(jobs[0], *paths, 1),
    ]  # fmt: skip
    for file in first._files:
        file.close()
    start = Start(tmp_path, jobs, events)
    kept = start.outputs.resume(events)
    start.outputs.prepare()
    start.die()
    assert not any(isinstance(event, (LogsWritten, Merged)) for event in kept + start.events[len(events) :])
    assert (tmp_path / "all.out.part").read_bytes() == b""


# -- arrays of the user's own


def own_array(*ends: str | None) -> tuple[Bag, list[Event]]:
    """An array that was sent, and how each child ended; `stopped` by the run, None: not yet."""
    children = array(1, "sweep", len(ends))
    events: list[Event] = []
    for index, (child, end) in enumerate(zip(children, ends, strict=True)):
        events += [Submitting(child, f"t:{index}"), Submitted(child, f"id:{index}")]
        if end == "stopped":
            events.append(Terminated(child, f"id:{index}"))
        if end is not None:
            seen = ended() if end == "SUCCEEDED" else ended("FAILED", None)
            events += [StateChanged(child, f"id:{index}", seen), LogsWritten(child, Path("o"), Path("e"), 1)]
    return bag(*children), events


@pytest.mark.parametrize(
    ("ends", "again"),
    [
        (("SUCCEEDED", "FAILED"), False),  # each has had its chance
        (("SUCCEEDED", "stopped"), True),
        (("stopped", "stopped"), True),
        (("SUCCEEDED", "stopped", None), False),  # not before the last one has ended
        ((None, None), False),
    ],
)
def test_an_array_is_sent_again_as_a_whole_or_not_at_all(
    tmp_path: Path, ends: tuple[str | None, ...], again: bool
) -> None:
    of, events = own_array(*ends)
    first = header(jobs={one.name: "1" for one in of.jobs})
    journal_with(tmp_path / "j", first, events)
    state = folded(earlier(settings(), tmp_path / "j", first).events(of), of)
    assert state.to_send() == (list(of.jobs) if again else [])


@pytest.mark.parametrize(("ends", "again"), [(("SUCCEEDED", "FAILED"), True), (("SUCCEEDED", "SUCCEEDED"), False)])
def test_retry_failed_sends_all_children_of_an_array_one_of_which_failed(
    tmp_path: Path, ends: tuple[str, ...], again: bool
) -> None:
    of, events = own_array(*ends)
    first = header(jobs={one.name: "1" for one in of.jobs})
    journal_with(tmp_path / "j", first, [*events, Finished(1)])
    state = folded(chosen(settings(retry_failed=True), tmp_path / "j", first, of).events(of), of)
    assert state.to_send() == (list(of.jobs) if again else [])


def test_an_array_of_which_the_journal_has_not_all_children_was_not_sent(tmp_path: Path) -> None:
    of, events = own_array(None, None)
    first = header(jobs={one.name: "1" for one in of.jobs})
    journal_with(tmp_path / "j", first, events[:1])
    state = folded(earlier(settings(), tmp_path / "j", first).events(of), of)
    assert state.to_send() == list(of.jobs)
