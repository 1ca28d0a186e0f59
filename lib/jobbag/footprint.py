"""What a run made in AWS, and its removal at the end: that, and nothing else."""

from __future__ import annotations

import logging

from jobbag import bucket
from jobbag.aws import Cloud
from jobbag.entities import Workshop
from jobbag.errors import ToolError
from jobbag.events import Emit, Event, Made, Making, PartsBegun, Staged, TakenDown
from jobbag.specs import S3Place

log = logging.getLogger(__name__)

BUCKET = "bucket"  # the kind of a Making or Made event


class Footprint:
    """A consumer of events that remembers the uploads, beside the entities and the bucket that the run created."""

    def __init__(self, cloud: Cloud, place: S3Place, note: Emit) -> None:
        """`note` journals an event durably."""
        self._cloud = cloud
        self._place = place
        self._note = note
        self.workshop = Workshop(cloud, note)
        self._bucket_is_ours = False
        self.bucket_is_new = False  # made just now: it holds nothing yet
        self._uploaded: set[str] = set()
        self._parts: dict[str, str] = {}  # key by upload id, of uploads that a killed start left unfinished

    def __call__(self, event: Event) -> None:
        if isinstance(event, Staged):
            self._uploaded.add(event.key)

    def restore(self, event: Event) -> None:
        """Take over what an earlier start made."""
        self(event)
        self.workshop.restore(event)
        match event:
            case PartsBegun(key=key, upload_id=upload_id):
                self._parts[upload_id] = key
            case Staged(key=key):
                self._parts = {upload_id: other for upload_id, other in self._parts.items() if other != key}
            case Making(kind="bucket") | Made(kind="bucket"):
                self._bucket_is_ours = True
            case TakenDown():
                self._bucket_is_ours = False
                self._uploaded.clear()

    def make_bucket(self) -> None:
        """Create the bucket if it is missing."""
        name = self._place.bucket
        if bucket.exists(self._cloud, name):
            if self._bucket_is_ours:  # the earlier start may have been killed before it could do this
                bucket.close(self._cloud, name)
            return
        self._note(Making(BUCKET, name))
        self.bucket_is_new = bucket.create(self._cloud, name)
        if self.bucket_is_new:
            self._bucket_is_ours = True
            self._note(Made(BUCKET, name, f"arn:aws:s3:::{name}"))

    def abort_unfinished_uploads(self) -> None:
        """Give up what an earlier start was sending when it was killed."""
        for upload_id, key in self._parts.items():
            try:
                bucket.abort_upload(self._cloud, self._place.bucket, key, upload_id)
            except ToolError as error:
                log.warning("the unfinished upload of %s stays: %s", key, error)
        self._parts.clear()

    @property
    def _doomed_bucket(self) -> bool:
        """A bucket that the user named stays, even if it is new: other runs share it."""
        return self._bucket_is_ours and self._place.own

    def take_down(self, cloud: Cloud) -> list[str]:
        """Remove it all; what could not be removed, a line each. Results of jobs in the bucket stay."""
        failures: list[str] = []
        try:
            self.workshop.take_down(cloud)
        except ToolError as error:
            failures += error.lines
        if self._doomed_bucket:
            try:
                left = bucket.take_down(cloud, self._place.bucket, self._uploaded)
            except ToolError as error:
                failures += error.lines
            else:
                if left:
                    there = ", ".join(left)
                    log.warning("the bucket %s stays, as jobs left results in it: %s", self._place.bucket, there)
        return failures

    def describe(self) -> list[str]:
        """What would be removed, for a run that has to leave it behind."""
        made = [f"{one.kind.words} {one.name}" for one in self.workshop.made]
        return [*made, f"bucket {self._place.bucket}"] if self._doomed_bucket else made
