"""The events of a run: all that its threads tell each other.

Workers put them on one queue and touch nothing else that is shared; the main thread alone reads it, and hands
each event to the consumers. Times are milliseconds since the epoch, as AWS gives them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from jobbag.bag.job import Job
from jobbag.errors import Interrupted, ToolError
from jobbag.events.observation import Observation, Peak, now_ms


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at `at` (ms since the epoch)."""

    at: int = field(default_factory=now_ms, kw_only=True)


@dataclass(frozen=True, slots=True)
class PartsAsked(Event):
    """S3 is asked to begin an upload in parts. If the answer is lost, the upload exists and its id is not known."""

    key: str


@dataclass(frozen=True, slots=True)
class StagingBegun(Event):
    """So many local files, of so many bytes, are to be in S3."""

    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Uploading(Event):
    """So many bytes of a local file that goes up in parts are sent by now."""

    item: str
    sent: int


@dataclass(frozen=True, slots=True)
class PartsBegun(Event):
    """An upload in parts has begun; if it is not completed, its parts stay in S3, unseen, until it is aborted."""

    key: str
    upload_id: str


@dataclass(frozen=True, slots=True)
class Staged(Event):
    """A local file is in S3 under this key. `sent` is false when S3 held the same content already."""

    item: str
    key: str
    size: int
    modified: int  # st_mtime_ns of the file
    sent: bool
    executable: bool | None = None  # None: its mode is nothing to jobs, or was not noted


@dataclass(frozen=True, slots=True)
class StagingFailed(Event):
    """A local file could not be sent."""

    item: str
    error: ToolError


@dataclass(frozen=True, slots=True)
class Submitting(Event):
    """The job may be sent from now on, and with it `token`, by which it can be found again.

    A child of an array job has the token of the array, a colon, and its index. `queue` is the job queue that it is
    sent to, by name or ARN; None in journals of earlier versions.
    """

    job: Job
    token: str
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class Unsent(Event):
    """AWS does not have the job, which is still to be sent: the run was stopped before, or what it waits for is sent
    again."""

    job: Job


@dataclass(frozen=True, slots=True)
class Submitted(Event):
    """AWS Batch has the job."""

    job: Job
    aws_id: str


@dataclass(frozen=True, slots=True)
class Absent(Event):
    """An earlier start may have sent these jobs with one request, but AWS Batch has nothing with its token."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Attached(Event):
    """An object that only the jobs of this run need is about to be put into S3 under this key."""

    key: str


@dataclass(frozen=True, slots=True)
class NotSubmitted(Event):
    """The job will not run: AWS refused it, or an input of it is not there."""

    job: Job
    error: ToolError


@dataclass(frozen=True, slots=True)
class NotRun(Event):
    """The job is not sent, because the run is halted, or a job on which it depends did not succeed."""

    job: Job
    reason: str


@dataclass(frozen=True, slots=True)
class StateChanged(Event):
    """The job was seen in a state for the first time."""

    job: Job
    aws_id: str
    observation: Observation


@dataclass(frozen=True, slots=True)
class JobsWaiting(Event):
    """Why jobs of a queue stay RUNNABLE, in a sentence. `wrong`: somebody has to change something."""

    queue: str  # name or ARN
    reason: str
    wrong: bool


@dataclass(frozen=True, slots=True)
class Lost(Event):
    """DescribeJobs has not shown the job for so long that the run does not wait for it any more."""

    job: Job
    aws_id: str
    error: ToolError


@dataclass(frozen=True, slots=True)
class OutputSeen(Event):
    """Lines that a job has written, in their order, without those of earlier events.

    `source`: which container or node of it has; None: there is only one.
    """

    job: Job
    lines: tuple[str, ...]
    source: str | None = None


class Share(NamedTuple):
    """Where the output of a job stands in a file with that of several: its stdout, then its stderr."""

    start: int  # bytes
    out: int  # bytes of stdout
    err: int  # bytes of stderr
    jobs: int  # whose output is in the file


@dataclass(frozen=True, slots=True)
class LogsWritten(Event):
    """The job's stdout and stderr are on disk: in these two files, or in the `share` of one file that is both paths.

    `note` says why there was nothing to fetch, if so.
    """

    job: Job
    out: Path
    err: Path
    lines: int  # of both
    tail: tuple[str, ...] = ()  # the last lines, for the report of a failure
    note: str | None = None
    whole: bool = True  # false: a call of CloudWatch Logs failed, and a new start may get more
    share: Share | None = None
    sizes: tuple[int, int] | None = None  # bytes of the two files; None if it is a share
    peak: Peak | None = None  # of its memory; None if its launcher did not see it, or it has none


@dataclass(frozen=True, slots=True)
class Terminated(Event):
    """The run asks AWS to stop the job, because it is itself stopped or halted. A new start of a run that is not
    halted sends the job again, unless it succeeded all the same."""

    job: Job
    aws_id: str


@dataclass(frozen=True, slots=True)
class NotTerminated(Event):
    """AWS refused to stop the job: it ends by itself."""

    job: Job
    aws_id: str


@dataclass(frozen=True, slots=True)
class Halted(Event):
    """Too many jobs failed: nothing is sent any more, in later starts neither, and what runs is terminated."""

    reason: str


@dataclass(frozen=True, slots=True)
class Merged(Event):
    """The job's output is in the merged files, which now have these sizes (bytes)."""

    job: Job
    out_size: int
    err_size: int
    starts: tuple[int, int] | None = None  # where it begins in the .out and in the .err
    sums: tuple[int, int] | None = None  # CRC-32 of its bytes in each


@dataclass(frozen=True, slots=True)
class Making(Event):
    """An entity or a bucket is about to be created."""

    kind: str
    name: str
    before: int = 0  # the latest revision of a job definition
    mark: str = ""  # the value of the tag that proves whose it is; "": it gets none


@dataclass(frozen=True, slots=True)
class Made(Event):
    """The entity or bucket was created by this run, which removes it in the end."""

    kind: str
    name: str
    arn: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Removing(Event):
    """The run begins to remove an entity that it made, or the objects that it sent and their bucket."""

    kind: str
    name: str  # or ARN


@dataclass(frozen=True, slots=True)
class Removed(Event):
    """What the run made, or was about to make, is gone, or was never there."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class TakingDown(Event):
    """The run begins to remove what it made: these things, in words."""

    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TakenDown(Event):
    """All that the run made is removed again, or stays on purpose."""


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """Every job is done and all output is on disk: the run has reached its end."""

    exit_code: int


@dataclass(frozen=True, slots=True)
class WorkerFailed(Event):
    """A worker cannot go on after this error: the run ends."""

    worker: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class Signalled(Event):
    """The command got a signal to stop."""

    interrupted: Interrupted
