"""Whether an object in S3 has the content of a local file."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from io import BufferedReader
from itertools import islice
from typing import Any, Protocol

from jobbag.aws.client import Cloud
from jobbag.bag.directory import is_directory, state_of_directory, state_of_file
from jobbag.errors import AwsError
from jobbag.events.events import Staged
from jobbag.s3.listings import objects
from jobbag.s3.place import RESULTS, S3Place

log = logging.getLogger(__name__)

PART_SIZE = 8 * 1024 * 1024  # bytes; files of at least this size go up in parts
MAX_PARTS = 10_000
MANY = 20  # files from which on it takes fewer calls to list the bucket than to ask for each
MOST_LISTED = 50_000  # keys
Opened = Callable[[], BufferedReader]  # a content that is opened for reading; raises OSError
Pieces = Sequence[bytes]  # all of a content that is no larger than a part
UNSEEN = ("404", "403", "NoSuchKey")  # of HeadObject; 403: absent, for who may not list the bucket
READ_SIZE = 1024 * 1024  # bytes
_MD5 = re.compile("[0-9a-f]{32}")
SUREST = ("ETag", "ChecksumSHA256", "ChecksumCRC32")  # what tells one content from another, the best first
FASTEST = ("ChecksumCRC32", "ETag", "ChecksumSHA256")  # the same, what costs least first: on the way, all are as good


def is_there(cloud: Cloud, place: S3Place, item: str, key: str) -> bool:
    """Whether a local file is in S3 under a key with the same content; the same size alone is no proof.

    One that is encrypted in another way than is asked for does not count.

    Raises AwsError, and OSError where the file cannot be read.
    """
    try:
        head = cloud.call("s3", "HeadObject", Bucket=place.bucket, Key=key, ChecksumMode="ENABLED")
    except AwsError as error:
        if error.code in UNSEEN or error.unsupported:
            return False
        raise
    size, wanted = os.path.getsize(item), place.encryption.algorithm
    if wanted not in (None, head.get("ServerSideEncryption")):
        return False
    return head["ContentLength"] == size and proves_same(head, item, size)


class Contents:
    """What a bucket holds already of what is to be sent."""

    def __init__(self, cloud: Cloud, place: S3Place, *, is_new: bool) -> None:
        """`is_new`: nothing is in it."""
        self._cloud = cloud
        self._place = place
        self._listed: Mapping[str, Mapping[str, Any]] | None = {} if is_new else None  # by key; None: not known

    def look(self, files: int) -> None:
        """List the bucket before so many files are asked for, if that takes fewer calls. Raises AwsError; then each is
        asked for by itself."""
        if self._listed is None and files >= MANY:
            listed = islice(objects(self._cloud, self._place.bucket, self._place.key_prefix), MOST_LISTED + 1)
            found = {entry["Key"]: entry for entry in listed}
            self._listed = found if len(found) <= MOST_LISTED else None

    def hold(self, item: str, key: str) -> bool:
        """Whether they hold a local file under a key. Raises AwsError, and OSError where it cannot be read."""
        if self._listed is not None:
            entry, size = self._listed.get(key), os.path.getsize(item)
            if entry is None or int(entry["Size"]) != size:
                return False
            if self._place.encryption.algorithm is None and proves_same({"ETag": entry["ETag"]}, item, size):
                return True  # an object that is encrypted with another key has an ETag that is no digest
        return is_there(self._cloud, self._place, item, key)


def missing(cloud: Cloud, place: S3Place, sent: Sequence[Staged]) -> frozenset[str]:
    """Those of the local files that were sent once whose objects S3 does not show any more. Raises AwsError."""
    sizes = _sizes(cloud, place.bucket, {event.key for event in sent}, place.key_prefix, MOST_LISTED)
    return frozenset(event.item for event in sent if sizes.get(event.key) != event.size)


def shown_results(cloud: Cloud, place: S3Place, keys: Set[str]) -> Set[str]:
    """Those of the keys of results that S3 shows. Raises AwsError."""
    return keys & _sizes(cloud, place.bucket, keys, place.key(RESULTS)).keys()


def _sizes(cloud: Cloud, bucket: str, wanted: Set[str], below: str, most: int | None = None) -> dict[str, int]:
    """The sizes (bytes) of objects, by key, as far as S3 shows them; `most`: keys to list. Raises AwsError."""
    try:
        if len(wanted) >= MANY:
            listed = islice(objects(cloud, bucket, below), most)
            return {entry["Key"]: int(entry["Size"]) for entry in listed}
    except AwsError as error:
        log.debug("the bucket cannot be listed, so each file is asked for: %s", error)
    sizes = {}
    for key in wanted:
        try:
            sizes[key] = int(cloud.call("s3", "HeadObject", Bucket=bucket, Key=key)["ContentLength"])
        except AwsError as error:
            if error.code not in UNSEEN and not error.unsupported:
                raise
    return sizes


def state_of(item: str) -> tuple[int, int]:
    """Size (bytes) and time of the last change (ns since the epoch) of a local file. Raises OSError.

    Of a directory, the bytes of all files in it, and a number that changes with any of them.
    """
    return state_of_directory(item) if is_directory(item) else state_of_file(item)


def is_unchanged(sent: Staged) -> bool:
    """Whether a local file or directory is as it was when it was sent. Raises OSError."""
    size, modified = state_of(sent.item)
    return modified == sent.modified and (is_directory(sent.item) or (size == sent.size and has_same_mode(sent)))


def has_same_mode(sent: Staged) -> bool:
    """Whether a local file, whose mode its content in S3 does not tell, is executable as it was when it was sent."""
    return sent.executable in (None, os.access(sent.item, os.X_OK))


def part_size(size: int) -> int:
    """The size (bytes) of the parts in which a file of `size` bytes is sent, as AWS's own tools would."""
    part = PART_SIZE
    while part * MAX_PARTS < size:
        part *= 2
    return part


