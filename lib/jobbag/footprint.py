"""What a run made in AWS, and its removal at the end: that, and nothing else."""

from __future__ import annotations

import logging

from jobbag import bucket
from jobbag.aws import Cloud
from jobbag.entities import Workshop
from jobbag.errors import ToolError
from jobbag.events import Emit, Event, Made, Making, Staged, TakenDown
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

    def __call__(self, event: Event) -> None:
        if isinstance(event, Staged):
            self._uploaded.add(event.key)

    def restore(self, event: Event) -> None:
        """Take over what an earlier start made."""
        self(event)
        self.workshop.restore(event)
        match event:
            case Making(kind="bucket") | Made(kind="bucket"):
                self._bucket_is_ours = True
            case TakenDown():
                self._bucket_is_ours = False
                self._uploaded.clear()

    def make_bucket(self) -> None:
        """Create the bucket if it is missing."""
        name = self._place.bucket
        if bucket.exists(self._cloud, name):
            return
        self._note(Making(BUCKET, name))
        self.bucket_is_new = bucket.create(self._cloud, name)
        if self.bucket_is_new:
            self._bucket_is_ours = True
            self._note(Made(BUCKET, name, f"arn:aws:s3:::{name}"))

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
