"""Taking up a run: is this start the same run as the one in the journal, and what of it still holds?"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from jobbag.bag.job import Bag, Job
from jobbag.entities.kinds import Plan, ToCreate
from jobbag.errors import InputError, Problem
from jobbag.events import journal
from jobbag.events.consumers import replay
from jobbag.events.events import Event, NotRun, Removing, Staged, TakenDown, Unsent
from jobbag.events.journal import Header, Past
from jobbag.events.observation import now_ms
from jobbag.events.state import RunState
from jobbag.options.settings import Settings
from jobbag.run.cleanup import BUCKET
from jobbag.run.task import TaskOnAws
from jobbag.s3.contents import is_there, is_unchanged
from jobbag.s3.place import S3Place

log = logging.getLogger(__name__)

SHOWN = 10  # changes that are told one by one
WAYS_OUT = "use --resume to go on with what was sent, or --fresh to terminate the old jobs and start anew"


class How(Enum):
    """What a start does with the run in the journal."""

    NEW = "there is none that is not finished"
    GO_ON = "it is taken up where it was left"
    FRESH = "it is abandoned"
    RETRY_FAILED = "what succeeded in it is kept, and only the rest runs again"


@dataclass(frozen=True)
class Earlier:
    """The earlier start of the same command, and the first line of the journal that this start writes to."""

    how: How
    header: Header
    past: Past | None

    def events(self, bag: Bag) -> list[Event]:
        """What of the earlier run holds for this one."""
        if self.past is None or self.how is How.NEW:
            return []
        events = self.all_events(bag)
        if self.how is How.RETRY_FAILED:
            return _only_succeeded(events, bag)
        return [*_of_what_is_there(events), *_released(events, bag), *_whole_arrays(events, bag)]

    def all_events(self, bag: Bag) -> list[Event]:
        """The events of the earlier run."""
        return [] if self.past is None else list(self.past.events(_jobs_by_old_number(self.past.header, bag)))

    @property
    def is_given_up(self) -> bool:
        """Whether what the earlier run made is removed before this one begins.

        So it is with one whose embedded AWS ended before it, whatever of its jobs is kept: buckets outlive that.
        """
        if self.past is None or self.how in (How.NEW, How.GO_ON):
            return False
        ended = not self.past.finished and _is_local(self.past.header) and _is_local(self.header)
        return self.how is How.FRESH or ended


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
    begun = past is not None and past.header.retry_failed and not past.finished
    is_local = past is not None and _is_local(past.header)  # its jobs ended with it
    if settings.retry_failed and (not begun or is_local):
        if past is None or not (past.finished or begun):
            what = "there is no earlier run" if past is None else "the earlier run has not reached its end"
            raise InputError.of("--retry-failed", f"{what}; start without this option")
        how = How.RETRY_FAILED
        header = replace(header, retry_failed=True)
    elif past is None or past.finished:
        return Earlier(How.NEW, header, past)
    elif _is_local(past.header):
        log.info("the embedded AWS of the earlier start ended with it, and so did its jobs; starting anew")
        return Earlier(How.FRESH if _is_local(header) else How.NEW, header, past)
    else:
        how = How.FRESH if settings.fresh else How.GO_ON
    found = [] if settings.resume or settings.fresh else list(changes(past.header, header))
    if found and how is How.GO_ON and not past.has_sent:
        return Earlier(How.FRESH, header, past)  # no job is bound to what that start was given
    if found:
        raise refuse(path, found)
    return Earlier(how, past.header if how is How.GO_ON else header, past)


def header_of(settings: Settings, bag: Bag, plan: Plan) -> Header:
    """The first line of the journal of a new run."""
    options = {
        "--local": "yes" if settings.local else None,
        "--region": settings.region,
        "--endpoint": settings.endpoint,
        "--s3": settings.s3,
        "--files": ",".join(settings.files),
        "--merge-logs": str(settings.merge_logs) if settings.merge_logs else None,
    }
    for spec in (plan.definition, plan.environment, plan.queue):
        if spec is not None:
            value = _digest(spec.request) if isinstance(spec, ToCreate) else spec.ref
            options[spec.kind.option] = value
    given = {name: value for name, value in options.items() if value}
    jobs = {job.name: _digest(_content(job)) for job in bag.jobs}
    return Header(secrets.token_hex(6), now_ms(), given, jobs, own_keys=True)


def place_of(place: S3Place, header: Header) -> S3Place:
    """The place in S3 of the run with this first line."""
    return place.of_run(header.run if header.own_keys else "")


def _content(job: Job) -> list[Any]:
    content = [job.executable, job.arguments, dict(job.environment), job.inputs, dict(job.request), job.depends_on]
    files = [[item.source, item.target] for item in job.items], job.outputs
    return [*content, *(["launcher"] if job.launcher else []), *(files if any(files) else [])]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


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


def changed_inputs(task: TaskOnAws, events: Iterable[Event]) -> Iterator[Problem]:
    """Files that were sent and have another content now."""
    sent = {event.item: event for event in events if isinstance(event, Staged)}
    for item in task.bag.local_files():
        same = item not in sent or is_unchanged(sent[item])
        if not same and not _is_there(task, item):
            yield Problem(f"input file {item!r}", "has changed since it was sent")


def _is_there(task: TaskOnAws, item: str) -> bool:
    """Whether S3 has a local file as it is now; of a directory, nobody asks for each file of it."""
    if task.bag.is_directory(item):
        return False
    return is_there(task.cloud, task.place, item, task.place.key(task.bag.name_in_s3(item)))


def check_inputs(task: TaskOnAws, events: Iterable[Event], path: Path) -> None:
    """Raises InputError where files have changed since an earlier start, whose journal is at `path`, sent them."""
    found = list(changed_inputs(task, events))
    if found:
        raise refuse(path, found)


def refuse(path: Path, problems: list[Problem]) -> InputError:
    """The error for a start that is given something else than the run that it would take up."""
    where = str(path)
    shown = [Problem(f"{where}: since the earlier start, {one.where}", one.what) for one in problems[:SHOWN]]
    if len(problems) > SHOWN:
        shown.append(Problem(where, f"and {len(problems) - SHOWN} more changes"))
    return InputError([*shown, Problem(where, WAYS_OUT)])


def _jobs_by_old_number(then: Header, bag: Bag) -> Mapping[int, Job]:
    """The jobs of this bag by the numbers that they had at the earlier start."""
    by_name = {job.name: job for job in bag.jobs}
    return {number: by_name[name] for number, name in enumerate(then.jobs, 1) if name in by_name}


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


def _only_succeeded(events: list[Event], bag: Bag) -> list[Event]:
    """The events of the jobs that succeeded and whose output is here: a run of only the others is to follow."""
    state = folded(events, bag)
    done = {job.number for job in bag.jobs if state.of(job).succeeded and state.of(job).finished}
    kept = {job.number for job in bag.jobs if done.issuperset(one.number for one in bag.siblings(job))}
    return [event for event in events if _number(event) in kept]


def _number(event: Event) -> int | None:
    job = getattr(event, "job", None)
    return job.number if isinstance(job, Job) else None
