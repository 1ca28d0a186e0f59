"""What a start of the command is asked to do, frozen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

DEFAULT_GRACE = 30.0  # s


class Mode(Enum):
    """What the command is to do."""

    RUN = "run"
    CREATE = "create"
    DELETE = "delete"


@dataclass(frozen=True)
class Settings:
    """All that the user asked for. A value that nobody gave is None, or empty."""

    mode: Mode
    submit_files: tuple[Path, ...]
    prefix: str | None
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
    detach: bool = False
    launcher: bool = False  # starts the jobs that do not say
    array: str = "auto"  # or "never", "always": whether jobs are packed into array jobs
    on_interrupt: str = "terminate"  # or "detach": what becomes of the jobs
    grace: float = DEFAULT_GRACE  # s
    canary: int | None = None  # jobs to send before one has succeeded
    max_failures: str | None = None  # N or P%: how many jobs may fail, or what share of all
    transient_retries: bool = True
    progress: str = "auto"  # or "plain", or "off"
    summary: Path | None = None
    report: Path | None = None
    dry_run: bool = False
    json: bool = False  # the requests of a dry run
    follow: bool = False
    followed_job: str | None = None  # with `follow`; None: all of them

    @property
    def journal(self) -> Path:
        """The journal of the run, which a later start reads."""
        return Path(f"{self.prefix}.journal")

    @property
    def jobstate_log(self) -> Path:
        """The file with a line for each state of a job."""
        return Path(f"{self.prefix}.jobstate.log")
