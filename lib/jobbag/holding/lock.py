"""One run at a time on one journal, on any file system: a file that says who holds it.

It is made by a link, which succeeds or fails as a whole, and touched while the run lives. A holder whose process
would be seen from here is dead if there is none; any other, if the file has not been touched for a while. One that
was suspended for so long may have lost the journal meanwhile, so a holder looks before it acts (`check`).
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from jobbag.errors import InputError, JournalLost
from jobbag.files import naming
from jobbag.holding import requests
from jobbag.holding.processes import Holder, is_in_sight, lives, myself

TOUCH = 15.0  # s between two signs of life
LISTEN = 1.0  # s between two looks for a request
STALE = 120.0  # s without one, by the clock of the file server
TRIES = 3  # to take a journal whose holder is dead: somebody else may be quicker with the free place
LOOKS, PAUSE = 3, 0.05  # for the file until it is gone, and s between them: a start may be moving it

_LEFT = r"\.(\d+|[0-9a-f]{32}(\.old)?)"  # what follows in the names of files that a killed start may leave


class JournalLock:
    """The lock on a journal, as a context manager. Entering it raises InputError where another run has it."""

    def __init__(self, journal: Path, asked: Callable[[], None] = lambda: None, *, cancels: bool = False) -> None:
        """`asked` is called in a thread when somebody asks this run to stop; `cancels`: it does nothing else."""
        self._journal = journal
        self._asked = asked
        self._path = _path_of(journal)
        self._me = myself() | ({"cancels": True} if cancels else {})
        self._own = self._path.with_name(f"{self._path.name}.{self._me['id']}")
        self._lost: JournalLost | None = None
        self._seen = 0.0  # time.monotonic() when the file was last known to be this run's
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._attend, name="journal-lock", daemon=True)

    def __enter__(self) -> JournalLock:
        for _ in range(TRIES):
            if self._put(self._me):
                self._seen = time.monotonic()
                self._remove_leftovers()
                self._thread.start()
                return self
            holder = _read(self._path)
            if holder is None:
                continue
            if not self._is_stale(self._path, holder):
                raise _held(self._journal, _of(holder))
            self._remove_stale(holder)
        raise InputError.of(str(self._journal), "another run has just taken this journal")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        with suppress(OSError):
            requests.heard(self._journal, self._me["id"])  # too late
            if self._is_mine(_read(self._path)):
                self._path.unlink()

    def check(self, within: float = 0.0) -> None:
        """Raises JournalLost unless this run has the journal, or had it `within` the last seconds. For any thread."""
        if self._lost is None and time.monotonic() - self._seen < within:
            return
        holder = None
        for _ in range(LOOKS):
            if self._lost is not None:
                raise self._lost
            holder = _read(self._path)
            if self._is_mine(holder):
                self._seen = time.monotonic()
                return
            if holder is not None:
                break
            self._stop.wait(PAUSE)
        self._lost = _lost(self._journal, self._path, holder)
        raise self._lost

    def offer(self, access: Mapping[str, str]) -> None:
        """Say in the file how this run's own AWS is reached: for who may read it, which is this user alone."""
        with suppress(OSError):
            self._me["access"] = dict(access)
            if self._is_mine(_read(self._path)):
                _make(self._own, json.dumps(self._me).encode())
                self._own.replace(self._path)

    def _is_mine(self, holder: Holder | None) -> bool:
        return holder is not None and holder.get("id") == self._me["id"]

    def _put(self, holder: Holder) -> bool:
        """Make the file with this content, unless there is one; whether it has this content now.

        Only the file tells: on NFS, the answer to a call that was successful may be lost.
        """
        text = json.dumps(holder).encode()
        try:
            _make(self._own, text)
            try:
                os.link(self._own, self._path)
            except FileExistsError:
                raise
            except OSError:  # not every file system has links
                if not self._path.exists():
                    _make(self._path, text)
        except FileExistsError:
            pass
        finally:
            self._own.unlink(missing_ok=True)
        return _read(self._path) == holder

    def _is_stale(self, path: Path, holder: Holder) -> bool:
        if is_in_sight(holder):
            return not lives(holder)
        return self._server_time() - _touched(path) > STALE

    def _server_time(self) -> float:
        """The time of the file server, whose clock is not ours."""
        while True:
            self._own.touch()
            try:
                return self._own.stat().st_mtime
            except FileNotFoundError:
                continue  # another start has removed it as a leftover
            finally:
                self._own.unlink(missing_ok=True)

    def _remove_stale(self, holder: Holder) -> None:
        aside = self._own.with_name(f"{self._own.name}.old")
        with suppress(FileNotFoundError):
            self._path.rename(aside)
            found = _read(aside) or {}
            if found != holder or not self._is_stale(aside, found):  # somebody took it in between, or is back
                self._put(found)
            aside.unlink()

    def _remove_leftovers(self) -> None:
        """Remove what starts have left that were killed while they took the journal, or tried to.

        Whose a file without content is cannot be told. If somebody is about to write it, he can do without.
        """
        left = re.compile(re.escape(self._path.name) + _LEFT)
        request = requests.path_of(self._journal)
        asked = re.compile(re.escape(request.name) + _LEFT)
        found = list(self._path.parent.iterdir())
        for path in [path for path in found if left.fullmatch(path.name)]:
            with suppress(OSError):
                holder = _read(path) or {}
                if (not holder and path.suffix != ".old") or self._is_stale(path, holder):
                    path.unlink()
        for path in [path for path in found if path == request or asked.fullmatch(path.name)]:
            with suppress(OSError):  # it was for an earlier start
                path.unlink()

    def _attend(self) -> None:
        """Give signs of life, and listen to what others ask."""
        touched = time.monotonic()
        while not self._stop.wait(LISTEN):
            if requests.heard(self._journal, self._me["id"]):
                self._asked()
            if time.monotonic() - touched >= TOUCH:
                touched = time.monotonic()
                with suppress(OSError):
                    if self._is_mine(_read(self._path)):
                        os.utime(self._path)


