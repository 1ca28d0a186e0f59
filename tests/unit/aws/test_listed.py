"""Pages of objects are read as botocore reads them."""

from __future__ import annotations

import copy
from typing import Any
from xml.sax.saxutils import escape

import botocore.session
import pytest
from botocore.parsers import ResponseParserFactory
from hypothesis import given
from hypothesis import strategies as st

from jobbag.aws.connection import moment
from jobbag.aws.listed import read_contents

USED = ("Key", "LastModified", "ETag", "Size")
SHAPE = botocore.session.get_session().get_service_model("s3").operation_model("ListObjectsV2").output_shape
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
ONE = (
    "<Contents><Key>a</Key><LastModified>2026-11-28T12:00:00.000Z</LastModified><ETag>&#34;e&#34;</ETag>"
    "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumAlgorithm>SHA256</ChecksumAlgorithm>"
    "<Size>7</Size><Owner><ID>o</ID></Owner><StorageClass>STANDARD</StorageClass></Contents>"
)
REST = "<Name>b</Name><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
OTHER = '<Key xmlns="other">'
END = "</ListBucketResult>"


def _parsed(answer: dict[str, Any]) -> dict[str, Any]:
    parsers: Any = ResponseParserFactory()
    parsers.set_parser_defaults(timestamp_parser=moment)  # as the clients have it
    parsed: dict[str, Any] = parsers.create_parser("rest-xml").parse(answer, SHAPE)
    return parsed


def _answer(body: bytes, status: int = 200) -> dict[str, Any]:
    return {"body": body, "status_code": status, "headers": {}}


def _used(page: dict[str, Any]) -> dict[str, Any]:
    return {**page, "Contents": [{name: one.get(name) for name in USED} for one in page.get("Contents", ())]}


def _read(body: bytes) -> tuple[dict[str, Any], bool]:
    """What comes of a page, and whether its objects were taken out of it."""
    answer, own = _answer(body), dict[str, Any]()
    read_contents(answer, own, moment)
    return {**_parsed(answer), **own}, bool(own)


@given(
    keys=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5), min_size=1, max_size=3),
    size=st.integers(0, 2**40),
)
def test_objects_are_those_that_botocore_reads(keys: list[str], size: int) -> None:
    listed = "".join(ONE.replace(">7<", f">{size}<").replace(">a<", f">{escape(key)}<") for key in keys)
    body = f"{HEAD}{REST}{listed}{END}".encode()
    page, taken = _read(body)
    assert taken
    assert [one["Key"] for one in page["Contents"]] == keys
    assert _used(page) == _used(_parsed(_answer(body)))


@pytest.mark.parametrize(
    "body",
    [
        f"{HEAD}{REST}{END}",
        f"{HEAD}{ONE}{REST}{ONE}{END}",  # something else between them
        f"{HEAD}{ONE.replace('<ETag>&#34;e&#34;</ETag>', '')}{REST}{END}",
        f"{HEAD}{ONE.replace('Contents', 's:Contents')}{REST}{END}".replace("xmlns=", 'xmlns:s="s" xmlns='),
        f"{HEAD}{ONE.replace('<Key>', OTHER)}{REST}{END}",
        f"<!DOCTYPE r [<!ENTITY e 'x'>]><r>{ONE.replace('>a<', '>&e;<')}{REST}</r>",
        f"{HEAD}{ONE}{REST}{END}".replace("UTF-8", "ISO-8859-1"),
    ],
)
def test_what_is_written_in_another_way_is_left_to_botocore(body: str) -> None:
    page, taken = _read(body.encode())
    assert not taken
    assert page == _parsed(_answer(body.encode()))


@pytest.mark.parametrize(
    "answer",
    [
        _answer(f"{HEAD}{ONE}{END}".encode(), status=500),
        _answer(f"{HEAD}{ONE[:-20]}{END}".encode()),
        _answer(f"{HEAD}{ONE.replace('>7<', '>seven<')}{END}".encode()),
        _answer(f"{HEAD}{ONE.replace('2026-', 'x')}{END}".encode()),
        _answer(f"{HEAD}</Contents><Contents>{END}".encode()),
    ],
)
def test_what_is_no_listing_is_left_to_botocore(answer: dict[str, Any]) -> None:
    before, own = copy.copy(answer), dict[str, Any]()
    read_contents(answer, own, moment)
    assert (answer, own) == (before, {})
