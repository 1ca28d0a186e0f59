"""The process that holds a journal: what is said of it, and whether it lives."""

from __future__ import annotations

import os
import secrets
import socket
import time
from pathlib import Path
from typing import Any

Holder = dict[str, Any]  # the content of the file


def myself() -> Holder:
    """What the file of a lock says of this process, with an id that no other start has."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return {
        "id": secrets.token_hex(16),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "process": _process_start(os.getpid()),
        "boot": boot.read_text().strip() if boot.exists() else "",
        "pids": _pid_namespace(),
        "since": int(time.time()),
    }


def is_in_sight(holder: Holder) -> bool:
    """Whether the holder's process, if it lives, is one of those that are seen here by its number."""
    me = myself()
    return me["pids"] is not None and all(holder.get(name) == me[name] for name in ("host", "boot", "pids"))


def lives(holder: Holder) -> bool:
    """Whether there is the holder's process, which must be in sight."""
    start = _process_start(holder.get("pid"))
    return start is not None and start == holder.get("process")


def _pid_namespace() -> str | None:
    """Where the numbers of processes mean what they mean here: containers have numbers of their own.

    None where that is not known; empty on systems without /proc.
    """
    if not Path("/proc/self").exists():
        return ""
    try:
        shown = os.readlink("/proc/self")
        return os.readlink("/proc/self/ns/pid") if shown == str(os.getpid()) else None  # else /proc is another's
    except OSError:
        return None


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
