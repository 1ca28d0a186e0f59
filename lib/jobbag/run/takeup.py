"""Taking up a run: is this start the same run as the one in the journal, and what of it still holds?"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from jobbag.bag.job import Bag, Job
from jobbag.errors import InputError, Problem
from jobbag.events import journal
from jobbag.events.consumers import replay
from jobbag.events.escalation import Escalated, StartsFrom
from jobbag.events.events import Event, NotRun, Removing, Staged, TakenDown, Unsent
from jobbag.events.journal import Header, Past
from jobbag.events.state import RunState
from jobbag.options.settings import Settings
from jobbag.run.again import (
    TEXT,
    Comparison,
    Selection,
    changed_inputs,
    gone_results,
    here,
    past_events,
    renumbered_events,
    resumed,
    sent_with,
    stale_inputs,
    told_gone,
    unfetched_results,
)
from jobbag.run.cleanup import BUCKET
from jobbag.run.task import TaskOnAws, place_of
from jobbag.s3.contents import shown_results

log = logging.getLogger(__name__)

GO_ON_OR_NOT = "--resume to go on with what was sent, or --fresh to terminate the old jobs and start anew"
KEEPING = "--update to keep what has succeeded and is as it was"
OF_OUTPUTS = ("--local", "--merge-logs")  # options that say where what is kept is


class How(Enum):
    """What a start does with the run in the journal."""

    NEW = "there is none that is not finished"
    GO_ON = "it is taken up where it was left"
    FRESH = "it is abandoned"
    RETRY_FAILED = "what succeeded in it is kept, and only the rest runs again"
    UPDATE = "what succeeded in it and has not changed is kept"


@dataclass(frozen=True)
class Earlier:
    """The earlier start of the same command, and the first line of the journal that this start writes to."""

    how: How
    header: Header
    past: Past | None
    selection: Selection | None = None  # what runs again; None: it is not asked for that
    given: Header | None = None  # what --resume is given, which need not be what that start was given

    def events(self, bag: Bag) -> list[Event]:
        """What of the earlier run holds for this one."""
        if self.past is None or self.how is How.NEW:
            return []
        events = here(past_events(self.past, bag))
        if self.how in (How.RETRY_FAILED, How.UPDATE):
            return [*(event for event in events if self._keeps(event)), *self._known_needs(events, bag)]
        return [*_of_what_is_there(events), *_released(events, bag), *_whole_arrays(events, bag)]

    @property
    def begins(self) -> bool:
        """Whether the journal is begun anew."""
        same = self.past is not None and list(self.header.jobs.items()) == list(self.past.header.jobs.items())
        return self.how is not How.GO_ON or not same

    def records(self, events: list[Event], left: list[Event], bag: Bag) -> list[Event]:
        """What a journal begins with that is begun anew: these events, and with which files what is kept was sent.

        `left` are those by which this run takes over what could not be removed of the earlier one.
        """
        if self.past is not None and self.how is How.GO_ON:
            return renumbered_events(self.past, self.header, bag)
        if self.past is None or self.how not in (How.RETRY_FAILED, How.UPDATE):
            return [*events, *left]
        old = past_events(self.past, bag)
        files = {id(sent) for sending, given in sent_with(old, bag) if self._keeps(sending) for sent in given}
        # What is before it is not in S3 any more.
        kept = [event for event in old if id(event) in files or self._keeps(event)]
        return [*kept, TakenDown(), *left, *self._known_needs(old, bag)]

    def _known_needs(self, events: list[Event], bag: Bag) -> Iterator[Event]:
        """What jobs that run again had to ask for, as far as their rules would lead there again."""
        if not any(isinstance(event, (Escalated, StartsFrom)) for event in events):
            return
        state = folded(events, bag)
        for job in bag.jobs:
            asks = state.of(job).asks
            memory = asks.memory if job.on_out_of_memory is not None else None
            queue = asks.queue if job.on_spot_loss is not None and asks.queue == job.on_spot_loss.job_queue else None
            if not self._keeps(StartsFrom(job)) and (memory, queue) != (None, None):
                yield StartsFrom(job, memory, queue)

    @property
    def is_given_up(self) -> bool:
        """Whether what the earlier run made is removed before this one begins.

        So it is with one whose embedded AWS ended before it, whatever of its jobs is kept: buckets outlive that.
        """
        if self.past is None or self.how in (How.NEW, How.GO_ON):
            return False
        ended = not self.past.finished and _is_local(self.past.header) and _is_local(self.header)
        return self.how is How.FRESH or ended

    def _keeps(self, event: Event) -> bool:
        return self.selection is not None and _number(event) in self.selection.kept


def _is_local(header: Header) -> bool:
    return bool(header.options.get("--local"))


def earlier(settings: Settings, path: Path, header: Header) -> Earlier:
    """Look into the journal. Raises InputError where this start is given something else than the earlier one."""
    try:
        past = journal.read(path)
    except InputError:
        if not settings.fresh:
            raise
        past = None
    if settings.retry_failed or settings.update:
        return _selecting(settings, path, header, past)
    if past is None or past.finished:
        return Earlier(How.NEW, header, past)
    if _is_local(past.header):
        log.info("the embedded AWS of the earlier start ended with it, and so did its jobs; starting anew")
        return Earlier(How.FRESH if _is_local(header) else How.NEW, header, past)
    if settings.fresh:
        return Earlier(How.FRESH, header, past)
    if settings.resume:
        return Earlier(How.GO_ON, past.header, past, given=header)
    return _going_on(path, header, past, list(changes(past.header, header)))


def _going_on(path: Path, header: Header, past: Past, found: list[Problem]) -> Earlier:
    """Go on with an unfinished run, unless something has changed."""
    if found and not past.has_sent:
        return Earlier(How.FRESH, header, past)  # no job is bound to what that start was given
    if found:
        raise refuse(path, found, keeps=past.left_in_order)
    return Earlier(How.GO_ON, past.header, past)


def _selecting(settings: Settings, path: Path, header: Header, past: Past | None) -> Earlier:
    """What runs again is chosen (`selected`), unless a run is under way, which is gone on with."""
    how = How.UPDATE if settings.update else How.RETRY_FAILED
    if past is None:
        if how is How.RETRY_FAILED:
            raise InputError.of("--retry-failed", "there is no earlier run; start without this option")
        return Earlier(How.NEW, header, past)
    then, is_local = past.header, _is_local(past.header)  # its jobs ended with it
    found = list(changes(then, header))
    begun = then.update if how is How.UPDATE else then.retry_failed
    if not past.finished:
        if how is How.RETRY_FAILED and not begun and (is_local or not found):
            better = "use --update to keep what succeeded" if is_local else "start without this option"
            raise InputError.of("--retry-failed", f"the earlier run has not reached its end; {better}")
        if not is_local and (not past.left_in_order or (begun and not found)):
            return _going_on(path, header, past, found)
    elsewhere = [one for one in found if one.where in OF_OUTPUTS]
    if elsewhere:
        raise _refusal(path, elsewhere, "the output of what is kept is there: give this as it was")
    header = replace(header, retry_failed=how is How.RETRY_FAILED, update=how is How.UPDATE)
    return Earlier(how, header, past)


def selected(earlier: Earlier, task: TaskOnAws, path: Path, *, fetches: bool) -> Earlier:
    """The same with what is to run again, or is gone on with in another bag; S3 may be asked about files.
    `fetches`: results are wanted here.

    Raises InputError where --retry-failed would keep what is not as it was.
    """
    past, now = earlier.past, earlier.header
    if past is not None and earlier.given is not None:
        return replace(earlier, header=resumed(now, earlier.given, folded(past_events(past, task.bag), task.bag)))
    if past is None or earlier.how not in (How.RETRY_FAILED, How.UPDATE):
        return earlier
    events, place = past_events(past, task.bag), place_of(task.place, past.header)
    state, stale = folded(events, task.bag), stale_inputs(task, place, events)
    follows = fetches and place.own  # else this run finds in S3 what is not here
    gone = gone_results(state) if fetches else []
    in_s3 = shown_results(task.cloud, place, {one.key for one in gone}) if gone and not place.own else set[str]()
    stale = told_gone(one for one in gone if one.key not in in_s3) | stale
    files = [one for one in changes(past.header, now) if one.where == "--files"]
    if files and earlier.how is How.UPDATE:
        stale = {job.number: "--files has changed" for job in task.bag.jobs}

    def choose(compared: Comparison) -> Selection:
        chosen = compared.update() if earlier.how is How.UPDATE else compared.retry()
        return replace(chosen, to_fetch=sum(one.key in in_s3 and one.job.number in chosen.kept for one in gone))

    compared = Comparison(past.header, now, state, stale, frozenset())
    selection = choose(compared)
    if earlier.how is How.RETRY_FAILED:
        _check_kept(path, past, compared, files if selection.kept else [])
    if selection.is_empty and list(past.header.jobs) == list(now.jobs):
        return Earlier(How.GO_ON, past.header, past, selection)  # its outputs may have to be made whole
    if follows and (unfetched := unfetched_results(task.bag, state)):
        selection = choose(Comparison(past.header, now, state, stale, unfetched))
    return replace(earlier, selection=selection)


def _check_kept(path: Path, past: Past, compared: Comparison, problems: list[Problem]) -> None:
    """What --retry-failed keeps is as it was; of inputs of which that is not so, it is only said."""
    problems += [Problem(f'job "{one.job}"', one.new or TEXT) for one in compared.others if not one.is_stale]
    if compared.gone:
        lost = past.succeeded.intersection(compared.gone)
        problems += [Problem(f'job "{name}"', "is gone from the bag") for name in compared.gone if name in lost]
    if problems:
        what = "--retry-failed keeps what succeeded; use --update to run again what has changed"
        raise _refusal(path, problems, what)
    stale = [one for one in compared.others if one.is_stale]
    if stale:
        more = f" and {len(stale) - 1:,} more" if len(stale) > 1 else ""
        what = "job %s%s succeeded, and %s since; use --update to run again what has changed"
        log.warning(what, stale[0].job, more, stale[0].changed)


def changes(then: Header, now: Header) -> Iterator[Problem]:
    """What differs between what an earlier start was given and this one."""
    for name in sorted(then.options.keys() | now.options.keys()):
        before, after = then.options.get(name), now.options.get(name)
        if before != after:
            yield Problem(name, f"was {before or 'not given'}, and is {after or 'not given'}")
    for name in then.jobs.keys() | now.jobs.keys():
        if name not in now.jobs:
            yield Problem(f'job "{name}"', "is not in the bag any more")
        elif name not in then.jobs:
            yield Problem(f'job "{name}"', "was not in the bag")
        elif then.jobs[name] != now.jobs[name]:
            yield Problem(f'job "{name}"', "has changed")
    if then.jobs.keys() == now.jobs.keys() and list(then.jobs) != list(now.jobs):
        yield Problem("bag", "the order of the jobs has changed")


def check_inputs(task: TaskOnAws, events: Iterable[Event], path: Path) -> None:
    """Raises InputError where files have changed since an earlier start, whose journal is at `path`, sent them."""
    found = list(changed_inputs(task, events))
    if found:
        raise refuse(path, found)


def refuse(path: Path, problems: list[Problem], *, keeps: bool = False) -> InputError:
    """The error for a start that is given something else than the run that it would take up.

    `keeps`: nothing of that is under way, so that --update is another way out.
    """
    return _refusal(path, problems, f"use {f'{KEEPING}, ' if keeps else ''}{GO_ON_OR_NOT}")


def _refusal(path: Path, problems: list[Problem], way_out: str) -> InputError:
    where = str(path)
    shown = [Problem(f"{where}: since the earlier start, {one.where}", one.what) for one in problems]
    return InputError([*shown, Problem(where, way_out)])


def folded(events: list[Event], bag: Bag) -> RunState:
    """What the events say of the jobs."""
    state = RunState(bag, 0)
    replay(events, state)
    return state


def _of_what_is_there(events: list[Event]) -> list[Event]:
    """The events without the uploads before the last clean-up, which may have removed them."""
    last = max((place for place, event in enumerate(events) if _removes_uploads(event)), default=-1)
    return [event for place, event in enumerate(events) if place > last or not isinstance(event, Staged)]


def _released(events: list[Event], bag: Bag) -> list[Event]:
    """What makes jobs unsent that were not run for others, which did not get their chance or have succeeded since."""
    if not any(isinstance(event, NotRun) for event in events):
        return []
    return [Unsent(job) for job in folded(events, bag).released()]


def _whole_arrays(events: list[Event], bag: Bag) -> list[Event]:
    """What makes all children of the user's own arrays unsent some of which are to be sent again."""
    if all(job.child is None for job in bag.jobs):
        return []
    return [Unsent(job) for job in folded(events, bag).to_send_whole()]


def _removes_uploads(event: Event) -> bool:
    return isinstance(event, TakenDown) or (isinstance(event, Removing) and event.kind == BUCKET)


def without(events: list[Event], lost: Container[str]) -> list[Event]:
    """The events without the uploads of these files, which are not in S3 any more."""
    return [event for event in events if not (isinstance(event, Staged) and event.item in lost)]


def _number(event: Event) -> int | None:
    job = getattr(event, "job", None)
    return job.number if isinstance(job, Job) else None
