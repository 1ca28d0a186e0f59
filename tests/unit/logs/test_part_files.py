"""Output is in its place whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.logs import part_files
from jobbag.logs.part_files import Output, commit, write_shared


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_files, "IN_MEMORY", 10)


def paths(place: Path) -> tuple[Path, Path]:
    return place / "j.out", place / "j.err"


@pytest.mark.parametrize("pieces", [[], [b"short"], [b"more than fits in memory"], [b"12345678", b"90", b"and more"]])
def test_what_is_committed_is_there_with_record_and_note(tmp_path: Path, pieces: list[bytes]) -> None:
    with Output(paths(tmp_path)) as output:
        for piece in pieces:
            output.streams[0].write(piece)
        output.end("[record]", "why")
        assert not any(path.exists() for path in output.paths), "not before it is whole"
        commit([output])
    assert (tmp_path / "j.out").read_bytes() == b"".join(pieces) + b"[record]\n"
    assert (tmp_path / "j.err").read_bytes() == b"why\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["j.err", "j.out"]


def test_without_a_note_stderr_stays_as_it_is(tmp_path: Path) -> None:
    with Output(paths(tmp_path)) as output:
        output.end("[record]", None)
        commit([output])
    assert (tmp_path / "j.err").read_bytes() == b""


@pytest.mark.parametrize("size", [1, 1000])
def test_of_what_is_not_committed_nothing_is_left_and_an_older_file_stays(tmp_path: Path, size: int) -> None:
    (tmp_path / "j.out").write_text("older")
    with Output(paths(tmp_path)) as output:
        for stream in output.streams:
            stream.write(b"x" * size)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"j.out": "older"}


def test_only_small_output_is_at_hand_to_be_shared(tmp_path: Path) -> None:
    with Output(paths(tmp_path)) as output:
        output.streams[0].write(b"small")
        assert output.contents == (b"small", b"")
        output.streams[1].write(b"more than fits in memory")
        assert output.contents is None


@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=20)), min_size=1, max_size=6))
def test_each_finds_its_own_in_a_shared_file(
    tmp_path_factory: pytest.TempPathFactory, contents: list[tuple[bytes, bytes]]
) -> None:
    place = tmp_path_factory.mktemp("parts")
    shares = write_shared(contents, place / "1.0.jobs")
    data = (place / "1.0.jobs").read_bytes()
    for (out, err), share in zip(contents, shares, strict=True):
        middle = share.start + share.out
        assert (data[share.start : middle], data[middle : middle + share.err]) == (out, err)
        assert share.jobs == len(contents)
    assert len(data) == sum(len(out) + len(err) for out, err in contents)
    assert [path.name for path in place.iterdir()] == ["1.0.jobs"]


def test_a_shared_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        write_shared([(b"", b"")], tmp_path / "gone" / "1.0.jobs")
