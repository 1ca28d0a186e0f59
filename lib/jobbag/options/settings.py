"""What a start of the command is asked to do, frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from jobbag.options.looking import Mode
from jobbag.options.transfers import MOST_TRANSFERS
from jobbag.prices import Prices

__all__ = ["DEFAULT_GRACE", "Mode", "Settings"]

DEFAULT_GRACE = 30.0  # s


@dataclass(frozen=True)
class Settings:
    """All that the user asked for, by the names of the options (the manual page, OPTIONS).

    A value that nobody gave is None, or empty.
    """

    mode: Mode
    submit_files: tuple[Path, ...]
    prefix: str | None  # of the entities and of the files of a run
    account: str | None
    region: str | None
    endpoint: str | None
    job_definition: str | None
    compute_environment: str | None
    job_queue: str | None
    s3: str | None  # s3://bucket or s3://bucket/key/prefix
    files: tuple[str, ...]
    merge_logs: Path | None  # the path of the merged files, without .out and .err
    log_level: str
    log_file: Path | None
    local: bool
    keep: bool
    delete_log_streams: bool
    resume: bool = False
    fresh: bool = False
    retry_failed: bool = False
    update: bool = False
    detach: bool = False
    collects: bool = False  # go on with an unfinished run, and begin none; no option of the command
    launcher: bool = False  # for jobs whose submit file does not say
    array: str = "auto"  # or "never", "always": whether jobs are packed into array jobs
    on_interrupt: str | None = None  # or "terminate", or "detach": what becomes of the jobs
    grace: float = DEFAULT_GRACE  # s
    canary: int | None = None  # how many jobs to send before one has succeeded
    more_memory: int | None = None  # how often jobs get more memory that say nothing of it themselves
    fallback_queue: str | None = None  # for jobs whose machines are lost, and that say nothing of it themselves
    max_failures: str | None = None  # N or P%: how many jobs may fail, or which share of all
    prices: Prices | str | None = None  # of an hour; FROM_AWS: AWS is asked
    max_cost: Decimal | None = None  # what the jobs of a run may cost
    transient_retries: bool = True
    progress: str = "auto"  # or "plain", or "off"
    quiet: bool = False
    color: str = "auto"  # or "always", or "never"
    summary: Path | None = None
    report: Path | None = None
    on_end: str | None = None  # a command of the shell
    transfers: int = MOST_TRANSFERS  # how many requests to S3 may be under way
    results: Path | None = Path("results")  # the directory for them; None: they stay in S3
    dry_run: bool = False
    conf: Path | None = None  # the properties file
    yes: bool = False  # with --delete: delete a bucket without a question
    json: bool = False  # with `dry_run`: print the requests; with Mode.STATUS: print it as an object
    watch: bool = False  # with Mode.STATUS: again and again
    logs_of: str | None = None  # with Mode.LOGS: the job
    sse: str | None = None  # how S3 is to encrypt what is sent; None: as it does by itself
    sse_kms_key_id: str | None = None
    follow: bool = False
    followed_job: str | None = None  # with `follow`; None: all of them
    local_directory: Path | None = None  # with `local`: where the buckets are; None: beside the journal
    commands: Path | None = None  # a file with a job on each line
    sweep: Path | None = None  # a table with a job in each row
    command: tuple[str, ...] = ()  # of the jobs of `sweep`; this and the next three are templates
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    name: str | None = None  # None: after the table
    print_bag: bool = False
    print_schema: bool = False
    records: bool = True  # whether that of a job stands behind its stdout, where it has a file of its own
    warnings: tuple[str, ...] = field(default=(), compare=False)  # what may be meant otherwise
    words: tuple[str, ...] = field(default=(), compare=False)  # the command line, as it was given

    @property
    def bag_files(self) -> tuple[Path, ...]:
        """The files that the bag is in."""
        return (*self.submit_files, *(path for path in (self.commands, self.sweep) if path is not None))

    @property
    def journal(self) -> Path:
        """The file that a run is taken up from."""
        return Path(f"{self.prefix}.journal")

    @property
    def local_buckets(self) -> Path | None:
        """The directory with the buckets of the embedded AWS; None if they are to be gone with it."""
        beside = Path(f"{self.prefix}.local") if self.prefix else None
        return self.local_directory or beside

    @property
    def jobstate_log(self) -> Path:
        """The file with a line for each state that a job is first seen in."""
        return Path(f"{self.prefix}.jobstate.log")

    def follows(self, *names: str) -> bool:
        """Whether the output of the job with these names, its own and its array's, is to be shown while it runs."""
        return self.follow and self.followed_job in (None, *names)
