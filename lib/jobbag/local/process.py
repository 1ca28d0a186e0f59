"""One run of a command as a process group, its output passed on, its end enforced."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

TICK = 0.1
"""Seconds between looks at a silent process."""
DRAIN = 5.0
"""Seconds that are given to what is left in the pipe when the process has ended."""
TERM_GRACE = 30.0
"""Seconds from SIGTERM to SIGKILL, as on AWS."""
BUSY_TRIES, BUSY_PAUSE = 50, 0.02


Guarded = Callable[[int], AbstractContextManager[None]]
"""A context while which a process, given by its number, ends with this one, even if that is killed."""


class Sink(Protocol):
    """Where the output of a process goes."""

    def write(self, data: bytes) -> None: ...
    def flush(self) -> None: ...


@dataclass
class Leash:
    """By which others end a process: SIGTERM once it is pulled, SIGKILL when the grace is over."""

    kill_at: float | None = None

    def pull(self, grace: float) -> None:
        """End the process within the grace, or the shorter one of an earlier pull."""
        kill_at = time.monotonic() + grace
        self.kill_at = kill_at if self.kill_at is None else min(kill_at, self.kill_at)


@dataclass(frozen=True)
class Ended:
    """How a process ended; a signal's exit code is 128 + its number, as in containers."""

    exit_code: int
    timed_out: bool = False


def run(
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    sink: Sink,
    leash: Leash,
    timeout: float | None = None,
    guarded: Guarded = lambda _: contextlib.nullcontext(),
) -> Ended:
    """Run the command to its end, then kill what it leaves in its process group. OSError: it cannot start."""
    process = _start(argv, env, cwd)
    assert process.stdout
    with process.stdout as output, guarded(process.pid):
        try:
            timed_out = _watch(process, output.fileno(), sink, leash, timeout)
        finally:
            _signal(process, signal.SIGKILL)
            process.wait()
        _drain(output.fileno(), sink)
    code = process.returncode
    return Ended(128 - code if code < 0 else code, timed_out)


def _start(argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    """Start it. A program written just now is busy while another thread's new process still has it open."""
    words = [_in_utf8(word) for word in argv]
    variables = {_in_utf8(name): _in_utf8(value) for name, value in env.items()}

    def start() -> subprocess.Popen[bytes]:
        nothing, pipe, same = subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT
        return subprocess.Popen(
            words, env=variables, cwd=cwd, stdin=nothing, stdout=pipe, stderr=same, bufsize=0, start_new_session=True
        )

    for _ in range(BUSY_TRIES):
        try:
            return start()
        except OSError as error:
            if error.errno != errno.ETXTBSY:
                raise
        time.sleep(BUSY_PAUSE)
    return start()


def _in_utf8(text: str) -> str:
    """What the process gets as this text in UTF-8, as in a container, whatever the locale of this process."""
    return os.fsdecode(text.encode(errors="surrogateescape"))  # a path may be no text


def _watch(process: subprocess.Popen[bytes], reader: int, sink: Sink, leash: Leash, timeout: float | None) -> bool:
    """Pass on the output until the process ends; whether it ran out of time."""
    deadline = time.monotonic() + timeout if timeout else None
    timed_out = asked = False
    more = True
    while process.poll() is None:
        if more:
            more = _pump(reader, sink, TICK)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(TICK)
        if deadline and not timed_out and leash.kill_at is None and time.monotonic() >= deadline:
            timed_out = True
            leash.pull(TERM_GRACE)
        if leash.kill_at is not None and not asked:
            asked = True
            _signal(process, signal.SIGTERM)
        elif leash.kill_at is not None and time.monotonic() >= leash.kill_at:
            _signal(process, signal.SIGKILL)
    return timed_out


def _drain(reader: int, sink: Sink) -> None:
    """Pass on what the pipe still holds. A descendant in an own session may keep it open: not waited for."""
    deadline = time.monotonic() + DRAIN
    while time.monotonic() < deadline and _readable(reader, TICK) and _pump(reader, sink, 0):
        pass
    sink.flush()


def _pump(reader: int, sink: Sink, seconds: float) -> bool:
    """Pass on what comes within the time; False at the end of the output."""
    if not _readable(reader, seconds):
        sink.flush()
        return True
    data = os.read(reader, 65536)
    sink.write(data)
    return bool(data)


def _readable(reader: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
