"""The single-file command, with a small payload: where it unpacks, and what it says where it cannot."""

from __future__ import annotations

import ast
import fcntl
import os
import runpy
import shlex
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD: Mapping[str, Any] = runpy.run_path(str(ROOT / "zipapp" / "build.py"))
SAY = "import sys\n\n\ndef main():\n    print('ran', *sys.argv[1:])\n    return 7\n"
VERSION = "1.0.0"
CONTENT = {"jobbag/__init__.py": f'__version__ = "{VERSION}"\n', "jobbag/cli.py": SAY, "x/data": "some data"}


class Zipapp:
    """The command as a single file, and the environment that it starts in."""

    def __init__(self, place: Path, content: Mapping[str, str]) -> None:
        self.file = place / "tool"
        files = {name: text.encode() for name, text in content.items()}
        self.version, made = BUILD["archive"](files)
        self.file.write_bytes(made)
        self.tmp = place / "tmp"
        self.tmp.mkdir()
        self.cache = place / "cache"
        self.home = self.cache / "pegasus-aws-batch"
        self.unpacked = self.home / self.version
        self.env = {
            "PATH": "/usr/bin:/bin",
            "XDG_CACHE_HOME": str(self.cache),
            "TMPDIR": str(self.tmp),
            "HOME": "/dev/null",
        }

    def run(self, *words: str, start: str = "") -> subprocess.CompletedProcess[str]:
        """Start the file, or a Python script that stands before it."""
        return subprocess.run(
            [sys.executable, *([start] if start else []), str(self.file), *words],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def works(self) -> bool:
        """Whether a start does what it is to do, and says nothing else."""
        done = self.run("a", "b")
        return (done.returncode, done.stdout, done.stderr) == (7, "ran a b\n", "")


@pytest.fixture
def zipapp(tmp_path: Path) -> Zipapp:
    return Zipapp(tmp_path, CONTENT)


def files(place: Path) -> dict[str, str]:
    """All files below a directory but bytecode and proofs, with their content."""
    found = (path for path in place.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    found = (path for path in found if not path.name.startswith("verified."))
    return {str(path.relative_to(place)): path.read_text() for path in found}


def test_it_unpacks_once_into_a_private_directory(zipapp: Zipapp) -> None:
    assert zipapp.works()
    assert files(zipapp.cache) == {f"pegasus-aws-batch/{zipapp.version}/{name}": text for name, text in CONTENT.items()}
    assert zipapp.home.stat().st_mode & 0o777 == 0o700
    written = (zipapp.unpacked / "x" / "data").stat().st_mtime_ns
    assert zipapp.works()
    assert (zipapp.unpacked / "x" / "data").stat().st_mtime_ns == written
    assert list(zipapp.tmp.iterdir()) == []


def test_eight_first_starts_at_once(tmp_path: Path) -> None:
    # As many files as it takes for them to meet while they unpack.
    content = CONTENT | {f"many/{number}": f"file {number}" for number in range(200)}
    zipapp = Zipapp(tmp_path, content)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: zipapp.works(), range(8)))
    assert files(zipapp.unpacked) == content


def test_what_a_cleaner_of_old_files_took_comes_back(zipapp: Zipapp) -> None:
    assert zipapp.works()
    (zipapp.unpacked / "jobbag" / "cli.py").unlink()
    (zipapp.unpacked / "x" / "data").write_text("so")
    assert zipapp.works()
    assert files(zipapp.unpacked) == CONTENT


def test_a_file_of_the_right_size_and_the_wrong_content_is_mended(zipapp: Zipapp) -> None:
    """As a power cut leaves it."""
    module = zipapp.unpacked / "jobbag" / "cli.py"
    for _ in range(2):
        assert zipapp.works()
        module.write_bytes(bytes(len(SAY)))
        assert zipapp.works()
        assert files(zipapp.unpacked) == CONTENT


def test_all_is_read_once_in_each_boot(zipapp: Zipapp) -> None:
    """What a power cut did is not seen by the times of the files."""
    assert zipapp.works()
    (proof,) = zipapp.unpacked.glob("verified.*")
    module = zipapp.unpacked / "jobbag" / "cli.py"
    module.write_bytes(bytes(len(SAY)))
    proof.rename(proof.with_name("verified.of-another-boot"))
    os.utime(proof.with_name("verified.of-another-boot"))
    assert zipapp.works()
    assert files(zipapp.unpacked) == CONTENT
    (zipapp.unpacked / "x" / "data").write_text("SOME DATA")
    proof.touch()  # as if all had been read after that
    assert zipapp.works()
    assert files(zipapp.unpacked) == CONTENT | {"x/data": "SOME DATA"}


