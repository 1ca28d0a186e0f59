"""The output of all jobs in two files, merged in the order of the bag."""

from __future__ import annotations

import os
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from jobbag.bag.job import Bag, Job
from jobbag.batches import batches
from jobbag.events.events import Event, LogsWritten, Merged, Share
from jobbag.files import beside, fsync, naming, put_in_place, replacing, sync
from jobbag.logs.outputs import is_there, of_jobs_that_are_done
from jobbag.logs.ranges import Range, copy, merged_ranges, merged_targets, ranges_of
from jobbag.logs.records import number_of, renumbered

SPENT, SPENT_BYTES = 100, 64 * 1024 * 1024  # parts that are merged, or their bytes, until they are removed
_PART = re.compile(r"(\d+)\.(out|err|[0-9a-f]+\.jobs)(\.part)?")  # what stands in the directory of parts, by job number
RECORD_SIZE = 8192  # bytes; a record is shorter


def _content(events: list[Event]) -> list[Merged]:
    """What is in the merged files, in order.

    Where an output begins before the end of others, a start has cut these off.
    """
    content: list[Merged] = []
    for event in events:
        if isinstance(event, Merged):
            begin = event.out_size - 1 if event.starts is None else event.starts[0]  # no output is empty
            while content and content[-1].out_size > begin:
                content.pop()
            content.append(event)
    return content


def _sizes(content: Sequence[Merged]) -> tuple[int, int]:
    """Where it ends in the .out and in the .err."""
    return (content[-1].out_size, content[-1].err_size) if content else (0, 0)


def _part_has_number(written: LogsWritten) -> bool:
    """Whether the record behind a job's stdout has its number; not if the order of the bag has changed since."""
    out = ranges_of(written)[0]
    with written.out.open("rb") as file:
        file.seek(max(out.begin, out.end - RECORD_SIZE))
        return number_of(file.read(min(RECORD_SIZE, out.end - out.begin))) in (None, written.job.number)


def _renumber(part: BinaryIO, start: int, number: int) -> None:
    """Give the record at the end of a part, behind a stdout from `start` on, this number."""
    begin = max(start, part.tell() - RECORD_SIZE)
    part.seek(begin)
    end = part.read()
    part.seek(begin)
    part.truncate()
    part.write(renumbered(end, number))


def remove_unfinished(prefix: Path, jobs: int) -> None:
    """Remove what a run of so many jobs left of merged files that nobody finishes. For who has its journal."""
    for ending in ("out", "err"):
        beside(prefix.with_name(f"{prefix.name}.{ending}")).unlink(missing_ok=True)
    _remove_parts(_parts_of(prefix), range(1, jobs + 1))


