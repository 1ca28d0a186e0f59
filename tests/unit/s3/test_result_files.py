"""Where results are written here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.job import Bag
from jobbag.files import with_directory
from jobbag.s3.result_files import ResultFiles, Unsuitable


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ResultFiles:
    monkeypatch.chdir(tmp_path)
    Path("results/job").mkdir(parents=True)
    Path("results/job/input.txt").touch()
    return ResultFiles(Path("results"), Bag((), ("results/job/input.txt", "elsewhere")))


def test_the_usual(files: ResultFiles) -> None:
    assert files.place_of("job", "plots/a, b/x.png") == Path("results/job/plots/a, b/x.png")
    assert Path("results/job/plots/a, b").is_dir()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../x", "leads out"),
        ("a/../../x", "leads out"),
        ("/etc/passwd", "leads out"),
        ("a//b", "no file can have its name"),
        ("./a", "no file can have its name"),
        ("a/", "no file can have its name"),
        ("nul\0", "no file can have its name"),
        ("x" * 256, "no file can have its name"),
        ("file/below", "is a file, and it needs a directory there"),
        ("directory", "is a directory"),
        ("link/x", "is a link"),
        ("input.txt", "it would overwrite the input"),
    ],
)
def test_names_that_no_file_here_can_have(files: ResultFiles, name: str, why: str) -> None:
    job = Path("results/job")
    (job / "file").touch()
    (job / "directory").mkdir()
    (job / "link").symlink_to("/tmp")
    with pytest.raises(Unsuitable, match=why):
        files.place_of("job", name)


def test_the_directory_of_a_job_is_no_link(files: ResultFiles) -> None:
    Path("results/other").symlink_to("/tmp")
    with pytest.raises(Unsuitable, match="is a link"):
        files.place_of("other", "x")


@given(st.text("ab./\\~\0\n", max_size=12))
def test_nothing_is_ever_outside(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    home = tmp_path_factory.mktemp("home")
    files = ResultFiles(home / "results", Bag((), ()))
    try:
        path = files.place_of("job", name)
    except Unsuitable:
        return
    path.write_text("x")
    assert os.path.realpath(path).startswith(f"{os.path.realpath(home)}/results/job/")


def test_what_is_not_whole_stands_aside_and_goes(files: ResultFiles) -> None:
    part = files.part_of("some/key")
    assert part == files.part_of("some/key") != files.part_of("other/key")
    with_directory(part, part.touch)
    files.tidy()
    assert part.exists()
    part.unlink()
    files.tidy()
    assert [path.name for path in Path("results").iterdir()] == ["job"]


def test_a_directory_that_is_removed_or_replaced_meanwhile(files: ResultFiles) -> None:
    """What was found of it for the file before holds no longer."""
    before = files.place_of("job", "plots/x.png")
    before.parent.rmdir()
    assert files.place_of("job", "plots/y.png").parent.is_dir()
    before.parent.rmdir()
    before.parent.symlink_to("/tmp")
    with pytest.raises(Unsuitable, match="is a link"):
        files.place_of("job", "plots/z.png")
    before.parent.unlink()
    before.parent.touch()
    with pytest.raises(Unsuitable, match="is a file"):
        files.place_of("job", "plots/z.png")
