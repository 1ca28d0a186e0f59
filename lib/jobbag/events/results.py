"""The events of results: the files that jobs leave in S3, on their way home."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jobbag.bag.job import Job
from jobbag.errors import ToolError
from jobbag.events.events import Event


@dataclass(frozen=True, slots=True)
class ResultFetched(Event):
    """A result of the job, the object with this key and ETag, is in the file at `path`, which was verified."""

    job: Job  # of an array of the user's own, the first child
    key: str
    etag: str
    path: Path
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class ResultStays(Event):
    """A result of the job stays in S3, as no file here can have its name; no later start fetches it either."""

    job: Job
    key: str
    etag: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResultFailed(Event):
    """A result could not be fetched, or the results not be listed; a new start tries again."""

    error: ToolError


@dataclass(frozen=True, slots=True)
class ResultsHome(Event):
    """All results were looked for that there are, as every job is over; `whole`: none failed, so they are here."""

    whole: bool


class KnownResults:
    """What is known of the results of a run, folded from its events."""

    def __init__(self) -> None:
        self.files: dict[int, list[Path]] = {}  # that are here, by the number of their job
        self.size = 0  # bytes of these
        self.left: list[str] = []  # keys of those that can have no file here
        self.etags: dict[str, str] = {}  # by key, of all these
        self.looked_for = False  # all of them

    def __call__(self, event: Event) -> None:
        match event:
            case ResultFetched():
                self.files.setdefault(event.job.number, []).append(event.path)
                self.size += event.size
                self.etags[event.key] = event.etag
            case ResultStays():
                self.left.append(event.key)
                self.etags[event.key] = event.etag
            case ResultsHome():
                self.looked_for = True
