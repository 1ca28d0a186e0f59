"""Results: what jobs leave in S3 comes home when they have ended.

One listing shows the results of many jobs. So it is made for all jobs that have ended since the last one, and the
longer it takes, the more seldom; once more when all jobs are over. A bag without outputs has only that one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.bag.job import Bag, Job
from jobbag.errors import AwsError, Cancelled, ToolError
from jobbag.events.consumers import Emit, worker_failed
from jobbag.events.events import WorkerFailed
from jobbag.events.results import ResultFailed, ResultFetched, ResultsFound, ResultsHome, ResultStays
from jobbag.s3.downloads import Downloads
from jobbag.s3.in_flight import InFlight
from jobbag.s3.listings import objects
from jobbag.s3.place import RESULTS, S3Place
from jobbag.s3.result_files import ResultFiles, Unsuitable
from jobbag.threads import DaemonPool, Worker

log = logging.getLogger(__name__)

BETWEEN = 1.0  # s between two listings, at least
SHARE = 3  # times the time that a listing takes, until the next
CLOCKS_DIFFER = 15 * 60.0  # s; those of AWS Batch and of the S3 server
SHOWN = 10  # failures that are told one by one


class Results(Worker):
    """Fetches the results of jobs. Leaving it gives up what is under way, which a new start fetches."""

    name = "results"

    def __init__(
        self,
        cloud: Cloud,
        place: S3Place,
        bag: Bag,
        files: ResultFiles,
        emit: Emit,
        in_flight: InFlight,
        known: Mapping[str, str],
    ) -> None:
        """`known`: by key, the ETags of results that need nothing more."""
        super().__init__(worker_failed(emit))
        self._cloud = cloud.cancelled_by(self.stopped)
        self._place = place
        self._bag = bag
        self._files = files
        self._emit = emit
        self._known = dict(known)
        self._downloads = Downloads(self._cloud, place, in_flight, self.stopped)
        self._pool = DaemonPool(in_flight.most)
        self._under_way: list[Future[Any]] = []
        self._failures = 0
        self._between = 0.0 if cloud.embedded else BETWEEN
        self._has_outputs = any(job.outputs for job in bag.jobs)
        self._changed = threading.Condition()
        self._counted: set[str] = set()  # names of jobs of which it was told how many results there are
        self._over: dict[str, int | None] = {}  # by the name of a job that is over: when AWS got it (ms)
        self._news = self._final = False

    def close(self, seconds: float | None = None) -> None:
        """Fetch nothing more."""
        self.stopped.set()
        with self._changed:
            self._changed.notify_all()
        super().close(seconds)
        if self._pool.close(seconds if seconds is not None else self.leaving):
            self._downloads.shutdown()

    def fetch(self, job: Job, created: int | None) -> None:
        """Fetch the results of a job that has ended, soon. `created`: when AWS Batch got it (ms); older ones are not
        its own."""
        if self._has_outputs and job.child is None:
            with self._changed:
                self._over[job.name] = created
                self._news = True
                self._changed.notify_all()

    def finish(self, created: dict[str, int | None]) -> None:
        """Fetch all that is left, now that all jobs are over; gives a ResultsHome. `created`: as above, by the name of
        each job, or of an array of the user's own."""
        with self._changed:
            self._over = created
            self._final = True
            self._changed.notify_all()

    def work(self) -> None:
        """Look for results whenever jobs have ended, at intervals."""
        due = time.monotonic()
        while not self.stopped.is_set():
            with self._changed:
                while not self.stopped.is_set() and not self._final:
                    left = due - time.monotonic()
                    if self._news and left <= 0:
                        break
                    self._changed.wait(left if self._news else None)
                final, self._news = self._final, False
                over = self._over if final else dict(self._over)  # which changes no more, and may be large
            if self.stopped.is_set():
                return
            began = time.monotonic()
            self._look(over, final=final)
            due = time.monotonic() + max(self._between, SHARE * (time.monotonic() - began))
            if final:
                self._end()
                return

    def _look(self, over: Mapping[str, int | None], *, final: bool) -> None:
        """Begin to fetch the results of these jobs that are not here yet."""
        below = self._place.key(RESULTS)
        counts: Counter[str] = Counter()
        try:
            for entry in objects(self._cloud, self._place.bucket, below):
                name, _, path = entry["Key"][len(below) :].partition("/")
                found = self._bag.named(name) if name in over and path else ()
                if not found or not _is_result(entry, over[name]):
                    continue
                counts[name] += 1
                if self._known.get(entry["Key"]) != entry["ETag"]:
                    self._known[entry["Key"]] = entry["ETag"]
                    self._under_way.append(self._pool.submit(self._fetch, found[0], name, path, entry))
        except AwsError as error:
            if not final or error.code == "NoSuchBucket":
                log.debug("no results: %s", error)
            elif self._has_outputs:
                self._could_not(error.about(f"results below {self._place.url}{RESULTS}"))
            else:
                log.warning("whether jobs left results below %s%s is not known: %s", self._place.url, RESULTS, error)
        else:
            if self._has_outputs:
                self._tell_counts(over, counts)

    def _tell_counts(self, over: Mapping[str, int | None], counts: Mapping[str, int]) -> None:
        """Tell how many results each of these jobs has: all were there when it had ended."""
        for name in over.keys() - self._counted:
            first = next(iter(self._bag.named(name)), None)
            if first is not None and first.outputs:
                self._counted.add(name)
                self._emit(ResultsFound(first, counts.get(name, 0)))

    def _fetch(self, job: Job, name: str, path: str, entry: Mapping[str, Any]) -> None:
        key, size, etag = entry["Key"], int(entry["Size"]), entry["ETag"]
        if self.stopped.is_set():
            return
        try:
            target = self._files.place_of(name, path)
            self._downloads.fetch(key, size, etag, self._files.part_of(key), target)
        except Cancelled:
            return
        except Unsuitable as error:
            self._emit(ResultStays(job, key, etag, str(error)))
        except AwsError as error:
            if error.code not in ("NoSuchKey", "404"):  # else it was deleted meanwhile
                self._could_not(error.about(f"result s3://{self._place.bucket}/{key}"))
        except BaseException as error:
            self._emit(WorkerFailed(self.name, error))
        else:
            self._emit(ResultFetched(job, key, etag, target, size))

    def _could_not(self, error: ToolError) -> None:
        self._failures += 1
        if self._failures <= SHOWN:
            self._emit(ResultFailed(error))

    def _end(self) -> None:
        for one in self._under_way:
            one.result()
        if self.stopped.is_set():
            return
        self._files.tidy()
        if self._failures > SHOWN:
            self._emit(ResultFailed(ToolError(f"and {self._failures - SHOWN} more results could not be fetched")))
        self._emit(ResultsHome(whole=not self._failures))


def _is_result(entry: Mapping[str, Any], created: int | None) -> bool:
    """Whether an object is a result of a job that AWS Batch got then."""
    if entry["Key"].endswith("/") and not entry["Size"]:
        return False  # some programs make such objects for directories
    return created is None or entry["LastModified"].timestamp() + CLOCKS_DIFFER >= created / 1000
