"""What a run is to do, and with which AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobbag.bag.job import Bag
from jobbag.entities.kinds import Plan
from jobbag.s3.place import S3Place

if TYPE_CHECKING:  # it imports boto3, which bad input is not to wait for
    from jobbag.aws.client import Cloud


@dataclass(frozen=True)
class Task:
    """The jobs, the entities that they need, and where in S3 their files go, as the input says."""

    bag: Bag
    plan: Plan
    place: S3Place


@dataclass(frozen=True)
class TaskOnAws(Task):
    """A task, and the AWS that is to do it."""

    cloud: Cloud

    @property
    def bucket_region(self) -> str:
        """The region of the bucket, which need not be that of the run; known once S3 was asked for the bucket."""
        return self.cloud.buckets.of(self.place.bucket)
