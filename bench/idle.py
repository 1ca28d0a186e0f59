"""A run whose jobs all wait: what does waiting cost?"""

from __future__ import annotations

import signal
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from . import jobruns, servers
from .bags import SUBMITS_A_SECOND, Load
from .measure import Failed, Measured
from .results import MB, IdleFigures

SETTLE = 10.0  # s between the last SubmitJob and the measurement
HANGUP = 129  # the exit status of a run that was left by SIGHUP
PATIENCE = 120.0  # s


def run(load: Load, seconds: float, server: AbstractContextManager[str]) -> IdleFigures:
    """Let the tool submit all jobs, and look at it for a while. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="bench-") as top, server as endpoint:
        jobruns.prepare(endpoint)
        (client,) = jobruns.clients(load, Path(top))
        with client.start(endpoint) as process:
            _all_submitted(load, process, endpoint)
            begin, before, cpu = time.monotonic(), _calls(endpoint), process.cpu_so_far
            if not process.runs_at(begin + seconds):
                raise Failed(f"the run ended by itself: {process.output}")
            after, cpu, took = _calls(endpoint), process.cpu_so_far - cpu, time.monotonic() - begin
            process.signal(signal.SIGHUP)
            usage = process.finish(time.monotonic() + PATIENCE, HANGUP)
    describes = after.get("describejobs", 0) - before.get("describejobs", 0)
    calls = sum(after.values()) - sum(before.values())
    return IdleFigures(load.jobs, took, cpu, describes / took, calls / took, usage.memory / MB)


def _all_submitted(load: Load, process: Measured, endpoint: str) -> None:
    deadline = time.monotonic() + PATIENCE + 2 * load.jobs / SUBMITS_A_SECOND
    while sum(_stats(endpoint)["jobs"].values()) < load.jobs:
        if time.monotonic() > deadline or not process.runs_at(time.monotonic() + 1):
            raise Failed(f"not all jobs were submitted: {process.output}")
    process.runs_at(time.monotonic() + SETTLE)


def _calls(endpoint: str) -> dict[str, int]:
    return {api: entry["calls"] for api, entry in _stats(endpoint)["apis"].items()}


def _stats(endpoint: str) -> dict[str, Any]:
    seen = servers.stats(endpoint)
    if seen is None:
        raise Failed("the server keeps no account of the calls")
    return seen
