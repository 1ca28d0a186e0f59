"""Whatever the files hold: exit status 3, a line for each problem, no traceback, and nothing written anywhere."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobbag.cli import main

GOOD_JOB = {"jobName": "good", "executable": "/bin/true"}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
)
FIELDS = st.sampled_from(["jobName", "executable", "arguments", "environment", "timeout", "containerOverrides", "tags"])


def is_no_bag(content: Any) -> bool:
    return not isinstance(content, dict) or not isinstance(content.get("SubmitJob"), list)


def bag_of(*jobs: object) -> bytes:
    return json.dumps({"SubmitJob": jobs}).encode()


HOSTILE_NAMES = st.one_of(
    st.text(max_size=8).map(lambda text: f"../{text}"),
    st.text(max_size=8).map(lambda text: f"/tmp/{text}"),
    st.text(max_size=8).map(lambda text: f".{text}"),
    st.characters(categories=["Cc"]).map(lambda letter: f"a{letter}b"),
    st.text(alphabet="xé", min_size=201, max_size=300),
    SCALARS.filter(lambda value: not isinstance(value, str)),
    st.just(""),
)
SUBMIT_FILES = st.one_of(
    st.binary(max_size=60).map(lambda data: b"\x01" + data),
    ANY_JSON.filter(is_no_bag).map(lambda content: json.dumps(content).encode()),
    HOSTILE_NAMES.map(lambda name: bag_of({**GOOD_JOB, "jobName": name})),
    SCALARS.map(lambda content: bag_of(content)),
    st.tuples(FIELDS, st.dictionaries(st.text(min_size=1, max_size=8), ANY_JSON, min_size=1, max_size=3)).map(
        lambda field: bag_of({**GOOD_JOB, field[0]: {"no such field": field[1]}, "executable": None})
    ),
)
ENTITY_FILES = st.one_of(
    st.binary(max_size=60).map(lambda data: b"\x01" + data),
    ANY_JSON.map(lambda content: json.dumps({"no such field": content}).encode()),
    ANY_JSON.filter(lambda content: not isinstance(content, dict)).map(lambda content: json.dumps(content).encode()),
)
PROPERTIES = st.one_of(
    st.text(max_size=20).map(lambda text: f"pegasus.aws.account=x{text}\n".encode(errors="replace")),
    st.sampled_from(["\\u12", "\\uzzzz", "\\u"]).map(lambda escape: f"pegasus.aws.region={escape}\n".encode()),
    st.text(alphabet="ab:/", max_size=12).map(lambda text: f"pegasus.aws.endpoint=file:{text}\n".encode()),
)
INPUTS = st.one_of(
    SUBMIT_FILES.map(lambda data: {"bag.in": data}),
    ENTITY_FILES.map(lambda data: {"bag.in": bag_of(GOOD_JOB), "jd.json": data}),
    PROPERTIES.map(lambda data: {"bag.in": bag_of(GOOD_JOB), "p.properties": data}),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(INPUTS)
def test_malformed_input(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]
) -> None:
    place = tmp_path_factory.mktemp("malformed")
    work = place / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(work))
    for name, data in files.items():
        (work / name).write_bytes(data)
    arguments = ["-q", "queue", "-j", "./jd.json" if "jd.json" in files else "definition"]
    if "p.properties" in files:
        arguments += ["-C", "p.properties"]
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        status = main([*arguments, "-l", "log", "-m", "all", "bag.in"])
    lines = errors.getvalue().splitlines()
    assert status == 3, lines
    assert lines
    assert all(line.startswith("pegasus-aws-batch: ") for line in lines)
    assert not any("AWS credentials" in line for line in lines), "the input was taken for good"
    assert "Traceback" not in errors.getvalue()
    assert "internal error" not in errors.getvalue()
    found = {str(path.relative_to(place)): path for path in place.rglob("*")}
    assert found.keys() == {"work", *(str(Path("work") / name) for name in files)}


def test_the_command_line_is_good_but_for_the_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good bag is stopped later, by what the other test does not accept: no region."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    Path("bag.in").write_bytes(bag_of(GOOD_JOB))
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        status = main(["-q", "queue", "-j", "definition", "-l", "log", "-m", "all", "bag.in"])
    assert (status, errors.getvalue()[:32]) == (3, "pegasus-aws-batch: AWS region: n")
