"""The user's clients on this machine that call the same APIs: each tells the others what it wants, in a small file.

No client waits for another, and none is needed: where the directory cannot be used, each is alone. A client that was
killed counts for the few seconds that its file holds for.
"""

from __future__ import annotations

import logging
import os
import secrets
import stat
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobbag.errors import PROG

log = logging.getLogger(__name__)

REFRESH = 0.25  # s for which what the others want is not read again
LONGEST = 60.0  # s; no file holds for longer
PATIENCE = 60.0  # s after which a directory that could not be used is tried again
STALE = 3600.0  # s after the last change of a file until it is taken for that of a client that was killed
SIZE = 8192  # bytes of a file that are read; an API takes less than 100

Wants = dict[str, tuple[float, float]]  # by API: calls a second, and until when (time.monotonic())


def own_directory() -> Path:
    """The directory of the user's clients on this machine."""
    temporary = os.environ.get("TMPDIR") or "/tmp"  # tempfile might take the working directory
    return Path(temporary, f"{PROG}-clients-{os.geteuid()}")


class Clients:
    """What the user's other clients want. Safe to share between threads."""

    def __init__(self, directory: Path) -> None:
        """The directory is made when it is needed. One that others could write to is not used."""
        self._directory = directory
        self._name = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._own: Wants = {}
        self._others: list[Wants] = []
        self._next = float("-inf")  # time.monotonic() of the next look at the others
        weakref.finalize(self, _remove, directory / self._name)

    def tell(self, api: str, wanted: float, until: float) -> list[float]:
        """Note how many calls of an API a second this client wants until then (time.monotonic()).

        Returns what each of the others wants of it now.
        """
        with self._lock:
            now = time.monotonic()
            before, held = self._own.get(api, (0.0, now))
            is_news = held <= now or wanted > 2 * before
            self._own[api] = wanted, until
            if now >= self._next or (is_news and now > self._next - REFRESH):
                self._exchange(now)
            found = (wants.get(api, (0.0, now)) for wants in self._others)
            return [wanted for wanted, until in found if until > now]

    def _exchange(self, now: float) -> None:
        self._next = now + REFRESH
        self._own = {api: (wanted, until) for api, (wanted, until) in self._own.items() if until > now}
        try:
            with _private(self._directory) as place:
                with suppress(OSError):  # on a full disk they do not hear of this client, but it hears of them
                    _write(place, self._name, _encoded(self._own))
                self._others = [_decoded(content, now) for content in _read_all(place, but=self._name)]
        except OSError as error:
            log.debug("what other clients want is not known: %s", error)
            self._others, self._next = [], now + PATIENCE


def _encoded(wants: Wants) -> bytes:
    return "".join(f"{api} {wanted:.2f} {until:.2f}\n" for api, (wanted, until) in wants.items()).encode()


def _decoded(content: bytes, now: float) -> Wants:
    """What a file says, as far as it can be read: it may be written just now."""
    found: Wants = {}
    for line in content.decode(errors="replace").splitlines():
        with suppress(ValueError):
            api, wanted, until = line.split()
            if float(wanted) > 0 and float(until) < now + LONGEST:
                found[api] = float(wanted), float(until)
    return found


@contextmanager
def _private(directory: Path) -> Iterator[int]:
    """The directory, opened. Raises OSError where it cannot be, or is not the user's alone."""
    with suppress(FileExistsError):
        directory.mkdir(0o700)
    with _opened(str(directory), os.O_RDONLY | os.O_DIRECTORY) as place:
        found = os.fstat(place)
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise PermissionError(f"{directory} is not this user's alone")
        yield place


@contextmanager
def _opened(name: str, flags: int, place: int | None = None) -> Iterator[int]:
    file = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600, dir_fd=place)
    try:
        yield file
    finally:
        os.close(file)


def _write(place: int, name: str, content: bytes) -> None:
    with _opened(name, os.O_WRONLY | os.O_CREAT, place) as file:
        os.pwrite(file, content, 0)
        os.ftruncate(file, len(content))  # not before: another client would find nothing


def _read_all(place: int, *, but: str) -> Iterator[bytes]:
    """The contents of the files but one. Those that nobody has changed for long are removed. Raises OSError."""
    for name in os.listdir(place):
        if name != but:
            with suppress(OSError), _opened(name, os.O_RDONLY, place) as file:  # its client may have ended
                if time.time() - os.fstat(file).st_mtime > STALE:
                    os.unlink(name, dir_fd=place)
                yield os.read(file, SIZE)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
