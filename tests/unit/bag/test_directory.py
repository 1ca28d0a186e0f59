"""Local directories that are inputs of jobs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobbag.bag.checks import file_problems
from jobbag.bag.directory import content_of, state_of_directory
from jobbag.bag.job import Bag, Item, list_key

from ..builders import job


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = Path("in")
    for name in ("b.txt", "sub/a.txt", "sub/deep/run.sh"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    (made / "sub/deep/run.sh").chmod(0o755)
    (made / "empty/inside").mkdir(parents=True)
    (made / "link").symlink_to("b.txt")
    return made


def test_what_is_in_it(directory: Path) -> None:
    content = content_of(str(directory))
    assert [(file.name, file.executable) for file in content.files] == [
        ("b.txt", False), ("link", False), ("sub/a.txt", False), ("sub/deep/run.sh", True),
    ]  # fmt: skip
    assert content.empty == ("empty/inside",)


def test_any_change_shows(directory: Path) -> None:
    seen = [state_of_directory("in")]
    (directory / "b.txt").write_text("longer than it was")
    seen.append(state_of_directory("in"))
    os.utime(directory / "sub/a.txt", ns=(1, 1))
    seen.append(state_of_directory("in"))
    (directory / "sub/a.txt").chmod(0o755)
    seen.append(state_of_directory("in"))
    (directory / "empty/inside").rmdir()
    seen.append(state_of_directory("in"))
    (directory / "link").unlink()
    (directory / "b.txt").rename(directory / "c.txt")
    seen.append(state_of_directory("in"))
    assert len(set(seen)) == 6
    assert state_of_directory("in/") == seen[-1]


def problems() -> list[str]:
    bag = Bag((job(items=(Item("in", "in"),), launcher=True),), ())
    return [problem.what for problem in file_problems(bag)]


def test_what_no_job_can_have(directory: Path) -> None:
    assert problems() == []
    (directory / "two\nlines").touch()
    os.mkfifo(directory / "pipe")
    (directory / "gone").symlink_to("nowhere")
    found = problems()
    assert len(found) == 3
    assert sum("has a line break" in one for one in found) == 1
    assert sum("no regular file" in one for one in found) == 1
    assert sum("No such file" in one for one in found) == 1


def test_a_link_to_a_directory_above_is_told(directory: Path) -> None:
    (directory / "sub/up").symlink_to("..")
    assert problems() == ["input 'in': a link in it leads to a directory above"]


def test_each_file_has_one_key_whatever_it_is_reached_by(directory: Path) -> None:
    del directory
    bag = Bag((job(items=(Item("in", "in"), Item("in/sub/a.txt", "x")), launcher=True),), ("in/b.txt",))
    keys = dict(bag.files_of("in"))
    assert keys["in/b.txt"] == "b.txt"
    assert keys["in/sub/a.txt"] == bag.name_in_s3("in/sub/a.txt")
    assert {*keys.values(), list_key("in")} == set(bag.keys_of("in"))
