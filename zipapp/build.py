#!/usr/bin/env python3
"""Builds the command as a single file, from this checkout and the packages of the Python that runs this.

    python zipapp/build.py [FILE]         default: dist/pegasus-aws-batch

The file is a zip archive that Python runs: `__main__.py` and `unpack.py` of this folder, and the modules of the
command and of all that it needs, packed once more so that a start reads four entries and not 600. The same
packages make the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

# The services that the command calls, and those of which botocore gets credentials.
SERVICES = ("batch", "logs", "s3", "sts", "iam", "pricing", "signin", "sso", "sso-oidc")
# rich needs these only to colour source code and to render Markdown, which the command does not.
LEFT_OUT = ("markdown-it-py", "pygments")
# What no program reads: models of other services, examples, types for checkers.
_CUT = re.compile(
    r"(^|/)(__pycache__/|\.)|\.pyi$|py\.typed$|^boto3/(data|examples)/|/examples-1\.json$"
    rf"|^botocore/data/(?!({'|'.join(SERVICES)})/)[^/]+/"
)
_KEPT_METADATA = re.compile(r"\.dist-info/(METADATA$|(licenses/)?(LICEN[CS]E|NOTICE|COPYING|AUTHORS))", re.IGNORECASE)
_COMPILED = (".so", ".pyd", ".dylib")


def requirements() -> list[str]:
    """The packages that setup.py asks for."""
    listed = re.search(r"install_requires=\[(.*?)\]", (ROOT / "setup.py").read_text(encoding="utf-8"), re.DOTALL)
    if listed is None:
        raise SystemExit("setup.py has no install_requires")
    return re.findall(r'"([\w.-]+)[^"]*"', listed[1])


def distributions(names: list[str]) -> dict[str, Distribution]:
    """The packages of these names and all that they need, by name."""
    found: dict[str, Distribution] = {}
    while names:
        name = names.pop()
        if name in found or name.lower() in LEFT_OUT:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            raise SystemExit(f"{sys.executable} lacks {name}: {sys.executable} -m pip install {name}") from None
        oldest = re.search(r">=\s*3\.(\d+)", found[name].metadata["Requires-Python"] or "")
        if oldest and int(oldest[1]) > 10:
            raise SystemExit(f"{name} {found[name].version} does not run on Python 3.10: take an older one")
        names += [_name(line) for line in found[name].requires or () if "extra ==" not in line]
    return found


def _name(requirement: str) -> str:
    named = re.match(r"[\w.-]+", requirement)
    if named is None:
        raise SystemExit(f"not a requirement: {requirement}")
    return named[0]


def _files(package: Distribution) -> Iterator[tuple[str, bytes]]:
    for file in package.files or ():
        name = file.as_posix()
        if name.endswith(_COMPILED):
            raise SystemExit(f"{package.name} is not pure Python: {name}")
        wanted = _KEPT_METADATA.search(name) if ".dist-info/" in name else not _CUT.search(name)
        if wanted and not name.startswith("../"):  # ../../../bin/...
            yield name, Path(str(file.locate())).read_bytes()


def modules() -> dict[str, bytes]:
    """All modules and their data: path below the directory of modules -> content."""
    lib = ROOT / "lib"
    folders = os.walk(lib / "jobbag", followlinks=True)  # the samples are a link
    paths = {(Path(folder) / name).relative_to(lib).as_posix() for folder, _, names in folders for name in names}
    own = {name: (lib / name).read_bytes() for name in paths if not _CUT.search(name)}
    others = distributions(requirements()).values()
    return own | {name: content for package in others for name, content in _files(package)}


def packed(files: Mapping[str, bytes], compression: int, head: bytes = b"") -> bytes:
    """A zip archive of the files, behind a head; the bytes follow from them alone."""
    buffer = io.BytesIO(head)
    buffer.seek(len(head))
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)  # 1980-01-01
            entry.external_attr, entry.compress_type = 0o644 << 16, compression
            archive.writestr(entry, files[name], compresslevel=9)
    return buffer.getvalue()


def _manifest_line(name: str, content: bytes) -> str:
    return f"{len(content)} {zlib.crc32(content)} {name}"


def archive(content: Mapping[str, bytes]) -> tuple[str, bytes]:
    """The version of the command with its content's hash, and the bytes of the single file."""
    inner = packed(content, zipfile.ZIP_DEFLATED)
    own = re.search(r'^__version__ = "(.+)"$', content["jobbag/__init__.py"].decode(), re.MULTILINE)
    if own is None:
        raise SystemExit("lib/jobbag/__init__.py has no __version__")
    version = f"{own[1]}-{hashlib.sha256(inner).hexdigest()[:16]}"
    manifest = "\n".join([version, *(_manifest_line(name, content[name]) for name in sorted(content))])
    outer = {
        "__main__.py": (HERE / "__main__.py").read_bytes(),
        "unpack.py": (HERE / "unpack.py").read_bytes(),
        "manifest": manifest.encode(),
        "modules.zip": inner,
    }
    return version, packed(outer, zipfile.ZIP_STORED, head=b"#!/usr/bin/env python3\n")


def build(target: Path) -> None:
    """Write the single file, and tell of it."""
    content = modules()
    version, made = archive(content)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(made)
    part.chmod(0o755)
    part.replace(target)
    print(
        f"{target}: {len(made) / 1e6:.1f} MB. The first start unpacks {len(content)} files, "
        f"{sum(map(len, content.values())) / 1e6:.1f} MB, into ~/.cache/pegasus-aws-batch/{version}"
    )


def start_up(target: Path) -> str:
    """How long --help takes, the first time and later."""
    with tempfile.TemporaryDirectory() as cache:
        times = []
        for _ in range(6):
            began = time.perf_counter()
            environment = os.environ | {"XDG_CACHE_HOME": cache}
            subprocess.run([sys.executable, target, "--help"], env=environment, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - began)
    return f"--help takes {times[0]:.2f} s the first time, then {median(times[1:]):.2f} s"


if __name__ == "__main__":
    file = Path(*sys.argv[1:2]) if sys.argv[1:] else ROOT / "dist" / "pegasus-aws-batch"
    build(file)
    print(start_up(file))
