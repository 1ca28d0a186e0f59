"""The place in S3 of the files of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jobbag.bag.job import base_name

RUN_TO_COME = "<the-run-id>"  # as long as the id of a run, which is not known yet


@dataclass(frozen=True)
class S3Place:
    """A bucket and a key prefix in it, to the letter. `own`: the user named no bucket.

    The run makes its own bucket where it is missing, and deletes it. Its keys are below its id, as runs that do not
    know of each other may have one bucket: that of the same prefix.
    """

    bucket: str
    key_prefix: str  # "" or "some/dir/"; "/" is one, too
    own: bool

    @property
    def url(self) -> str:
        """s3://bucket/ or s3://bucket/key/prefix/, always with the slash."""
        return f"s3://{self.bucket}/{self.key_prefix}"

    def of_run(self, run: str) -> S3Place:
        """The place for the run with this id; "": one whose keys are not below its id."""
        return replace(self, key_prefix=f"{run}/" if run else "") if self.own else self

    def key(self, item: str) -> str:
        """The key of a local input."""
        return self.key_prefix + base_name(item)
