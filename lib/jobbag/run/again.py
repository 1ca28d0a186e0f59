"""Which jobs of an earlier run run again, and why (`--retry-failed`, `--update`); the rest is kept.

An array of the user's own is sent as a whole, so it is one job here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from jobbag.bag.job import Bag, Job
from jobbag.errors import Problem
from jobbag.events.events import Event, Staged, Submitting
from jobbag.events.journal import Header, Past
from jobbag.events.outcome import Outcome, Verdict
from jobbag.events.results import ResultFetched
from jobbag.events.state import RunState
from jobbag.run.task import TaskOnAws
from jobbag.s3.contents import has_same_mode, is_there, is_unchanged, state_of
from jobbag.s3.place import S3Place
from jobbag.text import counted

NEW, TEXT = "is new", "its text has changed"
_BEFORE = {
    Verdict.FAILED: "failed",
    Verdict.STOPPED: "was stopped",
    Verdict.NOT_RUN: "was not run",
    Verdict.SUCCEEDED: "its output did not come",
}
_KINDS = {  # of reasons, and of how many jobs each is the first that counts: of one, of several
    "new": ("is new", "are new"),
    "before": ("did not succeed", "did not succeed"),
    "changed": ("has changed", "have changed"),
    "needs": ("depends on one of these", "depend on others of these"),
}


@dataclass(frozen=True)
class Again:
    """Why a job runs again; `job` is its name in the submit file. What is no reason is empty."""

    job: str
    new: str = ""
    before: str = ""  # what became of it, if it did not succeed
    changed: str = ""  # what of it is not as it was
    needs: str = ""  # on which job it depends that runs again

    @property
    def why(self) -> str:
        """In words."""
        return ", and ".join(filter(None, (self.new, self.before, self.changed, self.needs)))

    @property
    def is_stale(self) -> bool:
        """Whether it succeeded, and only an input or a result of it is not as it was."""
        return bool(self.changed) and self.changed != TEXT and not self.before

    @property
    def kind(self) -> str:
        """The first reason that counts, by its field."""
        return next(kind for kind in _KINDS if getattr(self, kind))


@dataclass(frozen=True)
class Selection:
    """The jobs that run again, in the order of the bag, and those that are kept.

    `update`: all whose results are not those of today run again, not only what did not succeed.
    """

    update: bool
    again: tuple[Again, ...]
    kept: frozenset[int]  # by number, each child of an array
    jobs: int  # of the bag
    gone: tuple[str, ...]  # names of jobs that are not in the bag any more
    to_fetch: int = 0  # results of kept jobs that are not in their place any more, and still in S3

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.again and not self.gone

    def __str__(self) -> str:
        if self.is_empty:
            as_it_was = ", and nothing of them has changed" if self.update else ""
            said = f"{_all(self.jobs)} succeeded{as_it_was}"
            return f"{said}{self._fetched}" if self.to_fetch else f"nothing to do: {said}"
        head = f"{'updating' if self.update else 'retrying'} {len(self.again):,} of {self.jobs:,}"
        gone = f"; {counted(len(self.gone), 'job')} gone from the bag" if self.gone else ""
        return f"{head}{self._in_detail()}{gone}{self._fetched}"

    @property
    def _fetched(self) -> str:
        if not self.to_fetch:
            return ""
        what = _number(self.to_fetch, "result that is gone from here is", "results that are gone from here are")
        return f"; {what} fetched again from S3"

    def _in_detail(self) -> str:
        if not self.update:
            changed = sum(bool(one.changed) for one in self.again)
            return f", of which {_number(changed, *_KINDS['changed'])}" if changed else ""
        counts = Counter(one.kind for one in self.again)
        parts = [_number(counts[kind], *words) for kind, words in _KINDS.items() if counts[kind]]
        return f": {', '.join(parts)}" if parts else ""


def _all(jobs: int) -> str:
    return "the job" if jobs == 1 else f"all {jobs:,} jobs"


def _number(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


class Comparison:
    """The jobs of a bag beside what an earlier run had and made of them."""

    def __init__(
        self, then: Header, now: Header, state: RunState, stale: Mapping[int, str], unfetched: Container[int]
    ) -> None:
        """`state` is the end of that run, by the jobs of today; `stale` says by number which files are not as they
        were, and `unfetched` has the numbers of jobs of which results were left behind."""
        self._then, self._now, self._state = then, now, state
        self._stale, self._unfetched = stale, unfetched
        first = [job for job in state.bag.jobs if job.child is None or job.child.index == 0]
        self._arrays = {job.sent_name: state.bag.siblings(job) for job in first}  # a job alone is one of one child
        found = (self._compared(name, jobs) for name, jobs in self._arrays.items())
        self._reasons = {one.job: one for one in found if one is not None}
        self.gone = tuple(name for name in then.jobs if name not in now.jobs and not self._is_child(name))

    def _compared(self, name: str, jobs: Sequence[Job]) -> Again | None:
        if not any(job.name in self._then.jobs for job in jobs):
            return Again(name, new=NEW)
        before = next(filter(None, (_before(self._state.of(job)) for job in jobs)), "")
        if not before and jobs[0].number in self._unfetched:
            before = "its results did not come"
        same = all(self._then.jobs.get(job.name) == self._now.jobs[job.name] for job in jobs)
        changed = next((self._stale[job.number] for job in jobs if job.number in self._stale), "") if same else TEXT
        return Again(name, before=before, changed=changed) if before or changed else None

    def _is_child(self, name: str) -> bool:
        """Whether it is of an array that is still in the bag."""
        array = self._arrays.get(name.rpartition(".")[0])
        return array is not None and array[0].child is not None

    @property
    def others(self) -> list[Again]:
        """Jobs that succeeded and are not as they were, and those that are new."""
        return [one for one in self._reasons.values() if not one.before]

    def retry(self) -> Selection:
        """What did not succeed runs again."""
        return self._selection({name: one for name, one in self._reasons.items() if one.before}, update=False)

    def update(self) -> Selection:
        """What did not succeed, is new or has changed runs again, and all that depends on it."""
        dependants = _dependants(self._state.bag, self._arrays)
        reasons = dict(self._reasons)
        left = list(reasons)
        for needed in left:  # which grows
            for name in dependants.get(needed, ()):
                if name not in reasons:
                    reasons[name] = Again(name, needs=f"depends on {needed}")
                    left.append(name)
        return self._selection(reasons, update=True)

    def _selection(self, reasons: Mapping[str, Again], *, update: bool) -> Selection:
        again = tuple(reasons[name] for name in self._arrays if name in reasons)
        kept = frozenset(job.number for name, jobs in self._arrays.items() if name not in reasons for job in jobs)
        return Selection(update, again, kept, len(self._arrays), self.gone)


def _before(outcome: Outcome) -> str:
    return "" if outcome.succeeded and outcome.finished else _BEFORE[outcome.verdict]


def _dependants(bag: Bag, arrays: Mapping[str, Sequence[Job]]) -> dict[str, list[str]]:
    """By name, the jobs that depend on a job."""
    found: dict[str, list[str]] = {}
    for name, jobs in arrays.items():
        for needed in jobs[0].depends_on:
            for one in bag.named(needed)[:1]:
                found.setdefault(one.sent_name, []).append(name)
    return found


# -- jobs by the numbers that they had


def past_events(past: Past, bag: Bag) -> list[Event]:
    """The events of an earlier run, with the jobs as they are now."""
    by_name = {job.name: job for job in bag.jobs}
    return list(past.events({old: by_name[name] for old, name in _numbered(past.header) if name in by_name}))


def renumbered_events(past: Past, now: Header, bag: Bag) -> list[Event]:
    """All of these events with the numbers of today, be it of jobs that are not in the bag any more."""
    numbers = {name: number for number, name in _numbered(now)}
    return list(past.events({old: replace(bag.jobs[0], number=numbers[name]) for old, name in _numbered(past.header)}))


def _numbered(header: Header) -> Iterable[tuple[int, str]]:
    return enumerate(header.jobs, 1)


# -- --resume


def resumed(then: Header, now: Header, state: RunState) -> Header:
    """The first line of the journal of a run that is gone on with in another bag: what was sent is as it was sent.

    Jobs that are gone from the bag stand behind its own, should they come back.
    """
    sent = {job.name for job in state.bag.jobs if not state.is_to_send(job)}
    jobs = {name: then.jobs[name] if name in sent else digest for name, digest in now.jobs.items()}
    return replace(then, jobs=jobs | {name: digest for name, digest in then.jobs.items() if name not in jobs})


# -- results


def unfetched_results(bag: Bag, state: RunState) -> frozenset[int]:
    """The numbers of jobs whose results did not all come."""
    return frozenset(job.number for job in bag.jobs if job.outputs and not state.results.are_here(job))


def gone_results(state: RunState) -> list[ResultFetched]:
    """Those that are not in their place any more."""
    return [one for one in state.results.all_files() if not one.path.exists()]


def here(events: Iterable[Event]) -> list[Event]:
    """The events without results that are not in their place any more: they count as if they had never come."""
    return [event for event in events if not isinstance(event, ResultFetched) or event.path.exists()]


def told_gone(results: Iterable[ResultFetched]) -> dict[int, str]:
    """Which result of a job is lost, by the job's number."""
    return {one.job.number: f"its result {one.path} is gone" for one in results}


