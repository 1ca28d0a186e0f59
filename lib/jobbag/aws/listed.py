"""The objects of a page of ListObjectsV2, read with a third of the CPU that botocore takes for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

FIRST, LAST = b"<Contents>", b"</Contents>"


def read_contents(
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
    moment: Callable[[str], datetime],
    **_: Any,
) -> None:
    """A hook of botocore, before it parses a page: takes the objects out of the body, and gives what is used of them.

    Where they are not written as S3 writes them, they are left to botocore. `moment` reads a time.
    """
    body = response_dict["body"]
    if response_dict["status_code"] != 200 or not isinstance(body, bytes):
        return
    begin, end = body.find(FIRST), body.rfind(LAST) + len(LAST)
    if not 0 <= begin < end or not _is_utf8(body[:begin]):
        return
    try:
        root = ElementTree.fromstring(b"<_>" + body[begin:end] + b"</_>")
        listed = [_entry({part.tag: part.text or "" for part in one}, one.tag, moment) for one in root]
    except (ElementTree.ParseError, KeyError, ValueError):
        return
    response_dict["body"] = body[:begin] + body[end:]
    customized_response_dict["Contents"] = listed


def _is_utf8(beginning: bytes) -> bool:
    """Whether a document with this beginning is in UTF-8, and defines nothing of its own."""
    declared, shown, _ = beginning.lower().partition(b"?>")
    return b"<!" not in beginning and (not shown or b"encoding" not in declared or b"utf-8" in declared)


def _entry(texts: Mapping[str, str], kind: str, moment: Callable[[str], datetime]) -> dict[str, Any]:
    """An object by the texts of its elements. Raises KeyError and ValueError where it is none."""
    if kind != "Contents":
        raise ValueError(kind)
    return {
        "Key": texts["Key"],
        "LastModified": moment(texts["LastModified"]),
        "ETag": texts["ETag"],
        "Size": int(texts["Size"]),
    }
