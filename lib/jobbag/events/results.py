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
class ResultsFound(Event):
    """How many results the job left in S3, which has ended; each is told of by itself when it is here."""

    job: Job
    files: int


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
        self.files: dict[int, dict[str, ResultFetched]] = {}  # that are here, by the number of their job, and by key
        self.left: list[str] = []  # keys of those that can have no file here
        self.etags: dict[str, str] = {}  # by key, of all these
        self.looked_for = False  # all of them
        self._found: dict[int, int] = {}  # how many there are, by the number of their job
        self._told: dict[int, set[str]] = {}  # the keys of those of which it is known what came of them

    def as_they_are_now(self) -> KnownResults:
        """A copy for another thread, as far as it tells of files: what happens from now on changes nothing in it."""
        known = KnownResults()
        known.files = {number: dict(files) for number, files in dict(self.files).items()}
        known.left, known.looked_for = [*self.left], self.looked_for
        return known

    def all_files(self) -> list[ResultFetched]:
        """Those that are here, of all jobs."""
        return [one for files in self.files.values() for one in files.values()]

    def paths(self, job: Job) -> list[Path]:
        """The files that are here of a job."""
        return [one.path for one in self.files.get(job.number, {}).values()]

    def are_here(self, job: Job) -> bool:
        """Whether all results of a job came that could."""
        return job.number in self._found and len(self._told.get(job.number, ())) >= self._found[job.number]

    def __call__(self, event: Event) -> None:
        match event:
            case ResultFetched():
                self.files.setdefault(event.job.number, {})[event.key] = event  # it may come anew
                self._tell(event)
            case ResultStays():
                self.left.append(event.key)
                self._tell(event)
            case ResultsFound():
                self._found[event.job.number] = event.files
            case ResultsHome():
                self.looked_for = True

    def _tell(self, event: ResultFetched | ResultStays) -> None:
        self.etags[event.key] = event.etag
        self._told.setdefault(event.job.number, set()).add(event.key)
