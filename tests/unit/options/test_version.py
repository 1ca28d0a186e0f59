"""What --version tells."""

from __future__ import annotations

import sys
import zipimport
from importlib import metadata
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest

from jobbag.options import version


def main_from(patch: pytest.MonkeyPatch, file: Path) -> None:
    """As if the command had been started from this archive."""
    with ZipFile(file, "w") as archive:
        archive.writestr("__main__.py", "")
    main = ModuleType("__main__")
    main.__loader__ = zipimport.zipimporter(str(file))
    patch.setitem(sys.modules, "__main__", main)


def test_a_checkout_is_no_archive() -> None:
    assert version.archive() is None


def test_the_single_file_tells_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main_from(monkeypatch, tmp_path / "tool.pyz")
    assert version.archive() == tmp_path / "tool.pyz"
    assert version.versions().splitlines()[1].endswith(f" (unpacked from {tmp_path / 'tool.pyz'})")


def test_a_library_that_is_missing_is_told_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> str:
        if name == "boto3":
            raise metadata.PackageNotFoundError(name)
        return "1.2.3"

    monkeypatch.setattr(metadata, "version", find)
    assert version.versions().splitlines()[-1] == "boto3 is missing, botocore 1.2.3"