# -- input files


def changed_inputs(task: TaskOnAws, events: Iterable[Event]) -> Iterator[Problem]:
    """Files that were sent and have another content now."""
    sent = {event.item: event for event in events if isinstance(event, Staged)}
    for item in task.bag.local_files():
        if item in sent and not is_unchanged(sent[item]) and not _is_same(task, task.place, sent[item]):
            yield Problem(f"input file {item!r}", "has changed since it was sent")


def _is_same(task: TaskOnAws, place: S3Place, sent: Staged) -> bool:
    """Whether S3 has a local file as it is now; of a directory, nobody asks for each file of it."""
    if task.bag.is_directory(sent.item) or not has_same_mode(sent):
        return False
    return is_there(task.cloud, place, sent.item, place.key(task.bag.name_in_s3(sent.item)))


def sent_with(events: Iterable[Event], bag: Bag) -> Iterator[tuple[Submitting, list[Staged]]]:
    """Each sending of a job, with the files that it was given, as they were in S3 by then."""
    there: dict[str, Staged] = {}
    for event in events:
        if isinstance(event, Staged):
            there[event.item] = event
        elif isinstance(event, Submitting):
            yield event, [there[item] for item in bag.needs(event.job) if item in there]


def stale_inputs(task: TaskOnAws, place: S3Place, events: list[Event]) -> dict[int, str]:
    """Which input of a job has another content than it was sent with, by its number. `place`: where they were sent."""
    last = {event.key: event for event in events if isinstance(event, Staged)}
    known: dict[Staged, bool] = {}

    def is_stale(sent: Staged) -> bool:
        if sent not in known:
            same_size = task.bag.is_directory(sent.item) or state_of(sent.item)[0] == sent.size
            may_be_same = same_size and last[sent.key] is sent  # else S3 has nothing to compare it with
            known[sent] = not is_unchanged(sent) and not (may_be_same and _is_same(task, place, sent))
        return known[sent]

    found: dict[int, str] = {}
    for event, given in sent_with(events, task.bag):
        item = next((sent.item for sent in given if is_stale(sent)), None)
        found[event.job.number] = "" if item is None else f"its input file {item!r} has changed"
    return {number: what for number, what in found.items() if what}
