"""The way into moto's own objects: what S3 holds, and a job's output on its way into CloudWatch Logs."""

from __future__ import annotations

import datetime
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from moto.core.base_backend import AccountSpecificBackend
from moto.core.exceptions import ServiceException
from moto.logs.models import logs_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.s3.exceptions import MissingKey
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends
from moto.s3.utils import _VersionedKeyStore
from moto.utilities.utils import PARTITION_NAMES, get_partition

from .entities import ACCOUNT
from .jobs import now_ms
from .process import Sink

MAX_EVENT = 256 * 1024
FLUSH_SECONDS = 0.2
MOTO = threading.Lock()
"""moto is not safe in threads: whoever goes into it holds this."""
KNOWN = ("encryption", "kms_key_id", "checksum_algorithm", "checksum_value", "checksum_type", "checksum_parts")
"""What moto knows of an object, beside its ETag and its headers, and somebody may ask for."""

_NOTHING: dict[str, Any] = {"profile": (None, None, None, None), "config_file": (None, None, os.devnull, None)}
_SESSION = boto3.Session(botocore_session=botocore.session.Session(_NOTHING))
"""Which moto asks for the regions that there are, whatever profile and files of AWS the user has."""
AccountSpecificBackend.get_session = lambda: _SESSION  # type: ignore[method-assign, assignment]

Identity = tuple[int, int]  # size (bytes) and time of the last change (ns) of a file
Changes = set[tuple[str, str | None]]  # of a bucket, and of a key in it or (None) of itself


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


# -- what S3 holds, in files


class _Content:
    """The content of an object, in the place of moto's own copy: read from the file when it is asked for."""

    def __init__(self, path: bytes, identity: Identity) -> None:
        self._path = path
        self._identity = identity
        self._place = 0

    def seek(self, place: int) -> None:
        """Read from there."""
        self._place = place

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._place)
                data = file.read(size)
        except FileNotFoundError:
            raise MissingKey from None
        self._place += len(data)
        return data

    def close(self) -> None:
        """Nothing is open."""

    def refresh(self, key: FakeKey) -> None:
        """What is known of the object does not hold if a person has changed its file."""
        with suppress(FileNotFoundError):
            identity = identity_of(os.lstat(self._path))
            if identity != self._identity:
                from_file(key, self._path, identity, {})


class _Keys(_VersionedKeyStore):
    """The objects of a bucket by key. It notes which ones change."""

    def __init__(self, bucket: str, changes: Changes) -> None:
        super().__init__()
        self._bucket, self._changes = bucket, changes

    def __getitem__(self, key: str) -> Any:
        found = super().__getitem__(key)
        if isinstance(content := getattr(found, "_value_buffer", None), _Content):
            content.refresh(found)
        return found

    def __setitem__(self, key: str, value: Any) -> None:
        self._changes.add((self._bucket, key))
        super().__setitem__(key, value)

    def setlist(self, key: str, list_: Any) -> None:
        self._changes.add((self._bucket, key))
        super().setlist(key, list_)

    def pop(self, key: str) -> None:  # type: ignore[override]
        self._changes.add((self._bucket, key))
        super().pop(key)


class _AllBuckets(dict[str, FakeBucket]):
    """The buckets of one of moto's backends by name. It notes which ones change."""

    def __init__(self, changes: Changes) -> None:
        super().__init__()
        self._changes = changes

    def __setitem__(self, name: str, bucket: FakeBucket) -> None:
        bucket.keys = _Keys(name, self._changes)
        self._changes.add((name, None))
        super().__setitem__(name, bucket)

    def pop(self, name: str) -> FakeBucket:  # type: ignore[override]
        self._changes.add((name, None))
        return super().pop(name)


def identity_of(found: os.stat_result) -> Identity:
    """What a file is known by."""
    return found.st_size, found.st_mtime_ns


def described(key: FakeKey) -> dict[str, Any]:
    """What moto knows of an object, but for its content."""
    known = {name: getattr(key, name) for name in KNOWN if getattr(key, name) is not None}
    return {"etag": key.etag.strip('"'), "headers": dict(key.metadata), **known}


def from_file(key: FakeKey, path: bytes, identity: Identity, known: Mapping[str, Any]) -> None:
    """Let the object have the content of the file, and what is known of it; if that is nothing, what the file tells."""
    key._value_buffer.close()
    key._value_buffer = _Content(path, identity)  # type: ignore[assignment]
    key.contentsize = identity[0]
    changed = datetime.datetime.fromtimestamp(identity[1] / 1e9, tz=datetime.timezone.utc)
    key.last_modified = changed.replace(tzinfo=None)
    key._etag = known.get("etag")
    key.set_metadata(dict(known.get("headers", {})))
    for name in KNOWN:
        setattr(key, name, known.get(name))


def note_changes(changes: Changes) -> None:
    """From now on until all is forgotten, have moto note which buckets and objects change."""
    for partition in PARTITION_NAMES:
        s3_backends[ACCOUNT][partition].buckets = _AllBuckets(changes)


def new_bucket(name: str, region: str) -> FakeBucket:
    """Make a bucket."""
    return s3_backends[ACCOUNT][get_partition(region)].create_bucket(name, region)


def backend_of(bucket: str) -> S3Backend | None:
    """The backend of moto that has the bucket."""
    found = (s3_backends[ACCOUNT][partition] for partition in PARTITION_NAMES)
    return next((backend for backend in found if bucket in backend.buckets), None)


# -- logs


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
