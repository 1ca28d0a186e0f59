"""The memory that jobs use, as /proc tells it, and the end of those that use more than they asked for.

What counts is what a process has to itself, as the kernel can take all else back, such as the caches of files. What
is told of that costs little, but counts twice what a process and its child have alike; so it is counted exactly before
a job is ended. Without /proc, as on macOS, no job is.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType

MIB = 1 << 20
LEAST = 32 * MIB
"""No job is ended for less, whatever it asks for: an interpreter takes so much, or what starts the job."""
FIRST = 0.3
"""Seconds of a job's life before the first look: those that are over by then cost nothing."""
PAUSE, RATIO = 0.2, 10
"""Seconds between two looks, and how many times longer than a look that is at least."""
GRACE = 30.0
"""Seconds that the process which started the others gets to tell how they ended."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(eq=False)
class Limit:
    """How much the processes of a job may use together, in bytes; and since when they have used more, if they have."""

    size: float
    exceeded_at: float | None = None

    @classmethod
    def of(cls, asked: float | None) -> Limit:
        """The limit of a job that has asked for so much, in MiB; None: for nothing that is known."""
        return cls(math.inf if asked is None else max(asked * MIB, LEAST))

    @property
    def exceeded(self) -> bool:
        return self.exceeded_at is not None


class OomKiller:
    """Ends jobs that use more than they may, as the kernel does in containers. A context manager."""

    def __init__(self, proc: str = "/proc", clock: Callable[[], float] = time.monotonic) -> None:
        self._proc = proc
        self._clock = clock
        self._lock = threading.Lock()
        self._watched: dict[int, tuple[Limit, float]] = {}  # by the leader of the session, with when it began
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="oom-killer", daemon=True)

    def __enter__(self) -> OomKiller:
        if os.path.exists(f"{self._proc}/self/statm"):
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    @contextlib.contextmanager
    def watching(self, leader: int, limit: Limit) -> Iterator[None]:
        """While the context lasts, this process leads the session of a job with that limit."""
        with self._lock:
            self._watched[leader] = limit, self._clock()
        try:
            yield
        finally:
            with self._lock:
                del self._watched[leader]

    def look(self) -> None:
        """Look once at all jobs that have a limit and are old enough. Raises OSError if that cannot be."""
        now = self._clock()
        with self._lock:
            watched = dict(self._watched)
        limits = {
            leader: limit
            for leader, (limit, began) in watched.items()
            if limit.size < math.inf and now - began >= FIRST
        }
        if not limits:
            return
        for leader, processes in self._sessions(limits).items():
            if leader not in processes:  # the job is over: what it left will be killed anyway
                continue
            limit = limits[leader]
            used = self._used(processes, limit.size)
            if sum(used.values()) > limit.size:
                limit.exceeded_at = now if limit.exceeded_at is None else limit.exceeded_at
            elif limit.exceeded_at is None or now - limit.exceeded_at < GRACE:
                continue
            whole = now - limit.exceeded_at >= GRACE or used.get(leader) == max(used.values(), default=0)
            self._kill(leader, limit, processes if whole else [one for one in processes if one != leader])

    def _work(self) -> None:
        pause = PAUSE
        while not self._closing.wait(pause):
            began = time.monotonic()
            with contextlib.suppress(OSError):  # no more files can be open, say
                self.look()
            pause = max(PAUSE, RATIO * (time.monotonic() - began))

    def _sessions(self, leaders: Iterable[int]) -> Mapping[int, list[int]]:
        """The processes in the session of each of these."""
        found: dict[int, list[int]] = {leader: [] for leader in leaders}
        for process in (int(name) for name in os.listdir(self._proc) if name.isdigit()):
            with contextlib.suppress(OSError):  # it has just ended
                found.get(os.getsid(process), []).append(process)
        return found

    def _used(self, processes: Iterable[int], limit: float) -> Mapping[int, int]:
        """How much each of them uses, in bytes; exactly, where it is more than the limit otherwise."""
        used = {process: self._own(process) for process in processes}
        if sum(used.values()) <= limit:
            return used
        return {process: self._exactly(process, own) for process, own in used.items()}

    def _own(self, process: int) -> int:
        """What is in the machine's memory for this process, without files and what it shares by intent."""
        resident, shared = self._content(process, "statm").split()[1:3] or (0, 0)
        return (int(resident) - int(shared)) * _PAGE

    def _exactly(self, process: int, otherwise: int) -> int:
        """The same, with its part only of what it has alike with others since it was forked; where that is told."""
        for line in self._content(process, "smaps_rollup").splitlines():
            if line.startswith(b"Pss_Anon:"):
                return int(line.split()[1]) * 1024
        return otherwise

    def _content(self, process: int, file: str) -> bytes:
        """Of a process that has ended, or may not be looked at, nothing."""
        try:
            with open(f"{self._proc}/{process}/{file}", "rb") as content:
                return content.read()
        except OSError:
            return b""

    def _kill(self, leader: int, limit: Limit, processes: Iterable[int]) -> None:
        """Kill these processes of the job, unless it has ended meanwhile: others may then have their numbers."""
        with self._lock:
            if self._watched.get(leader, (None,))[0] is limit:
                for process in processes:
                    with contextlib.suppress(OSError):
                        if os.getsid(process) == leader:
                            os.kill(process, signal.SIGKILL)
