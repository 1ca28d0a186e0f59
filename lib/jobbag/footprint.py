"""What a run made in AWS, and its removal at the end: that, and nothing else."""

from __future__ import annotations

import logging

from jobbag import bucket
from jobbag.aws import Cloud
from jobbag.entities import Workshop
from jobbag.errors import ToolError
from jobbag.events import Event, Staged
from jobbag.specs import S3Place

log = logging.getLogger(__name__)


class Footprint:
    """A consumer of events that remembers the uploads, beside the entities and the bucket that the run created."""

    def __init__(self, cloud: Cloud, place: S3Place) -> None:
        self._cloud = cloud
        self._place = place
        self.workshop = Workshop(cloud)
        self.bucket_is_new = False
        self._uploaded: set[str] = set()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Staged):
            self._uploaded.add(event.key)

    def make_bucket(self) -> None:
        """Create the bucket if it is missing."""
        self.bucket_is_new = bucket.ensure(self._cloud, self._place.bucket)

    def take_down(self) -> list[str]:
        """Remove it all; what could not be removed, a line each. Results of jobs in the bucket stay."""
        failures: list[str] = []
        try:
            self.workshop.take_down()
        except ToolError as error:
            failures += error.lines
        # A bucket that the user named stays, even if it is new: other runs share it.
        if self.bucket_is_new and self._place.own:
            try:
                left = bucket.take_down(self._cloud, self._place.bucket, self._uploaded)
            except ToolError as error:
                failures += error.lines
            else:
                if left:
                    log.warning(
                        "the bucket %s stays, as jobs left results in it: %s",
                        self._place.bucket,
                        ", ".join(left),
                    )
        return failures

    def describe(self) -> list[str]:
        """What would be removed, for a run that has to leave it behind."""
        made = [f"{one.kind.words} {one.name}" for one in self.workshop.made]
        if self.bucket_is_new and self._place.own:
            made.append(f"bucket {self._place.bucket}")
        return made
