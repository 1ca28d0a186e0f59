"""The place in S3 of the files of a run, and how they are encrypted there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

LONGEST_KEY = 1024  # bytes

_URL = re.compile(  # of buckets, old ones too, and of access points by their aliases or ARNs
    r"(?:s3://)?(arn:[a-z-]+:s3:[a-z0-9-]+:\d{12}:accesspoint/[a-z0-9-]{3,50}"
    r"|(?=[._-]*[A-Za-z0-9])[A-Za-z0-9._-]{3,255})(?:(/)(.*))?",
    re.DOTALL,
)
_NEW_NAME = re.compile(  # Amazon S3 User Guide, Bucket naming rules
    r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*(\.\.|\.-|-\.))(?!.*(-s3alias|--ol-s3|--x-s3|--table-s3|\.mrap)$)"
    r"(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
)

RUN_TO_COME = "<the-run-id>"  # as long as the id of a run, which is not known yet


RESULTS = "results/"  # below the key prefix, and below it those of each job


def results_of(job: str) -> str:
    """Where the results of a job are below the key prefix, by its name in the submit file."""
    return f"{RESULTS}{job}/"


def lists_of(job: str) -> str:
    """Where the launcher lists the outputs of a job for other jobs, below the key prefix."""
    return f"lists/{job}"


def parts_of(url: str) -> tuple[str, str, str] | None:
    """The bucket, the slash, if there is one, and the beginning of keys in a URL; None if no bucket has such a name.

    The ARN of an access point stands where the name of a bucket does: s3://arn:.../my-access-point/some/dir
    """
    found = _URL.fullmatch(url)
    return None if found is None else (found[1], found[2] or "", found[3] or "")


def may_be_new(bucket: str) -> bool:
    """Whether S3 creates buckets of this name. Others there may be: old ones, and access points."""
    return _NEW_NAME.fullmatch(bucket) is not None


@dataclass(frozen=True)
class Encryption:
    """How S3 is to encrypt what is sent. None: as it does by itself."""

    algorithm: str | None = None
    key: str | None = None  # of KMS: its id, alias or ARN

    @property
    def params(self) -> Mapping[str, str]:
        """The parameters of PutObject and CreateMultipartUpload."""
        return _given({"ServerSideEncryption": self.algorithm, "SSEKMSKeyId": self.key})


def _given(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class S3Place:
    """A bucket and a key prefix in it, to the letter. `own`: the user named no bucket.

    The run makes its own bucket where it is missing, and deletes it. Its keys are below its id, as runs that do not
    know of each other may have one bucket: that of the same prefix.
    """

    bucket: str  # or an access point
    key_prefix: str  # "" or "some/dir/"; "/" is one, too
    own: bool
    encryption: Encryption = Encryption()

    @property
    def url(self) -> str:
        """s3://bucket/ or s3://bucket/key/prefix/, always with the slash."""
        return f"s3://{self.bucket}/{self.key_prefix}"

    def of_run(self, run: str) -> S3Place:
        """The place for the run with this id; "": one whose keys are not below its id."""
        return replace(self, key_prefix=f"{run}/" if run else "") if self.own else self

    def key(self, name: str) -> str:
        """The key of what has this name below the key prefix."""
        return self.key_prefix + name
