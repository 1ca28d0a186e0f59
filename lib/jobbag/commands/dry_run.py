"""--dry-run: what a run would find and do, for people, or its requests in JSON. Nothing is written."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.filesize import decimal

from jobbag.bag.job import Bag, Job
from jobbag.commands.cloud import connected_task
from jobbag.commands.result import Result
from jobbag.display.live import flow
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, Kind
from jobbag.errors import ExitCode, SeveralErrors
from jobbag.escalation.advice import foreseen
from jobbag.holding import lock
from jobbag.options.settings import Settings
from jobbag.preflight.permissions import Right, Verdict
from jobbag.preflight.pricing import told
from jobbag.preflight.probe import Findings, Sending, Upload, probe
from jobbag.run import takeup
from jobbag.run.again import Selection
from jobbag.run.takeup import Earlier, How
from jobbag.run.task import Task, header_of, place_of
from jobbag.s3.place import S3Place
from jobbag.text import counted, iso, plain

log = logging.getLogger(__name__)

SHOWN = 20  # files or jobs that are told one by one
WIDTH = 80  # columns
NAME = 30  # columns of a job's name
Item = TypeVar("Item")


def dry_run(settings: Settings, task: Task) -> Result:
    """Tell what a run of the task would do. Raises ToolError where a run would end at once."""
    lock.check_free(settings.journal)
    earlier = takeup.earlier(settings, settings.journal, header_of(settings, task))
    with connected_task(settings, task) as (on_aws, _):
        earlier = takeup.selected(earlier, on_aws, settings.journal, fetches=settings.results is not None)
        if earlier.how is How.GO_ON:
            task = replace(task, place=place_of(task.place, earlier.header))
        found = probe(settings, replace(on_aws, place=task.place), earlier)
    warnings = list(_warnings(found))
    if settings.json:
        for warning in warnings:
            log.warning("%s", warning)
        lines = json.dumps([sending.request for sending in found.sendings], indent=2).splitlines()
    else:
        lines = [*_told(settings, task, earlier, found), *_checks(found, warnings), "", _verdict(found)]
    code = found.errors[0].exit_code if found.errors else ExitCode.OK
    return Result(code, tuple(lines), tuple(SeveralErrors(found.errors).lines if found.errors else ()))


def _told(settings: Settings, task: Task, earlier: Earlier, found: Findings) -> Iterator[str]:
    yield from ("dry run: nothing is written, here or in AWS", "")
    files = ", ".join(map(str, settings.bag_files))
    yield from _table(
        [
            ("bag", f"{files}: {counted(len(task.bag.jobs), 'job')}"),
            ("run", _of_journal(task.bag, earlier, found, local=settings.local)),
            ("as", found.caller.arn if found.caller else "the embedded AWS" if settings.local else "not known"),
            ("region", found.region),
            *(("prices", line) for line in told(found.checked.prices)),
            *([("on-end", settings.on_end)] if settings.on_end else []),
        ]
    )
    if earlier.selection is not None:
        yield from _again(earlier.selection)
    if found.checked.entities or found.checked.to_create or found.sendings:
        yield ""
        yield "entities"
        yield from _table(_entities(settings, task.place, found), indent=2)
    yield from _uploads(task.place, found)
    yield from _jobs(settings, found)


def _of_journal(bag: Bag, earlier: Earlier, found: Findings, *, local: bool) -> str:
    """What an unfinished run in the journal means for this start."""
    if earlier.past is None or earlier.how is How.NEW:
        return "a new one"
    when = iso(earlier.past.header.started)
    if earlier.how is How.FRESH:
        running = [] if local else list(takeup.folded(earlier.events(bag), bag).running())
        terminated = f", and {counted(len(running), 'job')} of it terminated" if running else ""
        return f"a new one; that of {when} is given up{terminated}"
    if earlier.selection is not None:
        return f"that of {when}: {earlier.selection}"
    state = found.checked.state
    doubt, progress = len(list(state.in_doubt())), state.progress()
    looked_for = f"; {counted(doubt, 'job')} may be sent, and will be looked for" if doubt else ""
    return f"the {earlier.header.kind} of {when} is taken up: {progress}{looked_for}"


def _again(selection: Selection) -> Iterator[str]:
    """Which jobs run again, and why."""
    reasons = [(one.job, one.why) for one in selection.again]
    reasons += [(name, "is gone from the bag") for name in selection.gone]
    if reasons:
        yield ""
    yield from (plain(f"job {job}: {why}") for job, why in _first(reasons))
    yield from _rest(reasons)


# -- entities


def _entities(settings: Settings, place: S3Place, found: Findings) -> Iterator[tuple[str, ...]]:
    for (kind, _), entity in found.checked.entities.items():
        yield kind.words, entity.name, _state(kind, entity.detail)
    for spec in found.checked.to_create:
        source = f" from {spec.path}" if spec.path else ""
        yield spec.kind.words, spec.name, f"to be created{source}{', and kept' if settings.keep else ' for the run'}"
    known = {entity.name for (kind, _), entity in found.checked.entities.items() if kind is ENVIRONMENT}
    for name, environment in found.environments.items():
        if name not in known:
            yield ENVIRONMENT.words, name, _state(ENVIRONMENT, environment)
    yield "bucket", place.bucket, _bucket(settings, place, found)


def _state(kind: Kind, detail: Mapping[str, Any]) -> str:
    if kind is DEFINITION:
        return str(detail.get("status"))
    state = f"{detail.get('state')}, {detail.get('status')}"
    return f"{state}; {_size(detail)}" if kind is ENVIRONMENT else state


def _size(environment: Mapping[str, Any]) -> str:
    resources = environment.get("computeResources")
    if not resources:
        return str(environment.get("type"))
    types = ", ".join(resources.get("instanceTypes", ()))
    return f"{resources.get('type')}, {resources.get('maxvCpus')} vCPUs at most{f', {types}' if types else ''}"


def _bucket(settings: Settings, place: S3Place, found: Findings) -> str:
    if found.checked.bucket_is_there:
        return "exists"
    return f"to be created{' for the run' if place.own and not settings.keep else ', and kept'}"


# -- uploads and jobs


def _uploads(place: S3Place, found: Findings) -> Iterator[str]:
    if not found.uploads:
        return
    to_send = [upload for upload in found.uploads if not upload.there]
    size = sum(upload.size for upload in to_send)
    yield ""
    yield f"uploads to {place.url}: {counted(len(to_send), 'file')} ({decimal(size)}) to be sent"
    there = [upload for upload in found.uploads if upload.there]
    if there:
        yield f"  {counted(len(there), 'file')} of the same content there already"
    both = [*to_send, *there]
    width = max(len(f"{upload.size:,}") for upload in both)
    rows = ((f"{one.size:>{width},}", one.key, _source(one)) for one in _first(both))
    yield from _table(rows, indent=2)
    yield from _rest(both)


def _source(upload: Upload) -> str:
    if upload.item is None:
        return "(made for the launcher)"
    return f"{upload.item} (there already)" if upload.there else upload.item


def _jobs(settings: Settings, found: Findings) -> Iterator[str]:
    if not found.sendings:
        yield ""
        yield "no job is to be sent"
    if found.sendings and found.canary:
        yield ""
        yield f"canary: {counted(found.canary, 'job')} to be sent first, the others once one has succeeded"
    groups: dict[str, list[Sending]] = {}
    for sending in found.sendings:
        queue, definition = (_last(sending.request[field]) for field in ("jobQueue", "jobDefinition"))
        groups.setdefault(f"the job queue {queue}, with the job definition {definition}", []).append(sending)
    for where, sendings in islice(groups.items(), SHOWN):
        yield ""
        yield f"{counted(sum(len(each.jobs) for each in sendings), 'job')} to be sent to {where}"
        rows = ((_name(each), str(each.needs), _command(each)) for each in _first(sendings))
        yield from map(_cut, _table(rows, indent=2))
        yield from _rest(sendings)
    yield from _rest(list(groups), "job queues and job definitions")
    again = [*foreseen(found.more_memory, found.other_queues)]
    yield from [""] if again else []
    yield from _first(again)
    with_outputs = sum(bool(job.outputs) for each in found.sendings for job in each.jobs)
    if with_outputs:
        where = f"come to {settings.results}/" if settings.results is not None else "stay in S3"
        yield ""
        yield f"the outputs of {counted(with_outputs, 'job')} to {where}"


def _name(sending: Sending) -> str:
    name = _shortened(sending.jobs[0].name)
    return name if len(sending.jobs) == 1 else f"{name} and {len(sending.jobs) - 1:,} more, as an array"


def _command(sending: Sending) -> str:
    first = sending.jobs[0]
    return shlex.join([first.executable, *first.arguments])


def _last(ref: str) -> str:
    """The name in an ARN, or the name that it is."""
    return ref.rpartition("/")[2]


def _first(items: Sequence[Item]) -> Iterator[Item]:
    return islice(items, SHOWN)


def _rest(items: Sequence[object], what: str = "more") -> Iterator[str]:
    if len(items) > SHOWN:
        yield f"  and {len(items) - SHOWN:,} {what}"


# -- what to heed


def _warnings(found: Findings) -> Iterator[str]:
    yield from found.warnings
    for cause, jobs in found.obstacles:
        yield f"{_named(jobs)} would not start: {cause}"
    if found.answer is None or found.caller is None:
        return
    for right in found.answer.those(Verdict.DENIED):
        if not right.vital:
            yield f"{found.caller.arn} may not do {right}"


def _named(jobs: Sequence[Job]) -> str:
    more = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
    return f"job {jobs[0].name}{more}"


def _checks(found: Findings, warnings: Iterable[str]) -> Iterator[str]:
    yield ""
    yield "checks"
    if found.sendings and not found.obstacles and not found.errors:
        yield "  no job is known to ask for more than its compute environment has"
    if found.answer is not None:
        yield from _permissions(found)
    for warning in warnings:
        yield from _folded(f"warning: {warning}")


def _permissions(found: Findings) -> Iterator[str]:
    assert found.answer is not None
    allowed, unknown = found.answer.those(Verdict.ALLOWED), found.answer.those(Verdict.UNKNOWN)
    if not unknown:
        yield f"  {len(allowed)} of {len(found.answer.verdicts)} permissions that a run needs are there"
        return
    if allowed:
        yield from _folded(f"allowed: {_listed(allowed)}")
    yield from _folded(f"not known: {_listed(unknown)}")
    if found.answer.why_unknown:
        yield from _folded(f"as {found.answer.why_unknown}")


def _listed(rights: Iterable[Right]) -> str:
    return ", ".join(dict.fromkeys(right.action for right in rights))


def _verdict(found: Findings) -> str:
    return "a run could not start:" if found.errors else "a run could start"


# -- lines


def _folded(text: str) -> list[str]:
    """A sentence in as many lines as it needs."""
    first, *rest = flow(plain(text).split(), WIDTH - 4)
    return [f"  {first}", *(f"    {line}" for line in rest)]


def _table(rows: Iterable[tuple[str, ...]], indent: int = 0) -> Iterator[str]:
    """Columns side by side."""
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        line = "  ".join(map(set_cell_size, row, widths))
        yield (" " * indent + line).rstrip()


def _cut(line: str) -> str:
    return line if cell_len(line) <= WIDTH else f"{set_cell_size(line, WIDTH - 3)}..."


def _shortened(name: str) -> str:
    """A name whose ends are shown, as those are what tells names from each other."""
    if cell_len(name) <= NAME:
        return name
    half, start, end = (NAME - 3) // 2, name, name
    while cell_len(start) > half:
        start = start[:-1]
    while cell_len(end) > half:
        end = end[1:]
    return f"{start}...{end}"
