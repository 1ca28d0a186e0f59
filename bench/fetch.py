"""`python -m bench.fetch DIR`: fetches the results of a job into a directory as a run of the tool does.

The objects of the bucket below `in/results/job/` are these results.
"""

from __future__ import annotations

import queue
import sys
from pathlib import Path

from jobbag.aws.client import Cloud
from jobbag.aws.connection import Access
from jobbag.bag.job import Bag, Job
from jobbag.events.events import Event, WorkerFailed
from jobbag.events.results import ResultFailed, ResultsHome, ResultStays
from jobbag.options.transfers import MOST_TRANSFERS
from jobbag.s3.in_flight import InFlight
from jobbag.s3.place import S3Place
from jobbag.s3.result_files import ResultFiles
from jobbag.s3.results import Results
from jobbag.threads import share_heaps

from .measure import NAME


def main() -> None:
    """Fetch all; the exit status is 1 if one does not come."""
    share_heaps()
    job = Job(1, "job", "/bin/true", (), {}, (), {}, Path("bag.in"), outputs=("r/",))
    bag, events = Bag((job,), ()), queue.SimpleQueue[Event]()
    files, in_flight = ResultFiles(Path(sys.argv[1]), bag), InFlight(MOST_TRANSFERS)
    with Results(Cloud(Access()), S3Place(NAME, "in/", own=False), bag, files, events.put, in_flight, {}) as results:
        results.finish({job.name: None})
        while not isinstance(event := events.get(), ResultsHome):
            if isinstance(event, (ResultFailed, WorkerFailed, ResultStays)):
                sys.exit(str(event))


if __name__ == "__main__":
    main()
