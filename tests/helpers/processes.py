"""Starts commands. The tests let those of Python be forked by a process that has loaded their modules already."""

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
import weakref
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
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
    if _address is not None and _can_be_forked(command, env):
        return Forked(_address, command[1:], cwd, env, [stdin, stdout, stderr])
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


def run(
    command: Sequence[str],
    *,
    cwd: str | Path,
    env: Mapping[str, str],
    timeout: float,
    stdout: int | None = None,
    stderr: int | None = None,
) -> tuple[int, bytes, bytes]:
    """Start a command and wait for its end: its exit status, stdout and stderr. Raises TimeoutExpired.

    `stdout`, `stderr`: a file that gets what it writes there; None: it is in what is returned.
    """
    with ExitStack() as stack:
        (out, to_out), (err, to_err) = os.pipe(), os.pipe()
        pool = stack.enter_context(ThreadPoolExecutor(2))
        try:
            process = start(
                command,
                cwd=cwd,
                env=env,
                stdout=to_out if stdout is None else stdout,
                stderr=to_err if stderr is None else stderr,
            )
        finally:
            os.close(to_out)
            os.close(to_err)
        read = [pool.submit(_all_of, file) for file in (out, err)]
        stack.callback(process.kill)
        status = process.wait(timeout)
        return status, read[0].result(timeout), read[1].result(timeout)


def _all_of(file: int) -> bytes:
    with open(file, "rb") as source:
        return source.read()


def _can_be_forked(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether it is a script or module for the Python of the tests, and no variable makes that another Python."""
    python, script, *_ = command
    usual = env.get("LANG", "C.UTF-8").endswith(".UTF-8") and not any(
        name.startswith(("LC_", "PYTHON")) for name in env.keys() - {"PYTHONPATH", "PYTHONIOENCODING"}
    )
    return python == sys.executable and script.endswith((".py", "-m")) and usual


_address: str | None = None  # of the fork server


@contextmanager
def serving() -> Iterator[str]:
    """A fork server while the context lasts: its address. What it has started ends with this process, too."""
    with tempfile.TemporaryDirectory() as place, socket.socket(socket.AF_UNIX) as listener:
        address = str(Path(place) / "fork-server")
        listener.bind(address)
        listener.listen(128)
        server = subprocess.Popen(
            [sys.executable, str(_SERVER), str(listener.fileno())],
            env={"PATH": os.environ["PATH"], "LANG": LANG},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
        with server:  # closes its stdin and waits
            yield address


@contextmanager
def forking(address: str | None = None) -> Iterator[None]:
    """Let commands be forked while the context lasts: by the server at this address, or one of its own."""
    global _address
    with ExitStack() as stack:
        _address = address or stack.enter_context(serving())
        try:
            yield
        finally:
            _address = None


class Forked:
    """A process that the server has forked."""

    def __init__(
        self,
        address: str,
        words: Sequence[str],
        cwd: str | Path,
        env: Mapping[str, str],
        files: Sequence[int],
    ) -> None:
        with open(os.devnull, "r+b") as nothing, socket.socket(socket.AF_UNIX) as server:
            server.connect(address)
            given = [nothing.fileno() if file == subprocess.DEVNULL else file for file in files]
            socket.send_fds(server, [b"x"], given)
            self._file = server.detach()
        weakref.finalize(self, os.close, self._file)
        request = json.dumps({"words": list(words), "cwd": str(cwd), "env": dict(env)}).encode() + b"\n"
        while request:
            request = request[os.write(self._file, request) :]
        self._lock = threading.Lock()
        self._status: int | None = None
        self.pid = self._answer()

    def _answer(self) -> int:
        """The number in the next line from the server."""
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self._file, 1)
            assert byte, "the server has ended"
            line += byte
        return int(line)

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None as long as it runs."""
        if select.select([self._file], [], [], 0)[0]:
            self.wait()
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status. Raises TimeoutExpired. More than one thread may."""
        if not select.select([self._file], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        with self._lock:
            if self._status is None:
                self._status = self._answer()
        return self._status

    def send_signal(self, sig: int, /) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended since
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)
