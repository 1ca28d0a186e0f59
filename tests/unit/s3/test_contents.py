"""Which jobs may go, and how large a file's parts are. What S3 sees of it is in the functional tests."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.s3 import contents
from jobbag.s3.contents import FASTEST, MAX_PARTS, PART_SIZE, compared, part_size, proves_same


@pytest.mark.parametrize("size", [0, 1, PART_SIZE, PART_SIZE * MAX_PARTS])
def test_parts_are_of_the_usual_size(size: int) -> None:
    assert part_size(size) == PART_SIZE


@given(st.integers(1, 5 * 1024**4))
def test_parts_are_as_awss_own_tools_make_them(size: int) -> None:
    from s3transfer.utils import ChunksizeAdjuster

    assert part_size(size) == ChunksizeAdjuster().adjust_chunksize(PART_SIZE, size)


# -- proof that S3 holds the same content

MD5 = {b"": "d41d8cd98f00b204e9800998ecf8427e", b"hello\n": "b1946ac92492d2347c6235b4d2611184"}
CRC32 = {b"": "AAAAAA==", b"hello\n": "NjowIA=="}
KMS = {"ServerSideEncryption": "aws:kms"}
CUSTOMER = {"SSECustomerAlgorithm": "AES256"}


@pytest.mark.parametrize("content", [b"", b"hello\n"])
@pytest.mark.parametrize(
    ("head", "same"),
    [
        (lambda content: {"ETag": f'"{MD5[content]}"'}, True),
        (lambda content: {"ETag": f'"{MD5[content]}"', "ServerSideEncryption": "AES256"}, True),
        (lambda content: {"ETag": f'"{MD5[content][::-1]}"'}, False),
        (lambda content: {"ETag": f'"{MD5[content]}"', **KMS}, False),  # then the ETag is no MD5
        (lambda content: {"ETag": f'"{MD5[content]}"', **CUSTOMER}, False),
        (lambda content: {"ETag": '"x"', "ChecksumCRC32": CRC32[content], **KMS}, True),
        (lambda _: {"ETag": '"x"', "ChecksumCRC32": "AAAAAQ==", **KMS}, False),
        (lambda content: {"ETag": f'"{MD5[content]}-2"', "ChecksumCRC32": CRC32[content]}, True),
        (lambda content: {"ETag": f'"{MD5[content]}-2"', "ChecksumCRC32": "AAAAAQ=="}, False),
        (lambda _: {"ETag": '"x"', "ChecksumCRC32": "non"}, False),
        (lambda content: {"ETag": f'"{MD5[content]}-2"'}, False),
        (lambda content: {"ETag": f'"{MD5[content]}-x"'}, False),
        (lambda _: {"ETag": '"not hex at all"'}, False),
        (lambda _: {"ETag": ""}, False),
        (lambda _: {}, False),
    ],
)
def test_what_proves_the_same_content(
    content: bytes, head: Callable[[bytes], dict[str, str]], same: bool, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    assert proves_same(head(content), str(file), len(content)) is same


HASHES: dict[str, Callable[[bytes], bytes]] = {
    "ETag": lambda content: hashlib.md5(content).digest(),
    "ChecksumSHA256": lambda content: hashlib.sha256(content).digest(),
    "ChecksumCRC32": lambda content: zlib.crc32(content).to_bytes(4, "big"),
}


@given(st.lists(st.binary(max_size=9)), st.sampled_from([*HASHES]), st.booleans())
def test_what_came_in_pieces_is_verified_by_whatever_s3_tells(pieces: list[bytes], told: str, is_part: bool) -> None:
    whole, new = b"".join(pieces), HASHES[told]
    digest = new(new(whole)) if is_part else new(whole)
    shown = digest.hex() if told == "ETag" else base64.b64encode(digest).decode()
    head = {told: f'"{shown}-1"' if is_part else shown}
    assert compared(head, pieces, len(whole), FASTEST) is True
    assert compared(head, [*pieces, b"x"], len(whole) + 1, FASTEST) is False


@pytest.mark.parametrize("size", [4, 5, 8, 9])
def test_an_object_of_parts_is_proven_by_the_digest_of_their_digests(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "PART_SIZE", 4)
    file = tmp_path / "file"
    file.write_bytes(b"123456789"[:size])
    parts = [b"123456789"[:size][at : at + 4] for at in range(0, size, 4)]
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    etag = f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'
    assert proves_same({"ETag": etag}, str(file), size)
    assert not proves_same({"ETag": etag.replace("-", "-1")}, str(file), size)
    file.write_bytes(b"x23456789"[:size])
    assert not proves_same({"ETag": etag}, str(file), size)
