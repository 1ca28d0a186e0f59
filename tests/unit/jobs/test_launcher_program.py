"""What the launcher's program takes and sends, before an S3 that is a dictionary."""

from __future__ import annotations

import email.message
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.jobs.launcher_program import REFUSED, Sending, Taking, completed, upload_of, written
from jobbag.jobs.launcher_s3 import S3, Content, Failure, LocalFailure, read

BASE = "s3://bucket/prefix"
LARGEST, PART = 8, 5  # bytes


class Answer(io.BytesIO):
    """An answer with a body, whose headers tell of so many bytes."""

    def __init__(self, body: bytes, size: int | None = None) -> None:
        super().__init__(body)
        self.headers = email.message.Message()
        self.headers["Content-Length"] = str(len(body) if size is None else size)
        self.headers["ETag"] = '"a-tag"'


class Dictionary(S3):
    """An S3 with few objects, and uploads in parts."""

    def __init__(self) -> None:
        super().__init__({})
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.failures: dict[str, Failure] = {}
        self.calls: list[tuple[str, str]] = []

    def call(
        self,
        method: str,
        url: str,
        body: bytes | Content = b"",
        headers: dict[str, str] | None = None,
        use: Callable[[Any], Any] = read,
        **query: str,
    ) -> Any:
        del headers
        self.calls.append((method, url))
        if url in self.failures:
            raise self.failures[url]
        if isinstance(body, Content):
            body.rewind()
            body = b"".join(iter(body.read, b""))
        if method == "GET":
            if url not in self.objects:
                raise Failure("none", 404)
            return use(Answer(self.objects[url]))
        if "partNumber" in query:
            self.parts.setdefault(url, {})[int(query["partNumber"])] = body
        elif method == "PUT":
            self.objects[url] = body
        elif "uploads" in query:
            return use(Answer(b"<UploadId>an id</UploadId>"))
        elif method == "POST":
            self.objects[url] = b"".join(part for _, part in sorted(self.parts.pop(url).items()))
        return use(Answer(b""))


NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n/"), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
PATHS = st.lists(NAME, min_size=1, max_size=3).map("/".join)


@given(files=st.dictionaries(PATHS, st.binary(max_size=20), max_size=5))
def test_what_is_sent_is_what_another_job_takes(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = {path: content for path, content in files.items() if not any(f"{path}/" in other for other in files)}
    place = tmp_path_factory.mktemp("job")
    s3 = Dictionary()
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("one", "other"):
            (place / name).mkdir()
        monkeypatch.chdir(place / "one")
        for path, content in files.items():
            Path("out", path).parent.mkdir(parents=True, exist_ok=True)
            Path("out", path).write_bytes(content)
        sending = Sending(s3, f"{BASE}/results/a job/", LARGEST, PART, {})
        assert sending.run([f"out/{path}" for path in files], f"{BASE}/lists/a job") == 0
        monkeypatch.chdir(place / "other")
        items = "".join(f"r {BASE}/results/a job/out/{path}\nsingly/{path}\n" for path in files)
        items += f"r {BASE}/results/a job/out\nin\n" if files else ""
        assert Taking(s3, BASE).run(items.encode()) == 0
        for folder in ("in", "singly"):
            found = {str(one.relative_to(folder)): one.read_bytes() for one in Path(folder).rglob("*") if one.is_file()}
            assert found == files


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dictionary:
    """With files in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    (tmp_path / "large").write_text("0123456789x")
    return Dictionary()


def sending(s3: S3) -> Sending:
    return Sending(s3, f"{BASE}/results/j/", LARGEST, PART, {})


def test_a_file_that_cannot_be_sent_is_told_and_the_others_are_sent(
    s3: Dictionary, capfd: pytest.CaptureFixture[str]
) -> None:
    s3.failures[f"{BASE}/results/j/a"] = Failure("KeyTooLong", 400)
    assert sending(s3).run(["a", "b", "none", "c"], f"{BASE}/lists/j") == REFUSED
    assert s3.objects[f"{BASE}/lists/j"] == b"b\nc\n"
    first, second = capfd.readouterr().err.splitlines()
    assert (first, second) == ("pegasus-aws-batch: KeyTooLong", "pegasus-aws-batch: none: No such file or directory")


def test_what_all_others_would_be_refused_too_ends_it(s3: Dictionary) -> None:
    s3.failures[f"{BASE}/results/j/a"] = Failure("AccessDenied", 403)
    with pytest.raises(Failure, match="AccessDenied"):
        sending(s3).run(["a", "b"], f"{BASE}/lists/j")
    assert f"{BASE}/lists/j" not in s3.objects


def test_an_upload_in_parts_that_fails_is_given_up(s3: Dictionary) -> None:
    """Not before the other parts are there: one that came later would stay in S3."""
    url = f"{BASE}/results/j/large"
    call, begun, given_up = s3.call, threading.Event(), threading.Event()

    def failing(method: str, url: str, *words: Any, **more: Any) -> Any:
        if more.get("partNumber") == "2":
            begun.wait(20)
            raise Failure("no part 2", 503)
        if more.get("partNumber") == "3":
            begun.set()
            given_up.wait(0.2)
        if method == "DELETE":
            given_up.set()
        return call(method, url, *words, **more)

    s3.call = failing  # type: ignore[method-assign]
    with pytest.raises(Failure, match="no part 2"):
        sending(s3).run(["large"], f"{BASE}/lists/j")
    assert s3.calls[-1] == ("DELETE", url)


def test_an_upload_in_parts_may_fail_at_its_end() -> None:
    with pytest.raises(OSError, match="InternalError: sorry"):
        completed(Answer(b"<?xml?>  <Error><Code>InternalError</Code><Message>sorry</Message></Error>"))
    with pytest.raises(OSError, match="no upload id"):
        upload_of(Answer(b""))


def test_an_answer_that_breaks_off_is_none(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="the answer has broken off"):
        written(Answer(b"1234", 5), str(tmp_path / "x"))


@pytest.mark.parametrize("path", ["/x", "../x", "a/../../x", "a/..", "", ".."])
def test_nothing_is_outside(path: str, s3: Dictionary) -> None:
    s3.objects[f"{BASE}/x"] = b"x"
    with pytest.raises(LocalFailure, match="not in the working directory"):
        Taking(s3, BASE).run(f"f {BASE}/x\n{path}\n".encode())


def test_a_path_that_cannot_be_is_no_matter_for_another_try(s3: Dictionary) -> None:
    s3.objects[f"{BASE}/x"] = b"x"
    with pytest.raises(LocalFailure, match="a/x: "):  # a is a file
        Taking(s3, BASE).run(f"f {BASE}/x\na/x\n".encode())


def test_a_list_that_cannot_be_read_now_is_not_taken_for_none(s3: Dictionary) -> None:
    s3.failures[f"{BASE}/lists/j"] = Failure("SlowDown", 503)
    with pytest.raises(Failure, match="SlowDown"):
        Taking(s3, BASE).run(f"r {BASE}/results/j/x\nx\n".encode())
