"""The way into moto's own objects: what S3 holds, and a job's output on its way into CloudWatch Logs."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from moto.core.exceptions import ServiceException
from moto.logs.models import logs_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.s3.models import s3_backends

from .entities import ACCOUNT
from .jobs import now_ms
from .process import Sink

MAX_EVENT = 256 * 1024
FLUSH_SECONDS = 0.2
MOTO = threading.Lock()
"""moto is not safe in threads: whoever goes into it holds this."""


def forget() -> None:
    """Drop all of moto's state."""
    with MOTO:
        moto_api_backend.reset()


def download(bucket: str, key: str, target: Path) -> None:
    """Copy an object of S3 to a file; raises OSError if there is none."""
    try:
        with MOTO:
            found = s3_backends[ACCOUNT]["aws"].get_object(bucket, key)
    except ServiceException as error:
        raise OSError(error.message) from error
    if found is None:
        raise OSError("The specified key does not exist.")
    target.write_bytes(found.value)


class LogStream(Sink):
    """A stream being written: an event for each line, with times that never go backwards."""

    def __init__(self, region: str, group: str, name: str) -> None:
        self._group, self._name = group, name
        self._rest = b""
        self._events: list[dict[str, Any]] = []
        self._time = 0
        self._flushed = time.monotonic()
        with MOTO:
            self._backend = logs_backends[ACCOUNT][region]
            if group not in self._backend.groups:
                self._backend.create_log_group(group, {})
            self._backend.create_log_stream(group, name)

    def write(self, data: bytes) -> None:
        """Take the next bytes; each whole line is an event soon after."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._add(line)
        while len(self._rest) > MAX_EVENT:
            cut = _boundary(self._rest)
            self._add(self._rest[:cut])
            self._rest = self._rest[cut:]
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Make what was written visible, but for an unfinished last line."""
        events, self._events = self._events, []
        self._flushed = time.monotonic()
        if not events:
            return
        with MOTO:
            group = self._backend.groups.get(self._group)
            if group and self._name in group.streams:  # else the user deleted it under the running job
                self._backend.put_log_events(self._group, self._name, events)

    def close(self) -> None:
        """Make all visible."""
        if self._rest:
            self._add(self._rest)
            self._rest = b""
        self.flush()

    def _add(self, line: bytes) -> None:
        """An empty line is kept, as an event without text: moto takes it, and the output stays as it was."""
        self._time = max(self._time, now_ms())
        while True:
            cut = _boundary(line)
            self._events.append({"timestamp": self._time, "message": line[:cut].decode(errors="replace")})
            line = line[cut:]
            if not line:
                return


class NoLog(Sink):
    """The output of a job whose log driver does not lead to CloudWatch."""

    def write(self, data: bytes) -> None:
        """Drop it."""

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """Nothing is open."""


def _boundary(line: bytes) -> int:
    """Where to cut a line that is too long for an event: not inside a UTF-8 character."""
    if len(line) <= MAX_EVENT:
        return len(line)
    return next((cut for cut in range(MAX_EVENT, MAX_EVENT - 4, -1) if line[cut] & 0xC0 != 0x80), MAX_EVENT)


def open_log(definition: dict[str, Any], region: str, task: str) -> tuple[LogStream | NoLog, str | None]:
    """The log of one attempt, and the name of its stream if it has one."""
    chosen = definition["containerProperties"].get("logConfiguration") or {}
    if chosen.get("logDriver", "awslogs") != "awslogs":
        return NoLog(), None
    options = chosen.get("options") or {}
    prefix = options.get("awslogs-stream-prefix") or definition["jobDefinitionName"][:200]
    name = f"{prefix}/default/{task}"
    group = options.get("awslogs-group") or "/aws/batch/job"
    return LogStream(options.get("awslogs-region") or region, group, name), name