@dataclass(frozen=True)
class Held:
    """Who holds a journal."""

    id: str  # of that start; "" if it is not known, as of what else follows
    pid: int | None
    host: str | None
    since: int | None  # ms since the epoch
    in_sight: bool  # its end is seen at once from here, and else two minutes later
    cancels: bool  # it only stops the run
    access: Mapping[str, str]  # how the AWS is reached that is its own; empty: it has none

    def __str__(self) -> str:
        return _named({name: value for name, value in vars(self).items() if value is not None})


def holder_of(journal: Path) -> Held | None:
    """Who holds the journal, None if nobody does. Writes nothing, and so uses this machine's clock.

    Raises OSError.
    """
    path = _path_of(journal)
    holder = _read(path)
    if holder is None:
        return None
    held = _of(holder)
    alive = lives(holder) if held.in_sight else time.time() - _touched(path) <= STALE
    return held if alive else None


def _of(holder: Holder) -> Held:
    pid, host, since, access = (holder.get(name) for name in ("pid", "host", "since", "access"))
    return Held(
        str(holder.get("id") or ""),
        pid if isinstance(pid, int) else None,
        host if isinstance(host, str) else None,
        since * 1000 if isinstance(since, int) else None,
        is_in_sight(holder),
        bool(holder.get("cancels")),
        access if isinstance(access, dict) else {},
    )


def check_free(journal: Path) -> None:
    """Raises InputError where another run has the lock. Writes nothing, and so uses this machine's clock."""
    if (held := holder_of(journal)) is not None:
        raise _held(journal, held)


def _path_of(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}.held")


def _held(journal: Path, held: Held) -> InputError:
    what = f"another run holds this journal: {held}"
    if not held.in_sight:
        what += "; if that was killed, the journal is free two minutes later"
    return InputError.of(str(journal), what)


def _lost(journal: Path, path: Path, holder: Holder | None) -> JournalLost:
    if holder is None:
        why = f"{path.name} is gone, so another start may have taken this run over"
    else:
        why = f"another start has taken this run over: {_named(holder)}"
    return JournalLost(f"{journal}: {why}; this one stops, and leaves all as it is")


def _named(holder: Holder) -> str:
    return f"process {holder.get('pid', 'unknown')} on {holder.get('host', 'another machine')}"


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _read(path: Path) -> Holder | None:
    """The content of the file; empty if it cannot be understood, None if there is no file."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _make(path: Path, text: bytes) -> None:
    """Make a new file with this content, or none. Raises OSError."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with naming(path), os.fdopen(file, "wb") as stream:
            stream.write(text)
    except OSError:
        path.unlink(missing_ok=True)
        raise
