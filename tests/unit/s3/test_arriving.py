"""A file whose parts come in any order, read while it comes."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from jobbag.errors import Cancelled
from jobbag.s3 import arriving
from jobbag.s3.arriving import Arriving


def test_it_is_read_while_its_parts_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "LET_GO", 1000)
    content = random.Random(1).randbytes(10_000)
    starts = list(range(0, len(content), 700))
    random.Random(2).shuffle(starts)
    read: list[bytes] = []
    with Arriving(tmp_path / "f", len(content)) as file:
        thread = threading.Thread(target=lambda: read.append(file.reader().read()))
        thread.start()
        for start in starts:
            file.write(start, content[start : start + 300])
            file.write(start + 300, content[start + 300 : start + 700])
            file.arrived(start, min(start + 700, len(content)))
        assert file.wait() == len(content)
        thread.join()
    assert read == [content]
    assert (tmp_path / "f").read_bytes() == content


def test_an_empty_one_is_there_at_once(tmp_path: Path) -> None:
    with Arriving(tmp_path / "f", 0) as file:
        assert file.reader().read() == b""
        assert file.wait() == 0


def test_the_reader_is_told_why_a_part_does_not_come(tmp_path: Path) -> None:
    with Arriving(tmp_path / "f", 10) as file:
        file.write(5, b"12345")
        file.arrived(5, 10)
        threading.Thread(target=lambda: file.fail(OSError("no route"))).start()
        with pytest.raises(OSError, match="no route"):
            file.reader().read()
    with pytest.raises(Cancelled, match="nobody waits"):  # and its number may be another file's by now
        file.write(0, b"12345")
    assert (tmp_path / "f").read_bytes() == b"\0" * 5 + b"12345"
