"""Processes that are measured, and those that help to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[1]
LAUNCH = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
TOOL = [sys.executable, str(ROOT / "pegasus_aws_batch.py")]
SCRIPTS = Path(sysconfig.get_path("scripts"))
KEY = "benchmark"  # access key and secret key in one
NAME = "bench"  # of the bucket and of all batch entities
RESULTS = "in/results/job/r/"  # the key prefix of what is fetched
TAIL = 2000  # characters of a command's output that are told when it fails


class Failed(Exception):
    """A benchmark that is worth nothing: something went wrong, or lines or bytes were lost."""


def environment(endpoint: str | None = None) -> dict[str, str]:
    """What a process sees: nothing of the user's own AWS, but the one at the endpoint."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_", "S3_"))}
    env |= {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "lib"), str(ROOT)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
    }
    return env | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})


@dataclass(frozen=True)
class Usage:
    """What a process took, its children included; begin and end by time.monotonic()."""

    status: int
    begin: float
    end: float
    cpu: float  # s, user and system
    memory: int  # bytes at the peak, of the largest process

    @property
    def seconds(self) -> float:
        return self.end - self.begin


class Measured:
    """A command that is running. Leaving the context ends it, if it has not ended by then."""

    def __init__(self, command: Sequence[str | Path], env: Mapping[str, str], cwd: Path) -> None:
        self._output = cwd / "output"
        with self._output.open("wb") as errors:
            self._process = subprocess.Popen(
                [*LAUNCH, *map(str, command)],
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )

    def __enter__(self) -> Measured:
        said = self._line()
        if not said:
            self._process.communicate()
            raise Failed(f"it does not start: {self.output}")
        self.pid = int(said)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def runs_at(self, moment: float) -> bool:
        """Wait until that time.monotonic(), or for the end; whether it still runs."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(moment - time.monotonic(), 0))
        return self._process.poll() is None

    def finish(self, deadline: float, status: int | None = 0) -> Usage:
        """Wait for the end, which must come before that time.monotonic(), with that exit status (None: with any)."""
        if self.runs_at(deadline):
            raise Failed(f"not done in time: {self.output}")
        usage = Usage(**json.loads(self._line()))
        if status is not None and usage.status != status:
            raise Failed(f"exit status {usage.status}: {self.output}")
        return usage

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command itself."""
        os.kill(self.pid, number)

    @property
    def cpu_so_far(self) -> float:
        """Seconds of CPU until now; known on Linux only."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def output(self) -> str:
        """The end of what the command has said on stderr."""
        return self._output.read_text(errors="replace")[-TAIL:].strip() or "(it said nothing)"

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def measure(command: Sequence[str | Path], env: Mapping[str, str], cwd: Path, timeout: float) -> Usage:
    """Run a command to its end, which must be a good one."""
    with Measured(command, env, cwd) as process:
        return process.finish(time.monotonic() + timeout)


def helper(module: str, *arguments: str | Path, endpoint: str, timeout: float = 300) -> None:
    """Run a module of the benchmark that needs boto3, which the benchmark itself does not load."""
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{module}", *map(str, arguments)],
        env=environment(endpoint),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Failed(f"{module}: {said[-1] if said else 'it said nothing'}")
