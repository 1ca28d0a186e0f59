"""The one stream of a container is divided into stdout and stderr."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.aws.client import Cloud
from jobbag.events.observation import LogPlace, Peak
from jobbag.logs.splitter import Splitter, exit_status_in
from jobbag.logs.streams import stream_events

SEPARATOR = "########################[AWS BATCH] TASK STDERR ########################"
OURS = SEPARATOR + "#"  # the launcher's
TOKEN = "0a1b.7:3"
END = f"########################[AWS BATCH] END {TOKEN} 3 ########################"


def split(*messages: str, token: str | None = TOKEN) -> tuple[bytes, bytes]:
    out, err = io.BytesIO(), io.BytesIO()
    splitter = Splitter(out, err, token=token)
    for at, message in enumerate(messages):
        splitter.take({"timestamp": at, "message": message})
    splitter.flush()
    return out.getvalue(), err.getvalue()


LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=12)
NEARLY = st.sampled_from([SEPARATOR[1:], f" {SEPARATOR}", SEPARATOR.lower(), SEPARATOR[:-1], "#" * 24])
SEPARATORS = st.builds(SEPARATOR.__add__, LINE.filter(lambda line: not line.startswith("#")))


@given(st.lists(LINE | NEARLY | SEPARATORS, max_size=12), st.data())
def test_each_line_lands_where_it_belongs(lines: list[str], data: st.DataObject) -> None:
    first = next((at for at, line in enumerate(lines) if line.startswith(SEPARATOR)), len(lines))
    before, after = lines[:first], [line for line in lines[first:] if not line.startswith(SEPARATOR)]
    # The log driver may join several lines in one event.
    cuts = data.draw(st.sets(st.integers(1, max(len(lines) - 1, 1))))
    edges = [0, *sorted(cut for cut in cuts if cut < len(lines)), len(lines)]
    messages = ["".join(f"{line}\n" for line in lines[start:end]) for start, end in pairwise(edges) if start < end]
    assert split(*messages) == (
        "".join(f"{line}\n" for line in before).encode(),
        "".join(f"{line}\n" for line in after).encode(),
    )


def test_what_the_separator_divides() -> None:
    assert split("a", "", SEPARATOR, "b", f"{SEPARATOR} and more", "c") == (b"a\n\n", b"b\nc\n")
    assert split("a", f"x{SEPARATOR}", "b") == (f"a\nx{SEPARATOR}\nb\n".encode(), b"")


def test_the_launchers_lines_and_the_empty_ones_before_them_are_in_neither() -> None:
    """It begins a line, as a job may end without a newline; without such an end, the line is empty."""
    assert split("a", "", OURS, "b", "", END) == (b"a\n", b"b\n")
    assert split("a", "", "", OURS, "", "", END) == (b"a\n\n", b"\n")
    assert split("a\n\n" + OURS, "\n" + END) == (b"a\n", b"")
    assert split("a", OURS, "b", END) == (b"a\n", b"b\n")  # CloudWatch has no empty lines
    assert split("", "", "a", "") == (b"\n\na\n\n", b"")


def test_a_stream_is_known_to_be_whole_when_the_end_mark_is_its_last_line() -> None:
    splitter = Splitter(io.BytesIO(), io.BytesIO(), token=TOKEN)
    seen = []
    for line in ("a", END[1:], f"{END}.", END, "of a launcher in the job", END):
        splitter.write(line)
        seen.append(splitter.ended)
    assert seen == [False, False, False, True, False, True]


@pytest.mark.parametrize(
    ("said", "peak"),
    [
        ("", None),  # of an earlier version, or where it could not be seen
        (" memory=1048577", Peak(1_048_577, whole=True)),
        (" memory=1048577+", Peak(1_048_577, whole=False)),
    ],
)
def test_the_end_mark_tells_the_memory(said: str, peak: Peak | None) -> None:
    mark = END.replace(" 3 ", f" 3{said} ")
    splitter = Splitter(io.BytesIO(), io.BytesIO(), token=TOKEN)
    splitter.write(END.replace(TOKEN, "another").replace(" 3 ", " 3 memory=5 "))
    assert (splitter.ended, splitter.peak) == (False, None)
    splitter.write(mark)
    assert (splitter.ended, splitter.peak) == (True, peak)
    assert exit_status_in(f"a\n{mark}\n", TOKEN) == 3
    assert peak is None or peak.mib == 2


@pytest.mark.parametrize("token", [None, "0a1b.7:4", "0a1b.7", ""])
def test_the_end_mark_of_another_job_is_a_line_like_any_other(token: str | None) -> None:
    splitter = Splitter(io.BytesIO(), io.BytesIO(), token=token)
    splitter.write(END)
    assert not splitter.ended
    assert split("a", "", END, token=token) == (f"a\n\n{END}\n".encode(), b"")


@pytest.mark.parametrize("record", ["cluster-summary", "cluster-task", "seqexec-summary", "seqexec-task"])
def test_what_a_job_prints_is_no_record(record: str) -> None:
    """The programs of Pegasus find one anywhere in stdout."""
    line = f'see [{record} stat="ok"] [x][{record} id=1]'
    safe = f'see [ {record} stat="ok"] [x][ {record} id=1]'
    assert split(line, SEPARATOR, line) == (f"{safe}\n".encode(), f"{line}\n".encode())


def test_a_message_that_is_no_unicode_is_written_all_the_same() -> None:
    assert split("a\ud800b") == (b"a?b\n", b"")


def test_the_tail_is_the_end_of_stderr_or_else_of_stdout() -> None:
    splitter = Splitter(io.BytesIO(), io.BytesIO())
    for number in range(50):
        splitter.write(f"out {number}")
    assert splitter.tail == tuple(f"out {number}" for number in range(40, 50))
    splitter.write(SEPARATOR)
    assert splitter.tail[-1] == "out 49"
    splitter.write("x" * 100_000)
    assert splitter.tail == ("x" * 400,)


# -- reading a stream


class Pages(Cloud):
    """Answers GetLogEvents with pages; the token of a page is its number."""

    def __init__(self, *pages: list[str]) -> None:
        self.served = pages
        self.asked: list[dict[str, Any]] = []

    def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
        assert (service, operation) == ("logs", "GetLogEvents")
        assert len(self.asked) <= len(self.served), "read on after the end"
        self.asked.append({"region": region, **params})
        at = int(params.get("nextToken", "f/0").removeprefix("f/"))
        if at == len(self.served):
            return {"events": [], "nextForwardToken": f"f/{at}", "nextBackwardToken": "b"}
        events = [{"message": text, "timestamp": 1, "ingestionTime": 2} for text in self.served[at]]
        return {"events": events, "nextForwardToken": f"f/{at + 1}", "nextBackwardToken": "b"}


def messages(cloud: Pages, place: LogPlace) -> Iterator[str]:
    return (event["message"] for event in stream_events(cloud, place))


@pytest.mark.parametrize("number", ["3" * 5000, f"3 memory={'3' * 5000}"])
def test_a_number_that_no_launcher_writes_is_no_end(number: str) -> None:
    splitter = Splitter(io.BytesIO(), io.BytesIO(), token=TOKEN)
    line = END.replace(" 3 ", f" {number} ")
    splitter.write(line)
    splitter.flush()
    assert (splitter.ended, splitter.peak, exit_status_in(line, TOKEN)) == (False, None, None)
