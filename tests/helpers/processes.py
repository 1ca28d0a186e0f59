"""Starts commands. The tests let those of Python be forked by a process that has loaded their libraries already."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from helpers.surroundings import LANG

_SERVER = Path(__file__).with_name("fork_server.py")


class Process(Protocol):
    """What the tests use of `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


def start(
    command: Sequence[str],
    *,
    cwd: str | Path,
    env: Mapping[str, str],
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
    stderr: int = subprocess.DEVNULL,
) -> Process:
    """Start a command in a session of its own, with these open files."""
    if _server is not None and _can_be_forked(command, env):
        return Forked(_server, command[1:], cwd, env, [stdin, stdout, stderr])
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


def run(command: Sequence[str], *, cwd: str | Path, env: Mapping[str, str], timeout: float) -> tuple[int, bytes, bytes]:
    """Start a command and wait for its end: its exit status, stdout and stderr. Raises TimeoutExpired."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = start(command, cwd=cwd, env=env, stdout=out.fileno(), stderr=err.fileno())
        try:
            status = process.wait(timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        for file in (out, err):
            file.seek(0)
        return status, out.read(), err.read()


def _can_be_forked(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether it is a script or module for the Python of the tests, and no variable makes that another Python."""
    python, script, *_ = command
    usual = env.get("LANG", "").endswith(".UTF-8") and not any(
        name.startswith(("LC_", "PYTHON")) for name in env.keys() - {"PYTHONPATH"}
    )
    return python == sys.executable and script.endswith((".py", "-m")) and usual


class ForkServer:
    """`fork_server.py`, which is started when it is needed and ends with the context."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def send(self, files: Sequence[int]) -> None:
        """Ask for a process."""
        with self._lock:
            if self._process is None:
                self._socket, its = socket.socketpair()
                with its:
                    self._process = subprocess.Popen(
                        [sys.executable, str(_SERVER), str(its.fileno())],
                        env={"PATH": os.environ["PATH"], "LANG": LANG},
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        pass_fds=[its.fileno()],
                        start_new_session=True,
                    )
            socket.send_fds(self._socket, [b"x"], files)

    def close(self) -> None:
        """Let it end."""
        if self._process is not None:
            self._socket.close()
            self._process.wait()


_server: ForkServer | None = None


@contextmanager
def forking() -> Iterator[None]:
    """Let commands be forked while the context lasts."""
    global _server
    _server = server = ForkServer()
    try:
        yield
    finally:
        _server = None
        server.close()


class Forked:
    """A process that the server has forked."""

    def __init__(
        self,
        server: ForkServer,
        words: Sequence[str],
        cwd: str | Path,
        env: Mapping[str, str],
        files: Sequence[int],
    ) -> None:
        self._socket, its = socket.socketpair()
        with its, open(os.devnull, "r+b") as nothing:
            given = [nothing.fileno() if file == subprocess.DEVNULL else file for file in files]
            server.send([its.fileno(), *given])
        self._answers = self._socket.makefile("rb", buffering=0)
        request = {"words": list(words), "cwd": str(cwd), "env": dict(env)}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        self.pid = int(self._answers.readline())
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None as long as it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status. Raises TimeoutExpired."""
        if self._status is None:
            if not select.select([self._socket], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._status = int(self._answers.readline())
            self._answers.close()
            self._socket.close()
        return self._status

    def send_signal(self, sig: int, /) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)
