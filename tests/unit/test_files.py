"""Files that are replaced whole, and numbered files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from jobbag.files import beside, first_free, put_in_place, replaced, replacing, sync


def test_the_old_content_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with replaced(path) as file:
        file.write("größe")
        assert path.read_text() == "old"
    assert path.read_text(encoding="utf-8") == "größe"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), replaced(path) as file:
        file.write("new" * 10_000 + "\udcff")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_sync_is_taken_as_it_is(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with replaced(tmp_path / "file") as file:
        file.write("new")
    sync(tmp_path)
    assert (tmp_path / "file").read_text() == "new"


def test_what_could_not_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="broken"):
        sync(tmp_path)


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link, target = tmp_path / "link", tmp_path / "elsewhere" / "file"
    link.symlink_to(target)
    with replaced(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_what_was_written_beside_a_file_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "file"
    beside(path).write_bytes(b"one")
    put_in_place(path)
    assert path.read_bytes() == b"one"
    with replacing(path) as part:
        part.write_bytes(b"two")
        assert path.read_bytes() == b"one"
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_numbered_files_take_each_other_no_name(tmp_path: Path) -> None:
    path = tmp_path / "log"
    (tmp_path / "log.001").write_text("there")
    found = [first_free(path, lambda free: free.touch(exist_ok=False)).name for _ in range(3)]
    assert found == ["log.000", "log.002", "log.003"]


def test_what_keeps_a_numbered_file_from_being_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        first_free(tmp_path / "gone" / "log", lambda free: free.touch(exist_ok=False))
