"""The place in S3 of the files of a run."""

from __future__ import annotations

from dataclasses import dataclass

from jobbag.bag.job import base_name


@dataclass(frozen=True)
class S3Place:
    """A bucket and a key prefix in it, to the letter. `own`: the user named none, so the run makes and deletes it."""

    bucket: str
    key_prefix: str  # "" or "some/dir/"; "/" is one, too
    own: bool

    @property
    def url(self) -> str:
        """s3://bucket/ or s3://bucket/key/prefix/, always with the slash."""
        return f"s3://{self.bucket}/{self.key_prefix}"

    def key(self, item: str) -> str:
        """The key of a local input."""
        return self.key_prefix + base_name(item)
