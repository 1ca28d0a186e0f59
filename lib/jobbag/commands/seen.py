"""A run that goes on elsewhere, or has ended, as its journal and the files beside it show it. AWS is not asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jobbag import __version__
from jobbag.bag.job import Bag
from jobbag.commands.recorded import Recorded
from jobbag.display.end_screen import sent_again
from jobbag.display.progress import Progress, Snapshot
from jobbag.errors import ExitCode, InputError
from jobbag.events.causes import Cause, causes
from jobbag.events.events import Event, JobsWaiting, Staged, StagingBegun
from jobbag.events.observation import ENDED, STATES, now_ms
from jobbag.events.outcome import Verdict
from jobbag.files import STDIN
from jobbag.holding.lock import Held, holder_of
from jobbag.holding.requests import is_asked
from jobbag.options.settings import Settings
from jobbag.preflight import offline
from jobbag.report import summary
from jobbag.run.task import digest_of
from jobbag.text import counted, iso

FORMAT = 1
SHOWN_CAUSES = 5


@dataclass(frozen=True)
class Seen:
    """A run at one moment."""

    run: Recorded
    now: Snapshot
    held: Held | None
    asked: bool  # to stop, and its holder has not heard it yet
    notes: tuple[str, ...]  # what the reader should know of the journal

    @property
    def name(self) -> str:
        """The prefix of the run."""
        return self.run.path.stem

    @property
    def goes_on(self) -> bool:
        """Whether somebody holds it and is at work."""
        return self.held is not None and self.run.finished is None

    @property
    def state(self) -> str:
        """The same in a word."""
        return "finished" if self.run.finished is not None else "running" if self.held is not None else "left"

    @property
    def causes(self) -> list[Cause]:
        """Why jobs failed, so far."""
        state = self.run.state
        return causes(state.failure(job) for job in self.run.bag.jobs if state.of(job).failed)

    @property
    def waits(self) -> list[str]:
        """What the run waits for, in words."""
        awaited = self.now.jobs_awaited if self.goes_on else ""
        return [one for one in (self.now.waits_for, awaited) if one]

    @property
    def waiting(self) -> list[JobsWaiting]:
        """Why jobs do not start, by queue, as long as some wait."""
        waits = any(self.now.jobs.get(state) for state in STATES[:3])
        return list(self.run.waiting.values()) if waits and self.run.finished is None else []

    @property
    def who(self) -> str:
        """Who holds it, or how it ended, in words."""
        run = self.run
        if run.finished is not None:
            return f"ended {when(run.last)} with exit status {run.finished}{_meaning(run.finished)}"
        if self.held is not None:
            since = f" since {when(self.held.since)}" if self.held.since is not None else ""
            return f"held by {self.held}{since}{'; it is being stopped' if self.asked or self.held.cancels else ''}"
        if run.is_local:
            return "nobody holds it: its jobs ended with it; the same command with --update keeps what succeeded"
        if number := run.may_run:
            them = "them" if number > 1 else "it"
            jobs = f"{counted(number, 'job')} may run on in AWS"
            return f"nobody holds it, and {jobs}: the same command goes on with {them}, --cancel stops {them}"
        return "nobody holds it: the same command goes on with it"

    def lines(self) -> Iterator[str]:
        """What there is to say beside the counts, in words."""
        yield from (f"since {when(one.at)}: {one.reason}" for one in self.waiting)
        yield from sent_again(self.sent_again)
        if self.run.state.halted is not None:
            yield f"halted: {self.run.state.halted}"
        if found := self.causes:
            total = sum(len(one.jobs) for one in found)
            all_failed = total == self.now.others.get(Verdict.FAILED)  # else some were stopped, or not run
            what = counted(total, "failure") if all_failed else f"{counted(total, 'job')} did not succeed"
            yield f"{what}, {counted(len(found), 'cause')}:"
            for one in found[:SHOWN_CAUSES]:
                yield f"  {len(one.jobs):,} x {one.title} (job {self._name(one)})"
            if len(found) > SHOWN_CAUSES:
                yield f"  and {counted(len(found) - SHOWN_CAUSES, 'more cause')}"
        yield self.who
        yield from (f"note: {note}" for note in self.notes)

    def _name(self, cause: Cause) -> str:
        return self.run.bag.jobs[cause.jobs[0] - 1].name

    @property
    def sent_again(self) -> dict[str, int]:
        """How many jobs were sent again with more memory or to another queue, and how often for which cause."""
        return summary.sent_again(self.run.state)

    @property
    def cost(self) -> float | None:
        """What its jobs have cost so far; None if no price is known."""
        costs, now = self.run.state.costs, now_ms() if self.goes_on else self.run.last
        return round(float(costs.total(now)), 6) if costs.is_known else None

    def json(self) -> dict[str, Any]:
        """All of it, as an object for JSON."""
        run, now, held = self.run, self.now, self.held
        return {
            "format": FORMAT,
            "version": __version__,
            "journal": str(run.path),
            "run": run.header.run,
            "kind": run.header.kind,
            "local": run.is_local,
            "state": self.state,
            "held_by": None if held is None else {"pid": held.pid, "host": held.host, "since": held.since},
            "cancelling": self.asked or (held is not None and held.cancels),
            "started": run.header.started,
            "changed": run.last,
            "exit_code": run.finished,
            "jobs": now.total,
            "states": dict(now.jobs),
            "done": now.ended,
            "succeeded": now.jobs.get(ENDED[0], 0),
            "not_succeeded": {verdict.value.replace(" ", "_"): number for verdict, number in now.others.items()},
            "may_run": 0 if run.is_local and self.held is None else run.may_run,
            "files": {"there": now.files[0], "of": now.files[1], "bytes": now.size[0], "of_bytes": now.size[1]},
            "elapsed": round(now.elapsed, 3),
            "left": None if now.left is None else round(now.left, 3),
            "waits_for": "; ".join(self.waits) or None,
            "waiting": [{"queue": one.queue, "reason": one.reason, "since": one.at} for one in self.waiting],
            "cost": self.cost,
            "sent_again": self.sent_again,
            "halted": run.state.halted,
            "causes": [
                {"cause": one.title, "advice": one.advice, "count": len(one.jobs), "example": self._name(one)}
                for one in self.causes
            ],
            "notes": list(self.notes),
        }


class Look:
    """Looks at one run, again and again if that is wanted."""

    def __init__(self, settings: Settings, path: Path) -> None:
        """Raises InputError where the journal tells of no run."""
        self._path = path
        self._bag, self._notes = bag_of_today(settings)
        self._begin()

    def _begin(self) -> None:
        self.run = Recorded(self._path, self._bag)
        self._sends = False  # files to S3; not told in journals of earlier versions
        state = self.run.state
        self._progress = Progress(
            self.run.bag, state.start, lambda: None, verdict=lambda job: state.of(job).verdict, cost=state.costs.words
        )

    def seen(self) -> Seen:
        """The run as it is now. Raises InputError where the journal cannot be read any more."""
        notes, held = list(self._notes), None
        try:
            if self.run.is_another():
                self._begin()
            held = holder_of(self._path)
        except OSError as error:
            notes.append(f"who holds it cannot be told: {error.strerror}")
        for event in self._events():
            self._progress(event)
        if self._bag is not None and (changed := _changed(self.run, self._bag)):
            jobs = counted(changed, "job")
            notes.append(f"the bag has changed since the run began ({jobs}); this is the run as it was started")
        goes_on = held is not None and self.run.finished is None
        now = self._progress.snapshot(None if goes_on else self.run.last)
        if not goes_on:
            now = replace(now, over=True, left=None, waits_for="")
        return Seen(self.run, now, held, held is not None and is_asked(self._path, held.id), tuple(notes))

    def _events(self) -> list[Event]:
        """What has happened since the last look, without the uploads that an earlier start has begun."""
        events = self.run.read_on()
        begins = [place for place, event in enumerate(events) if isinstance(event, StagingBegun)]
        if begins and self._sends:
            self._begin()
            return self._events()
        self._sends = self._sends or bool(begins)
        first = 0 if self._sends and not begins else begins[-1] if begins else len(events)
        uploads = (Staged, StagingBegun)
        return [event for place, event in enumerate(events) if place >= first or not isinstance(event, uploads)]


def bag_of_today(settings: Settings) -> tuple[Bag | None, list[str]]:
    """The bag, if it is there and can be read, and what is to be said of it. Nothing is read from stdin."""
    files = settings.bag_files
    if not files or STDIN in files or (settings.sweep is not None and not settings.command):
        return None, []
    try:
        return offline.bag_of(settings), []
    except InputError as error:
        return None, [f"the bag cannot be read any more: {error.lines[0]}"]


def _changed(run: Recorded, bag: Bag) -> int:
    """How many jobs of the bag of today are not those of the run, or are not in it."""
    today, then = {job.name: digest_of(job) for job in bag.jobs}, run.header.jobs
    return sum(today.get(name) != then.get(name) for name in today.keys() | then.keys())


def _meaning(exit_code: int) -> str:
    found = next((code.meaning for code in ExitCode if code == exit_code), "")  # it may be of a later version
    return f" ({found.removesuffix('.')})" if found else ""


def when(milliseconds: int) -> str:
    """Local time, to the second."""
    return iso(milliseconds)[:19].replace("T", " ")
