"""What is no JSON is told with the line, and what to do; what is JSON is read, whatever it looks like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag import json_text
from jobbag.errors import InputError

BAG = Path("bag.in")
GOOD = '{"SubmitJob": [\n  {"jobName": "one", "executable": "sh"},\n  {"jobName": "two", "executable": "sh"}\n]}\n'
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def told(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(InputError) as raised:
        json_text.loads(data, BAG)
    [line] = raised.value.lines
    return line


@given(ANYTHING)
def test_what_is_json_is_read(value: Any) -> None:
    assert json_text.loads(json.dumps(value, indent=1).encode(), BAG) == value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_whatever_its_encoding_and_line_ends_are(encoding: str) -> None:
    assert json_text.loads(GOOD.replace("\n", "\r\n").encode(encoding), BAG) == json.loads(GOOD)


@given(st.text("{}[],:\"'\\\n aN1-/#\u201c\u00a0", max_size=30))
def test_of_any_other_text_it_is_told_where(text: str) -> None:
    try:
        json_text.loads(text.encode(), BAG)
    except InputError as error:
        [line] = error.lines
        assert line.startswith("bag.in: line ")
        assert ": invalid JSON: " in line


@pytest.mark.parametrize(
    ("wrong", "place", "what"),
    [
        (GOOD.replace('"sh"}\n]', '"sh"},\n]'), (3, 41), "a comma too many before ]"),
        (GOOD.replace('"sh"},', '"sh",},'), (2, 40), "a comma too many before }"),
        (GOOD.replace('"sh"},', '"sh"},,'), (2, 42), "a comma too many behind ,"),
        (GOOD.replace("[\n", "[,\n"), (1, 16), "a comma too many behind ["),
        (GOOD.replace('"sh"},', '"sh"}'), (2, 41), "a comma is missing here"),
        (GOOD.replace('"one", ', '"one" '), (2, 20), "a comma is missing here"),
        (GOOD.replace('"jobName": "one"', '"jobName" "one"'), (2, 14), 'a : is missing behind "jobName"'),
        (GOOD.replace('"jobName": "one"', '"jobName" = "one"'), (2, 14), "between a name and its value stands a :"),
        (GOOD.replace('"jobName": "one"', '"jobName"'), (2, 13), 'the value of "jobName" is missing'),
        (GOOD.replace('"one"', ""), (2, 15), "the value before this , is missing"),
        (GOOD.replace('"sh"},', '"sh"}, // the first'), (2, 43), "JSON has no comments: leave out '// the first'"),
        (GOOD.replace('"sh"},', '"sh"}, # the first'), (2, 43), "JSON has no comments: leave out '# the first'"),
        (f"// mine\n{GOOD}", (1, 1), "JSON has no comments: leave out '// mine'"),
        (f"/* mine */ {GOOD}", (1, 1), "JSON has no comments: leave out '/* mine */"),
        (GOOD.replace('"one"', "'one'"), (2, 15), 'texts and names stand in double quotes ("), not in single ones'),
        (GOOD.replace('"jobName": "one"', "'jobName': 1"), (2, 4), "texts and names stand in double quotes"),
        (GOOD.replace('"one"', "\u201cone\u201d"), (2, 15), "here stands U+201C (left double quotation mark)"),
        (GOOD.replace("  {", "\u00a0 {", 1), (2, 1), "here stands U+00A0 (no-break space)"),
        (GOOD.replace('"jobName"', "jobName", 1), (2, 4), 'names stand in double quotes: "jobName"'),
        (GOOD.replace('"one"', "one"), (2, 15), 'texts stand in double quotes: "one"'),
        (GOOD.replace('"one"', "True"), (2, 15), "True is written true in JSON"),
        (GOOD.replace('"one"', "None"), (2, 15), "None is written null in JSON"),
        (GOOD.replace('"one"', "NaN"), (2, 15), "NaN is no number in JSON: write null"),
        (GOOD.replace('"one"', "-Infinity"), (2, 15), "-Infinity is no number in JSON"),
        (GOOD.replace('"one"', "nan"), (2, 15), "nan is no number in JSON"),
        (GOOD.replace('"one"', "007"), (2, 15), "007 is no number in JSON"),
        (GOOD.replace('"one"', "0x1F"), (2, 15), "0x1F is no number in JSON"),
        (GOOD.replace('"one"', "+1"), (2, 15), "+1 is no number in JSON"),
        (GOOD.replace('"one"', ".5"), (2, 15), ".5 is no number in JSON"),
        (GOOD.replace('"one"', '"one'), (2, 15), "a quote is missing in this text"),
        (GOOD.replace('"one"', '"o\tne"'), (2, 17), "a control character stands in a text: write \\t for a tab"),
        (GOOD.replace('"one"', '"o\nne"'), (2, 17), "a text ends in its line: a quote is missing"),
        (GOOD.replace('"one"', '"C:\\dir"'), (2, 18), "write \\\\ for a backslash in a text"),
        (GOOD[:34], (2, 15), "the quote at the end of this text is missing"),
        (GOOD.replace("]}", ""), (5, 1), "the file ends, but the [ of line 1 is not closed"),
        (GOOD.replace("]}", "}"), (4, 1), "before this }, the [ of line 1 must be closed"),
        (GOOD.replace("]}", "]}}"), (4, 3), "this } is too many"),
        (f"}}{GOOD}", (1, 1), "this } is too many"),
        (GOOD + GOOD, (5, 1), "a second document begins here: put all jobs into one list, or give several files"),
        (GOOD + "x", (5, 1), "this is behind the end"),
        ("", (1, 1), "the file is empty"),
        (" \n\n", (1, 1), "the file is empty"),
        ("SubmitJob:\n  - jobName: one\n", (1, 1), "it looks like YAML"),
        ("---\nSubmitJob: []\n", (1, 1), "it looks like YAML"),
        ("- jobName: one\n", (1, 1), "it looks like YAML"),
        ("<!DOCTYPE html>\n", (1, 1), "it is HTML or XML"),
        ("# mine\npegasus.aws.region = x\n", (1, 1), "it looks like a properties file"),
        ("pegasus.aws.region = x\n", (1, 1), "it looks like a properties file, which is given with --conf"),
        ("#!/bin/sh\necho\n", (1, 1), "JSON begins with a {; lines of shell, each a job, are given with --commands"),
        (
            "./fit.sh 1 > a\n./fit.sh 2 > b\n",
            (1, 1),
            "JSON begins with a {; lines of shell, each a job, are given with --commands",
        ),
        (
            "name,rate\na,1\n",
            (1, 1),
            "JSON begins with a {; a table, of which each row is a job, is given with --sweep",
        ),
    ],
)
def test_each_slip_is_recognised(wrong: str, place: tuple[int, int], what: str) -> None:
    line, column = place
    assert told(wrong).startswith(f"bag.in: line {line}, column {column}: invalid JSON: {what}")
    assert told(wrong.replace("\n", "\r\n")).startswith(f"bag.in: line {line}, column ")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x1f\x8b\x08\x00", "bag.in: invalid JSON: the file is binary (gzip)"),
        (b"PK\x03\x04\x00", "bag.in: invalid JSON: the file is binary (zip)"),
        (b'{\n "a": "\xe9"}', "bag.in: invalid JSON: not UTF-8 in line 2, at byte 9"),
        (b"\x7fELF\x00\xff", "bag.in: invalid JSON: the file is binary"),
        (b"[" * 100_000, "bag.in: invalid JSON: it is nested too deep"),
        (GOOD.replace("]}", "]").encode("utf-16"), "bag.in: line 5, column 1: invalid JSON: the file ends"),
    ],
)
def test_what_is_no_text(data: bytes, what: str) -> None:
    assert told(data).startswith(what)