def _parts_of(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.parts")


def _remove_parts(directory: Path, numbers: Iterable[int]) -> None:
    ours = set(map(str, numbers))
    if directory.is_dir():
        for path in directory.iterdir():
            found = _PART.fullmatch(path.name)
            if found and found[1] in ours:
                path.unlink()
    with suppress(OSError):  # gone, or not empty: what is in it is not of this run
        directory.rmdir()


class MergedFiles:
    """Outputs of all jobs in PREFIX.out and PREFIX.err, in the order of the submit files.

    The output of a job stays in a directory, PREFIX.parts, until that of all jobs before it is there. The merged
    files appear by rename, whole: HTCondor may have the old ones open for what the tool itself prints.
    """

    records = True  # which tell the jobs apart

    def __init__(self, prefix: Path, bag: Bag, note: Callable[[Event], None], *, keep_parts: bool = False) -> None:
        """`note` writes to the journal that a job's output is merged.

        `keep_parts`: the parts stay until `close`, as they take the place of log streams that are deleted.
        """
        self._targets = merged_targets(prefix)
        self._parts = _parts_of(prefix)
        self._order = [job.number for job in bag.jobs]
        self._next = 0  # the index in the order of the next job to append
        self._done: dict[int, LogsWritten] = {}
        self._used: Counter[Path] = Counter()  # by shared file: how many of its jobs are merged
        self._spent: set[Path] = set()  # parts that are merged
        self._unsynced = 0  # bytes
        self._files: list[BinaryIO] = []
        self._note = note
        self._keep_parts = keep_parts

    def paths(self, job: Job) -> tuple[Path, Path]:
        return self._parts / f"{job.number}.out", self._parts / f"{job.number}.err"

    def shared(self, job: Job) -> Path:
        return self._parts / f"{job.number}.{secrets.token_hex(4)}.jobs"  # no name of old: journals still tell of them

    def results(self, job: Job) -> tuple[Path, Path]:
        del job
        return self._targets[0], self._targets[1]

    def resume(self, events: list[Event]) -> list[Event]:
        """What is in the unfinished merged files stays there, and what waits in the parts goes on waiting.

        What is in neither, but in finished merged files, or behind a gap of the unfinished ones, becomes a part again.
        """
        content = _content(events)
        events = of_jobs_that_are_done(events)
        written = {event.job.number: event for event in events if isinstance(event, LogsWritten)}
        written = {number: event for number, event in written.items() if event.whole}
        there = {number: event for number, event in written.items() if is_there(event)}
        parts = {number: event for number, event in there.items() if _part_has_number(event)}
        # A part that is still there may be merged, but then it is not known whether that is on disk.
        kept = self._kept(content, written.keys() - parts.keys())
        self._done = parts
        merged = {one.job.number: merged_ranges(self._targets, one) for one in content[len(kept) :]}
        merged |= {number: ranges_of(event) for number, event in there.items() if number not in parts}
        lost = written.keys() - parts.keys() - {one.job.number for one in kept}
        again = [(written[number], ranges) for number, ranges in merged.items() if number in lost and ranges]
        for some in batches(again, SPENT):
            self._done |= {event.job.number: event for event in self._parts_again(some)}
        for path, size in zip(map(beside, self._targets), _sizes(kept), strict=True):
            if path.exists():
                os.truncate(path, size)
        self._next = len(kept)
        safe = {one.job.number for one in kept} | self._done.keys()
        return [event for event in events if not isinstance(event, LogsWritten) or event.job.number in safe]

    def _kept(self, content: list[Merged], durable: Set[int]) -> list[Merged]:
        """The beginning of the unfinished merged files that holds. `durable`: jobs of which no part is left."""
        unfinished = list(map(beside, self._targets))
        if not all(path.exists() for path in unfinished):
            return []
        out, err = (path.stat().st_size for path in unfinished)
        kept: list[Merged] = []
        for one, number in zip(content, self._order, strict=False):
            follows = one.starts in (None, _sizes(kept))
            if not (follows and one.job.number == number in durable and one.out_size <= out and one.err_size <= err):
                break
            kept.append(one)
        return kept

    def _parts_again(self, wanted: Sequence[tuple[LogsWritten, Sequence[Range]]]) -> list[LogsWritten]:
        """Make a part of the output of these jobs in other files, where it is as it was. Gives what is noted of it."""
        self._parts.mkdir(exist_ok=True)
        found: list[tuple[LogsWritten, int, int, int]] = []  # with its start in the part, bytes of stdout and stderr
        path = self.shared(wanted[0][0].job)
        with replacing(path) as new, naming(path), new.open("w+b") as part:
            for written, (out, err) in wanted:
                start = part.tell()
                if out.copy(part):
                    _renumber(part, start, written.job.number)
                    middle = part.tell()
                    if err.copy(part):
                        found.append((written, start, middle - start, part.tell() - middle))
                        continue
                part.truncate(start)
                part.seek(start)
            part.flush()
            fsync(part.fileno(), path)
        sync(self._parts)
        again = [
            replace(written, out=path, err=path, share=Share(start, out, err, len(found)), sizes=None)
            for written, start, out, err in found
        ]
        for event in again:
            self._note(event)
        return again

    def prepare(self) -> None:
        """Make the directory of parts, and the files that become the merged ones."""
        self._parts.mkdir(exist_ok=True)
        self._files = [beside(target).open("ab") for target in self._targets]
        self._merge()

    def __call__(self, event: Event) -> None:
        if isinstance(event, LogsWritten):
            self._done[event.job.number] = replace(event, tail=())  # thousands may wait here for the first
            self._merge()

    def _merge(self) -> None:
        while self._next < len(self._order) and self._order[self._next] in self._done:
            self._append(self._done.pop(self._order[self._next]))
            self._next += 1

    def _append(self, written: LogsWritten) -> None:
        out, err = self._files
        starts = out.tell(), err.tell()
        with naming(self._targets[0]):
            if written.share is None:
                with written.out.open("rb") as own_out, written.err.open("rb") as own_err:
                    sums = copy(own_out, out), copy(own_err, err)
            else:
                with written.out.open("rb") as file:
                    file.seek(written.share.start)
                    sums = copy(file, out, written.share.out), copy(file, err, written.share.err)
            for merged in self._files:
                merged.flush()
        self._note(Merged(written.job, out.tell(), err.tell(), starts, sums))
        if not self._keep_parts:
            self._unsynced += out.tell() + err.tell() - sum(starts)
            self._is_used(written)

    def _is_used(self, written: LogsWritten) -> None:
        """Remove the part of a job whose output is in the merged files, unless other jobs need it.

        Many at once, as the merged files are synced before.
        """
        self._used[written.out] += 1
        if written.share is None or self._used[written.out] == written.share.jobs:
            self._spent |= {written.out, written.err}
        if len(self._spent) >= SPENT or self._unsynced >= SPENT_BYTES:
            for file, target in zip(self._files, self._targets, strict=True):
                fsync(file.fileno(), target)
            for part in self._spent:
                part.unlink(missing_ok=True)
            self._spent.clear()
            self._unsynced = 0

    def finish(self, summary: Callable[[], str]) -> None:
        for number in [number for number in self._order if number in self._done]:  # not all, if cut short
            self._append(self._done.pop(number))
        self._files[0].write(summary().encode() + b"\n")
        for file, target in zip(self._files, self._targets, strict=True):
            with naming(target):
                file.flush()
                fsync(file.fileno(), target)
                file.close()
            put_in_place(target)
        sync(self._targets[0].parent)
        if not self._keep_parts:
            self.close()

    def close(self) -> None:
        _remove_parts(self._parts, self._order)

    @property
    def description(self) -> str:
        return f"{self._targets[0]} and {self._targets[1]}"
