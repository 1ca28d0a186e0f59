"""The buckets of the embedded AWS as files: <directory>/<bucket>/<key>, for people to open, and for a later start.

What else is known of the objects is in <directory>/.pegasus-aws-batch: for each bucket a file with a line of JSON about
the bucket, and one about each object that was written, by size and time of the file. A file that no line is about was
put there, or changed, by a person: it is an object, too. Other directories beside the buckets are none of ours.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from moto.s3.models import FakeBucket, FakeKey

from .backends import Changes, Identity, backend_of, described, from_file, identity_of, new_bucket, note_changes

RECORDS, RECORD = b".pegasus-aws-batch", b".jsonl"
MADE = b"the directory around was made for this\n"  # the content of the lock then
LONGEST, MOST = 240, 4  # bytes of a name, before the marks at its end, and of a letter in it
GOES_ON, TAKEN = b"%+", b"%"  # marks: the name goes on with that of what is inside; a shorter one was taken
UNSAFE = re.compile(rb"[\x00-\x1f\x7f%/]")

Record = dict[str, Any]


class InUse(Exception):
    """Another embedded AWS has its buckets in the directory."""


# -- the names of files


def names(key: str) -> list[bytes]:
    """The names of the directories, one in the other, and of the file in them that stand for a key.

    Control characters and '%' are '%' with two hexadecimal digits, and so is the first dot of '.' and '..'.
    A name ends in '%+' if it was too long, and then goes on inside; and in '%' if it would be empty.
    """
    return [name for part in key.split("/") for name in _names(part)]


def _names(part: str) -> Iterator[bytes]:
    name = b""
    for code in [_escaped(part)] if len(part) * MOST <= LONGEST else map(_escaped, part):
        if len(name) + len(code) > LONGEST:
            yield name + GOES_ON
            name = b""
        name += code
    yield name.replace(b".", b"%2E", 1) if name in (b".", b"..") else name or TAKEN


def _escaped(text: str) -> bytes:
    return UNSAFE.sub(lambda found: b"%%%02X" % ord(found[0]), text.encode("utf-8", "surrogatepass"))


def key_of(path: list[bytes]) -> str | None:
    """The key that these names stand for; None if they stand for no text."""
    plain = [name.rstrip(TAKEN) for name in path]
    joined = b"".join(name.removesuffix(GOES_ON) if name.endswith(GOES_ON) else name + b"/" for name in plain)
    text = re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), joined.removesuffix(b"/"))
    try:
        return text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


def _free(directory: bytes, name: bytes, fits: Callable[[bytes], bool] = lambda _: False) -> bytes:
    """The path of that name, or with as many marks as it takes until nothing is there, or what fits."""
    while os.path.lexists(path := os.path.join(directory, name)) and not fits(path):
        name += TAKEN
    return path


def _is_directory(path: bytes) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


# -- the directory


class Buckets:
    """The directory, while one embedded AWS uses it. A context manager.

    Without buckets at the end, nothing of it is left. Unless it may `write`, it makes nothing: for one that only looks.
    """

    def __init__(self, directory: Path, *, write: bool) -> None:
        self._directory = os.fsencode(directory.absolute())
        self._records = os.path.join(self._directory, RECORDS)
        self._lock_file = os.path.join(self._records, b"lock")
        self._write = write
        self._lock: int | None = None
        self._changes: Changes = set()
        self._buckets: dict[str, _Bucket] = {}

    def __enter__(self) -> Buckets:
        """Raises InUse, or OSError where the directory cannot be used."""
        self._lock = self._locked()
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is None:
            return
        if self._write and self.is_empty:
            with suppress(OSError):  # something of a person's is there
                made = os.pread(self._lock, len(MADE), 0) == MADE
                shutil.rmtree(self._records)
                if made:
                    os.rmdir(self._directory)
        os.close(self._lock)

    @property
    def is_empty(self) -> bool:
        """Whether there is no bucket."""
        return not self._buckets

    def keep(self) -> None:
        """Write what a request has changed. For who is in moto. Raises OSError; moto then has what the files have."""
        failure = None
        for name, key in sorted(self._changes, key=lambda change: change[1] is not None):  # buckets first
            try:
                if key is None:
                    self._keep_bucket(name)
                elif name in self._buckets:
                    self._buckets[name].keep(key)
            except OSError as error:
                failure = error
        self._changes.clear()
        if failure:
            raise failure

    def _keep_bucket(self, name: str) -> None:
        backend = backend_of(name)
        if backend is None:
            self._buckets.pop(name).remove()
        elif name not in self._buckets:
            bucket = backend.buckets[name]
            path = _free(self._directory, b"".join(names(name)))
            try:
                self._buckets[name] = _Bucket(bucket, path, self._records, new=True)
            except OSError:
                backend.delete_bucket(name)
                raise

    def _locked(self) -> int | None:
        """The file descriptor that has the lock; None if there is nothing, and nothing is to be made."""
        made = b""
        if self._write and not os.path.isdir(self._directory):
            os.makedirs(self._directory)
            made = MADE
        while self._write or os.path.exists(self._lock_file):
            if self._write:
                os.makedirs(self._records, exist_ok=True)
            with suppress(FileNotFoundError):  # another one has left just now
                file = os.open(self._lock_file, os.O_RDWR | os.O_CREAT * self._write, 0o644)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(file)
                    raise InUse from None
                except OSError:
                    pass  # a file system without locks
                if os.path.exists(self._lock_file) and os.path.samestat(os.fstat(file), os.stat(self._lock_file)):
                    os.write(file, made)
                    return file
                os.close(file)
        return None

    def load(self) -> None:
        """Give moto, which is empty, what is there. For who is in moto. Raises OSError."""
        if self._lock is None:
            return
        note_changes(self._changes)
        for name in filter(lambda name: name.endswith(RECORD), os.listdir(self._records)):
            path, records = os.path.join(self._directory, name.removesuffix(RECORD)), os.path.join(self._records, name)
            head, lines = _read(records)
            if "bucket" in head and _is_directory(path) and not name.startswith(b".."):
                bucket = new_bucket(head["bucket"], head["region"])
                self._buckets[bucket.name] = _Bucket(bucket, path, self._records)
                self._buckets[bucket.name].load(lines, write=self._write)
            elif self._write:
                os.unlink(records)  # it was not made, or a person has removed it
        self._changes.clear()


class _Bucket:
    """A bucket and its directory."""

    def __init__(self, bucket: FakeBucket, path: bytes, records: bytes, *, new: bool = False) -> None:
        """Raises OSError where it is `new`, and cannot be made."""
        self._bucket = bucket
        self._path = path
        self._records = os.path.join(records, os.path.basename(path) + RECORD)
        self._new = os.path.join(records, b"new")  # where a file is written until it is whole
        self._paths: dict[str, bytes] = {}  # of the objects by key
        if new:
            self.write_records([])
            os.mkdir(path)

    def remove(self) -> None:
        """Remove the directory, but for what is no object."""
        for folder, _, _ in os.walk(self._path, topdown=False):
            with suppress(OSError):
                os.rmdir(folder)
        os.unlink(self._records)

    def load(self, records: list[Record], *, write: bool) -> None:
        """Give moto the objects that there are, and remove what is of no use any more."""
        known = {(one["key"], one["size"], one["changed"]): number for number, one in enumerate(records)}
        found = [(known.get((key, *state), -1), key, path, state) for key, path, state in self._files(self._path, [])]
        valid: dict[str, Record] = {}
        for number, key, path, identity in sorted(found):
            if write and key in valid:
                os.unlink(self._paths[key])  # a start was killed before it could do so
            if number >= 0:
                valid[key] = records[number]
            self._give(key, path, identity, valid.get(key, {}))
        if write and len(records) > len(valid):
            self.write_records(list(valid.values()))

    def _files(self, directory: bytes, above: list[bytes]) -> Iterator[tuple[str, bytes, Identity]]:
        for entry in os.scandir(directory):
            if entry.is_dir(follow_symlinks=False):
                yield from self._files(entry.path, [*above, entry.name])
            elif entry.is_file(follow_symlinks=False) and (key := key_of([*above, entry.name])) is not None:
                yield key, entry.path, identity_of(entry.stat(follow_symlinks=False))

    def _give(self, key: str, path: bytes, identity: Identity, record: Record) -> None:
        """Let moto have the object in the file."""
        given = FakeKey(key, b"", self._bucket.account_id, self._bucket.partition, bucket_name=self._bucket.name)
        from_file(given, path, identity, record)
        self._bucket.keys.setlist(key, [given])
        self._paths[key] = path

    def keep(self, key: str) -> None:
        """Write the object, or remove its file. Raises OSError."""
        now, before = self._bucket.keys.get(key), self._paths.get(key)
        if not isinstance(now, FakeKey):  # gone, or a mark that it is
            if before is not None:
                self._unlink(before)
                del self._paths[key]
            return
        try:
            path, identity = self._write(key, now, before)
        except OSError:
            self._bucket.keys.pop(key)
            if before is not None:
                self._give(key, before, identity_of(os.lstat(before)), {})
            raise
        self._paths[key] = path
        if before is not None and before != path:
            self._unlink(before)
        from_file(now, path, identity, described(now))

    def _write(self, key: str, now: FakeKey, before: bytes | None) -> tuple[bytes, Identity]:
        with open(self._new, "wb") as file:
            now._value_buffer.seek(0)
            shutil.copyfileobj(now._value_buffer, file)
        identity = identity_of(os.stat(self._new))
        *above, last = names(key)
        directory = self._path
        for name in above:
            directory = _free(directory, name, _is_directory)
            if not os.path.isdir(directory):
                os.mkdir(directory)
        path = _free(directory, last, lambda path: path == before and not _is_directory(path))
        with open(self._records, "ab") as records:
            records.write(_line({"key": key, "size": identity[0], "changed": identity[1], **described(now)}))
        os.replace(self._new, path)
        return path, identity

    def _unlink(self, path: bytes) -> None:
        """Remove a file, and the directories that it leaves empty."""
        with suppress(FileNotFoundError):
            os.unlink(path)
        with suppress(OSError):
            while (path := os.path.dirname(path)) != self._path:
                os.rmdir(path)

    def write_records(self, records: list[Record]) -> None:
        """Write what is known of the bucket and its objects anew."""
        head = {"bucket": self._bucket.name, "region": self._bucket.region_name}
        with open(self._new, "wb") as file:
            file.writelines(map(_line, (head, *records)))
        os.replace(self._new, self._records)


def _line(content: Record) -> bytes:
    return json.dumps(content, default=bytes.decode).encode() + b"\n"


def _read(records: bytes) -> tuple[Record, list[Record]]:
    """What is known of a bucket, and of the objects that were written."""
    with open(records, "rb") as file:
        head, *lines = [*map(_parsed, file)] or [{}]
    return head, lines


def _parsed(line: bytes) -> Record:
    try:
        return dict(json.loads(line))
    except ValueError:  # a start was killed while it wrote the line
        return {"key": "", "size": -1, "changed": 0}
