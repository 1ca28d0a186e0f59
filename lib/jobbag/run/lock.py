"""One run at a time on one journal, on any file system: a file that says who holds it.

The file is made by a link, which succeeds or fails as a whole, and touched while the run lives. A holder on this
host is dead if its process is; one on another host if the file has not been touched for a while.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from jobbag.errors import InputError

TOUCH = 15.0  # s between two signs of life
STALE = 120.0  # s without one, by the clock of the file server


class JournalLock:
    """The lock on a journal, as a context manager. Entering it raises InputError where another run has it."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._path = _path_of(journal)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_touching, name="journal-lock", daemon=True)

    def __enter__(self) -> JournalLock:
        for _ in range(3):  # a stale holder is removed, and somebody else may be quicker with the free place
            if self._take():
                self._thread.start()
                return self
            holder = _read(self._path)
            if holder is None:
                continue
            if not self._is_stale(holder):
                raise _held(self._journal, holder)
            self._remove_stale(holder)
        raise InputError.of(str(self._journal), "another run has just taken this journal")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        with suppress(OSError):
            self._path.unlink()

    def _take(self) -> bool:
        """Make the file, with its content, unless there is one. A link is made or not, on NFS too."""
        mine = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        file = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(file, "w") as stream:
                json.dump(_myself(), stream)
            os.link(mine, self._path)
        except FileExistsError:
            return False
        finally:
            mine.unlink()
        return True

    def _is_stale(self, holder: dict[str, Any]) -> bool:
        if _is_here(holder):
            return _process_start(holder.get("pid")) != holder.get("process")
        return self._server_time() - _touched(self._path) > STALE

    def _server_time(self) -> float:
        """The time of the file server, whose clock is not ours."""
        probe = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        probe.touch()
        try:
            return probe.stat().st_mtime
        finally:
            probe.unlink()

    def _remove_stale(self, holder: dict[str, Any]) -> None:
        aside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with suppress(FileNotFoundError):
            self._path.rename(aside)
            if _read(aside) != holder:  # somebody took it in between
                with suppress(FileExistsError):
                    os.link(aside, self._path)
            aside.unlink()

    def _keep_touching(self) -> None:
        while not self._stop.wait(TOUCH):
            with suppress(OSError):
                os.utime(self._path)


def check_free(journal: Path) -> None:
    """Raises InputError where another run has the lock. Writes nothing, and so uses this machine's clock."""
    path = _path_of(journal)
    holder = _read(path)
    if holder is None:
        return
    if _is_here(holder):
        lives = _process_start(holder.get("pid")) == holder.get("process")
    else:
        lives = time.time() - _touched(path) <= STALE
    if lives:
        raise _held(journal, holder)


def _path_of(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}.held")


def _held(journal: Path, holder: dict[str, Any]) -> InputError:
    where = f"process {holder.get('pid')} on {holder.get('host')}"
    return InputError.of(str(journal), f"another run holds this journal: {where}")


def _is_here(holder: dict[str, Any]) -> bool:
    me = _myself()
    return bool(holder.get("host") == me["host"] and holder.get("boot") == me["boot"])


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _read(path: Path) -> dict[str, Any] | None:
    """The content of the file; empty if it cannot be understood, None if there is no file."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _myself() -> dict[str, Any]:
    boot = Path("/proc/sys/kernel/random/boot_id")
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "process": _process_start(os.getpid()),
        "boot": boot.read_text().strip() if boot.exists() else "",
        "since": int(time.time()),
    }


def _process_start(pid: Any) -> str | None:
    """When a process of this host started, in the kernel's ticks; None if there is none."""
    try:
        stat = Path(f"/proc/{int(pid)}/stat").read_text()
    except (OSError, TypeError, ValueError):
        return None if not _is_alive(pid) else "alive"
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]  # a zombie is dead, though nobody has taken note yet


def _is_alive(pid: Any) -> bool:
    """For systems without /proc."""
    if Path("/proc/self").exists() or not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
