"""`python -m bench.send [--new] DIR`: sends the files of a directory as a run of the tool does.

With `--new` the bucket counts as made by the run, so that nothing can be in it; else S3 is asked for each file.
"""

from __future__ import annotations

import queue
import sys
from pathlib import Path

from jobbag.aws.client import Cloud
from jobbag.aws.connection import Access
from jobbag.bag.job import Bag
from jobbag.events.events import Event, Staged, StagingFailed
from jobbag.options.transfers import MOST_TRANSFERS
from jobbag.s3.in_flight import InFlight
from jobbag.s3.place import S3Place
from jobbag.s3.uploads import Uploader

from .measure import NAME


def main() -> None:
    """Send the files; the exit status is 1 if one could not be sent."""
    *options, directory = sys.argv[1:]
    items = [str(path) for path in sorted(Path(directory).iterdir())]
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    place = S3Place(NAME, "in/", own="--new" in options)
    bag, in_flight = Bag((), tuple(items)), InFlight(MOST_TRANSFERS)
    with Uploader(Cloud(Access()), place, bag, events.put, in_flight, bucket_is_new="--new" in options) as uploader:
        uploader.send(items)
        left = len(items)
        while left:
            event = events.get()
            if isinstance(event, StagingFailed):
                sys.exit(str(event.error))
            left -= isinstance(event, Staged)


if __name__ == "__main__":
    main()