def test_proofs_of_boots_long_ago_are_removed(zipapp: Zipapp) -> None:
    assert zipapp.works()
    (proof,) = zipapp.unpacked.glob("verified.*")
    old = proof.rename(proof.with_name("verified.old"))
    then = time.time() - 40 * 86400
    os.utime(old, (then, then))
    assert zipapp.works()
    assert list(zipapp.unpacked.glob("verified.*")) == [proof]


def test_what_a_killed_start_was_writing_is_removed(zipapp: Zipapp) -> None:
    (zipapp.unpacked / "jobbag").mkdir(parents=True)
    zipapp.home.chmod(0o700)
    left = zipapp.unpacked / "jobbag" / "cli.py.0123456789abcdef"
    mine = [zipapp.unpacked / "notes.0123456789abcdef", zipapp.unpacked / "jobbag" / "cli.py.old"]
    for path in (left, *mine):
        path.write_text("imp")
    assert zipapp.works()
    assert not left.exists()
    assert all(path.exists() for path in mine)


def test_what_another_start_is_writing_stays(zipapp: Zipapp) -> None:
    (zipapp.unpacked / "jobbag").mkdir(parents=True)
    zipapp.home.chmod(0o700)
    writing = zipapp.unpacked / "jobbag" / "cli.py.0123456789abcdef"
    long_ago = zipapp.unpacked / "jobbag" / "cli.py.abcdef0123456789"
    for path in (writing, long_ago):
        path.write_text("imp")
    os.utime(long_ago, (time.time() - 7200, time.time() - 7200))
    other = os.open(zipapp.unpacked, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert zipapp.works()
    finally:
        os.close(other)
    assert writing.exists()
    assert not long_ago.exists()


def test_another_content_has_a_directory_of_its_own(zipapp: Zipapp, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Zipapp(tmp_path / "other", {**CONTENT, "x/data": "other data"})
    other.env = zipapp.env
    assert zipapp.works()
    assert other.works()
    assert other.version != zipapp.version
    assert {path.name for path in zipapp.home.iterdir()} == {zipapp.version, other.version}


def test_versions_that_nobody_starts_are_removed(zipapp: Zipapp) -> None:
    for name, days in (("0.9.0-old", 40), ("0.9.1-recent", 10)):
        (zipapp.home / name).mkdir(parents=True, mode=0o700)
        (zipapp.home / name / "file").touch()
        then = time.time() - days * 86400
        os.utime(zipapp.home / name, (then, then))
    zipapp.home.chmod(0o700)
    assert zipapp.works()
    assert {path.name for path in zipapp.home.iterdir()} == {zipapp.version, "0.9.1-recent"}
    then = time.time() - 40 * 86400
    os.utime(zipapp.unpacked, (then, then))
    assert zipapp.works()
    assert time.time() - zipapp.unpacked.stat().st_mtime < 86400  # it is in use


@pytest.mark.parametrize("cache", ["/proc/nowhere", "relative", ""])
def test_without_a_home_it_unpacks_into_the_temporary_directory(zipapp: Zipapp, cache: str) -> None:
    zipapp.env["XDG_CACHE_HOME"] = cache
    assert zipapp.works()
    home = zipapp.tmp / f"pegasus-aws-batch-{os.geteuid()}"
    assert files(home / zipapp.version) == CONTENT
    assert home.stat().st_mode & 0o777 == 0o700


def test_without_xdg_it_unpacks_into_the_home(zipapp: Zipapp, tmp_path: Path) -> None:
    del zipapp.env["XDG_CACHE_HOME"]
    zipapp.env["HOME"] = str(tmp_path / "home")
    assert zipapp.works()
    assert files(tmp_path / "home" / ".cache" / "pegasus-aws-batch" / zipapp.version) == CONTENT


def open_to_all(home: Path) -> None:
    home.mkdir(mode=0o777)
    home.chmod(0o777)


def a_link(home: Path) -> None:
    elsewhere = home.with_name("elsewhere")
    elsewhere.mkdir(mode=0o700)
    home.symlink_to(elsewhere)


@pytest.mark.parametrize("spoil", [open_to_all, a_link])
def test_a_directory_that_others_could_write_to_is_not_trusted(zipapp: Zipapp, spoil: Any) -> None:
    assert zipapp.works()
    mine = zipapp.tmp / f"pegasus-aws-batch-{os.geteuid()}"
    spoil(mine)
    there = mine.resolve()
    zipapp.home.rename(there / "moved")  # the right modules are no excuse
    (there / "moved" / zipapp.version).rename(there / zipapp.version)
    zipapp.env["XDG_CACHE_HOME"] = "/proc/nowhere"
    done = zipapp.run("a")
    assert (done.returncode, done.stdout) == (3, "")
    assert all(line.startswith("pegasus-aws-batch: ") for line in done.stderr.splitlines())
    assert f"{mine} is not a directory that is yours alone" in done.stderr
    assert "XDG_CACHE_HOME=" in done.stderr


def test_a_file_that_cannot_be_written_leaves_nothing_half(zipapp: Zipapp) -> None:
    # A full disk: the limit lets the first files through.
    limit = f"ulimit -f 1; exec {shlex.quote(sys.executable)} {shlex.quote(str(zipapp.file))}"
    zipapp.file.write_bytes(
        BUILD["archive"]({"a": b"a", "b": b"b" * 5000, "jobbag/__init__.py": b'__version__ = "1"\n'})[1]
    )
    done = subprocess.run(
        ["/bin/sh", "-c", f"trap '' XFSZ; {limit}"],
        env=zipapp.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3
    assert done.stderr.count("cannot unpack its modules") == 2  # neither in the cache nor in TMPDIR
    assert all(len(text) in (1, 18) for text in files(zipapp.home).values())


# -- an old Python


@pytest.fixture
def old(tmp_path: Path) -> str:
    """A script that runs what is named next as if Python were an old one: the version is all that is asked for."""
    script = tmp_path / "old.py"
    script.write_text(
        "import runpy, sys\n"
        "sys.version_info = (3, 6, 15, 'final', 0)\n"
        "del sys.argv[0]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n",
        encoding="utf-8",
    )
    return str(script)


def test_it_says_that_python_is_too_old(zipapp: Zipapp, old: str) -> None:
    zipapp.env["PATH"] = "/nowhere"
    done = zipapp.run("a", start=old)
    assert (done.returncode, done.stdout) == (3, "")
    assert "needs Python 3.10 or newer, but this is Python 3.6" in done.stderr
    assert f"/path/to/python3.12 {zipapp.file} a" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert not zipapp.cache.exists()


def test_it_takes_a_newer_python_that_works(zipapp: Zipapp, old: str, tmp_path: Path) -> None:
    for name, command in (("python3.13", "exit 127"), ("python3.12", f'exec {sys.executable} "$@"')):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
        program.chmod(0o755)
    zipapp.env["PATH"] = f"/nowhere:{tmp_path}"
    done = zipapp.run("a", "two words", start=old)
    assert (done.returncode, done.stdout, done.stderr) == (7, "ran a two words\n", "")


def test_an_older_python_can_parse_its_beginning() -> None:
    text = (ROOT / "zipapp" / "__main__.py").read_text(encoding="utf-8")
    text.encode("ascii")
    tree = ast.parse(text)
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.Starred, ast.Nonlocal)
    assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert not [function for function in functions if function.returns or function.args.kwonlyargs]
    before, _, _ = text.partition("import unpack")
    assert "sys.version_info < (3, 10)" in before


# -- the build


def test_the_same_content_makes_the_same_bytes(zipapp: Zipapp) -> None:
    again = BUILD["archive"]({name: text.encode() for name, text in reversed(CONTENT.items())})
    assert again == (zipapp.version, zipapp.file.read_bytes())
    with zipfile.ZipFile(zipapp.file) as outer, zipfile.ZipFile(outer.open("modules.zip")) as inner:
        assert {entry.date_time for archive in (outer, inner) for entry in archive.infolist()} == {
            (1980, 1, 1, 0, 0, 0)
        }
        assert inner.namelist() == sorted(CONTENT)


def test_it_holds_what_the_package_asks_for() -> None:
    assert {"boto3", "configargparse", "javaproperties", "tenacity"} <= set(BUILD["requirements"]())
    held = BUILD["distributions"](BUILD["requirements"]())
    assert {"botocore", "jmespath", "six", "urllib3"} <= held.keys()  # what those need in turn
    assert not {"moto", "pytest", "pyyaml"} & {name.lower() for name in held}
