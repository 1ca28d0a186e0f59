"""What is read in pieces is what is read as a whole, and what is no JSON is told as that is."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobbag.bag import json_text, submit_file
from jobbag.bag.submit_file import ObjectText, content_of
from jobbag.errors import InputError

from ..builders import JSON_VALUES

NAMES = st.sampled_from(["SubmitJob", "defaults", "é"]) | st.text(max_size=3)
OBJECTS = st.dictionaries(NAMES, JSON_VALUES, max_size=3)
CONTENTS = JSON_VALUES | st.dictionaries(NAMES, OBJECTS | st.lists(OBJECTS, max_size=4) | JSON_VALUES, max_size=3)


def parsed(content: Any) -> Any:
    """The content, with the jobs as objects."""
    jobs = content.get("SubmitJob") if isinstance(content, dict) else None
    if not isinstance(jobs, list):
        return content
    return content | {"SubmitJob": [one.value() if isinstance(one, ObjectText) else one for one in jobs]}


def outcome(read: Any) -> Any:
    try:
        return read()
    except InputError as error:
        return error.lines


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONTENTS, st.sampled_from([None, 2]), st.booleans(), st.data())
def test_it_is_read_as_a_whole_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, indent: int | None, raw: bool, data: st.DataObject
) -> None:
    text = json.dumps(content, indent=indent, ensure_ascii=not raw).encode(errors="surrogatepass")
    if data.draw(st.booleans()):  # not as it should be
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from([b"", b",", b"}", b"\xff", b"]", b'"', b"1"])) + text[at + 1 :]
    path = tmp_path / "bag.in"
    path.write_bytes(text)
    monkeypatch.setattr(submit_file, "PIECE", data.draw(st.integers(1, 40)))
    assert outcome(lambda: parsed(content_of(path))) == outcome(lambda: json_text.loads(text, path))


def test_it_takes_no_more_memory_than_its_content(tmp_path: Path) -> None:
    path = tmp_path / "bag.in"
    path.write_text(json.dumps({"SubmitJob": [{"arguments": f"{n:07d}" * 1000} for n in range(3000)]}))
    tracemalloc.start()
    try:
        content = content_of(path)
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size * 1.4
    finally:
        tracemalloc.stop()
    assert len(content["SubmitJob"]) == 3000
