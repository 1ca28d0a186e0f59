"""The servers that are measured against, all on loopback and on ports that the system chooses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .measure import KEY, ROOT, SCRIPTS, Failed, environment

URL = re.compile(rb"http://127\.0\.0\.1:\d+")
START, STOP = 60.0, 20.0  # s
LATENCY = 40  # ms


@contextmanager
def lab(directory: Path, *options: str) -> Iterator[str]:
    """The lab: Batch with thousands of jobs, quotas, latency, and an account of every call."""
    command = [sys.executable, "cloud.py", "--latency", str(LATENCY), *options]
    with _serving(command, directory, environment()) as url:
        yield url


@contextmanager
def embedded() -> Iterator[str]:
    """The embedded AWS as a server that counts; its jobs are processes."""
    with _serving([sys.executable, "-m", "bench.counting"], ROOT, environment()) as url:
        yield url


@contextmanager
def rclone() -> Iterator[str]:
    """An S3 that is neither ours nor moto, with nothing in it; objects are kept in memory."""
    program = str(SCRIPTS / "rclone")
    command = [program, "serve", "s3", "--addr", "127.0.0.1:0", "--auth-key", f"{KEY},{KEY}", ":memory:"]
    with _serving(command, ROOT, environment() | {"RCLONE_CONFIG": ""}) as url:
        yield url


@contextmanager
def _serving(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Iterator[str]:
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield _url_in(output, process)
        finally:
            process.terminate()
            try:
                process.wait(STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _url_in(output: Any, process: subprocess.Popen[bytes]) -> str:
    """The URL that a server names once it is ready."""
    deadline = time.monotonic() + START
    while True:
        ended = process.poll() is not None
        output.seek(0)
        said = output.read()
        if found := URL.search(said):
            return found[0].decode()
        if ended or time.monotonic() > deadline:
            raise Failed(f"{process.args!r} does not serve: {said.decode(errors='replace')[-1000:]}")
        time.sleep(0.05)


# -- what a server saw


def stats(url: str) -> dict[str, Any] | None:
    """The server's account of all calls; None from one that keeps none."""
    seen = _ask(url, "stats")
    return seen if isinstance(seen, dict) and "apis" in seen else None


def jobs(url: str) -> list[dict[str, Any]]:
    """All jobs; empty if the server does not tell."""
    return _ask(url, "jobs") or []


def stops(url: str) -> dict[str, int]:
    """When each job ended, in ms since the epoch."""
    return {job["jobId"]: job["stopped"] for job in jobs(url) if job["stopped"]}


def forget(url: str) -> None:
    """Let the server begin its account anew, with full quotas."""
    _ask(url, "reset", b"")


def _ask(url: str, page: str, body: bytes | None = None) -> Any:
    try:
        with urllib.request.urlopen(f"{url}/_lab/{page}", body, timeout=60) as answer:
            return json.load(answer)
    except (urllib.error.HTTPError, ValueError):
        return None  # another server
