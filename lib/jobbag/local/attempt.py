"""One attempt of a job: its directories, its environment, its process."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import process
from .fetch import Download, FetchError, fetch, is_wanted
from .jobs import Job
from .memory import Limit, OomKiller
from .watchdog import remove_tree

CREDENTIALS = {"aws_access_key_id": f"local-{secrets.token_hex(16)}", "aws_secret_access_key": "local"}
"""What signs the requests to the embedded AWS. It looks at no signature, but at the key, if it is private."""
MISLEADING = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_IGNORE_CONFIGURED",
)
"""Variables that could lead a job's AWS client out of the embedded AWS."""
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
_SCRIPTS = sysconfig.get_path("scripts")  # which takes long, for each job


@dataclass(frozen=True)
class Site:
    """Where attempts take place."""

    endpoint: str
    directory: Path
    download: Download
    guarded: process.Guarded
    oom_killer: OomKiller


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended; there is a reason if the container could not start, or was killed."""

    exit_code: int | None
    reason: str | None = None
    timed_out: bool = False


def run(job: Job, number: int, site: Site, sink: process.Sink) -> Outcome:
    """Run the job's attempt of that number, in an own new directory that is gone afterwards."""
    with _directory(site.directory) as place:
        work, scratch, temporary = folders = place / "work", place / "scratch", place / "tmp"
        for folder in folders:
            folder.mkdir()
        env = environment(job, number, site.endpoint, work, temporary)
        argv, cwd = job.command, work
        if is_wanted(env):
            try:
                argv, cwd = fetch(job.command, env, work, scratch, site.download)
            except FetchError as error:
                sink.write(f"fetch-and-run: {error}\n".encode())
                return Outcome(error.status)
        return _execute(argv, env, cwd, job, sink, site)


def _execute(argv: list[str], env: dict[str, str], cwd: Path, job: Job, sink: process.Sink, site: Site) -> Outcome:
    if not argv:
        return Outcome(None, "CannotStartContainerError: neither the job nor its definition has a command")
    limit = Limit.of(job.memory)

    @contextlib.contextmanager
    def guarded(leader: int) -> Iterator[None]:
        with site.guarded(leader), site.oom_killer.watching(leader, limit):
            yield

    try:
        ended = process.run(argv, env, cwd, sink, job.leash, job.timeout, guarded)
    except (OSError, ValueError) as error:  # ValueError: a NUL character
        found = not isinstance(error, FileNotFoundError)
        text = str(error) if found else f"exec: {argv[0]!r}: executable file not found in $PATH"
        sink.write(f"{text}\n".encode())
        return Outcome(126 if found else 127, f"CannotStartContainerError: {text}"[:255])
    if limit.exceeded:
        return Outcome(128 + signal.SIGKILL, OUT_OF_MEMORY, ended.timed_out)
    return Outcome(ended.exit_code, None, ended.timed_out)


def environment(job: Job, number: int, endpoint: str, home: Path, temporary: Path) -> dict[str, str]:
    """What the process sees: little of ours, all of the job's, and an AWS that is the embedded one."""
    own = {name: value for name, value in job.environment.items() if not name.startswith(MISLEADING)}
    return {
        **_base(home, temporary),
        "AWS_REGION": job.region,
        "AWS_DEFAULT_REGION": job.region,
        **own,
        **_batch(job, number),
        **_aws(endpoint),
    }


def _base(home: Path, temporary: Path) -> dict[str, str]:
    path = os.environ.get("PATH") or "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
    base = {"PATH": f"{path}{os.pathsep}{_SCRIPTS}", "HOME": str(home), "TMPDIR": str(temporary)}
    return base | {name: os.environ[name] for name in ("LANG",) if name in os.environ}


def _batch(job: Job, number: int) -> Mapping[str, str]:
    variables = {
        "AWS_BATCH_JOB_ID": job.job_id,
        "AWS_BATCH_JOB_ATTEMPT": str(number),
        "AWS_BATCH_CE_NAME": job.queue["computeEnvironmentOrder"][0]["computeEnvironment"].rpartition("/")[2],
        "AWS_BATCH_JQ_NAME": job.queue["jobQueueName"],
    }
    if job.parent:
        variables |= {
            "AWS_BATCH_JOB_ARRAY_INDEX": str(job.index),
            "AWS_BATCH_JOB_ARRAY_SIZE": str(len(job.parent.children)),
        }
    return variables


def _aws(endpoint: str) -> Mapping[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@contextlib.contextmanager
def _directory(parent: Path) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield place
    finally:
        remove_tree(place)
