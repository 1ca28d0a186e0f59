"""Files that are replaced whole, and numbered files."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from jobbag import files
from jobbag.files import WriteError, beside, first_free, put_in_place, replaced, replacing, sync

from .builders import heard


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


@pytest.fixture(autouse=True)
def _nothing_is_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_said", set())


def failing(code: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_that_cannot_sync_is_taken_as_it_is_and_told_once(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", failing(code))
    with heard("jobbag.files") as said:
        for name in ("one", "two"):
            with replaced(tmp_path / name) as file:
                file.write("new")
            sync(tmp_path)
    assert (tmp_path / "two").read_text() == "new"
    (line,) = said
    assert line.startswith(f"WARNING the file system of {tmp_path / 'one'} has no fsync ({os.strerror(code)})")


@pytest.mark.parametrize("code", [errno.EBADF, errno.EACCES, errno.EISDIR])
def test_a_directory_that_cannot_be_synced_is_taken_as_it_is_and_told_once(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", failing(code))
    with heard("jobbag.files") as said:
        sync(tmp_path)
        sync(tmp_path)
    assert len(said) == 1
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError):
        sync(tmp_path / "file")


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM, errno.EXDEV])
def test_a_file_system_that_cannot_rename_has_the_content_copied_and_told_once(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("the old content, which was longer")
    monkeypatch.setattr(os, "replace", failing(code))
    with heard("jobbag.files") as said:
        for content in ("one", "two"):
            with replaced(path) as file:
                file.write(content)
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]
    (line,) = said
    assert f"the file system of {path} cannot rename" in line


def test_what_keeps_a_file_from_its_place_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "replace", failing(errno.ENOSPC))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)), replaced(tmp_path / "file") as file:
        file.write("x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_file_that_cannot_be_written_is_named(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    monkeypatch.setattr(os, "fsync", failing(code))
    with pytest.raises(WriteError) as caught, replaced(path) as file:
        file.write("x")
    assert str(caught.value) == f"cannot write {path}: {os.strerror(code)}"
    assert caught.value.errno == code


def test_what_could_not_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=f"cannot write {re.escape(str(tmp_path))}: broken"):
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