def proves_same(head: Mapping[str, Any], item: str, size: int) -> bool:
    """Whether what HeadObject says of an object proves that it has the content of a file of the same size."""
    return compared(head, lambda: open(item, "rb"), size) is True


def compared(
    head: Mapping[str, Any], content: Opened | Pieces, size: int, proofs: Sequence[str] = SUREST
) -> bool | None:
    """Whether an object has a content of the same size; None if what HeadObject says of it tells nothing.

    Proof is the first of `proofs` that tells: S3's MD5 (the ETag, unless the object is encrypted with a key of KMS or
    of the customer), or the SHA-256 or CRC32 that was sent with it; for an object that was sent in parts, the digest of
    the parts' digests (Amazon S3 User Guide, Checking object integrity).
    """
    for name in proofs:
        (digest, parts), new = _told(head, name), _HASHES[name]
        if digest and not parts:
            return next(_digests(content, max(size, 1), new)) == digest
        part = part_size(size)
        if digest and parts == str(max(-(-size // part), 1)):  # else sent by somebody else, in parts of another size
            return _joined(_digests(content, part, new), new) == digest
    return None


def _told(head: Mapping[str, Any], name: str) -> tuple[bytes, str]:
    """A digest that S3 tells, and the number of parts of whose digests it is; nothing of what it does not tell."""
    whole, _, parts = str(head.get(name, "")).strip('"').partition("-")
    if name != "ETag":
        with suppress(ValueError):  # as of servers that tell something else there
            return base64.b64decode(whole), parts
        return b"", ""
    is_plain = head.get("ServerSideEncryption", "AES256") == "AES256" and "SSECustomerAlgorithm" not in head
    return bytes.fromhex(whole) if is_plain and _MD5.fullmatch(whole) else b"", parts


def _joined(digests: Iterable[bytes], new: Callable[[], _Hash]) -> bytes:
    all_parts = new()
    for one in digests:
        all_parts.update(one)
    return all_parts.digest()


def _digests(content: Opened | Pieces, part: int, new: Callable[[], _Hash]) -> Iterator[bytes]:
    """The digest of each part of a content; an empty one has one part."""
    if not callable(content):
        yield _joined(content, new)
        return
    buffer = memoryview(bytearray(min(part, READ_SIZE)))
    with content() as file:
        while True:
            digest, left = new(), part
            while left and (got := file.readinto(buffer[:left])):
                digest.update(buffer[:got])
                left -= got
            yield digest.digest()
            if left or not file.peek(1):
                return


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


def _md5() -> _Hash:
    return hashlib.md5(usedforsecurity=False)


class _Crc32:
    """zlib's CRC32 in the manner of hashlib."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_HASHES: Mapping[str, Callable[[], _Hash]] = {
    "ETag": _md5,
    "ChecksumSHA256": hashlib.sha256,
    "ChecksumCRC32": _Crc32,
}
