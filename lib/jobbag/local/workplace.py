"""The directory of an embedded AWS, in which its jobs run, and the process that ends both should it be killed.

That process, the watchdog, is this file as a script. It is started without the rest of the package, and so imports
nothing of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

PREFIX = "pegasus-aws-batch-local-"  # of the names of the directories
LEAVING = 15.0  # s that the watchdog gets to end
STARTED, ENDED, REGULAR = "+", "-", "."  # messages: with the number of a job's process; and of an end that is no kill
PAUSE = 0.05  # s between two looks for processes
SURE = 4  # looks in a row that find none: one may just be starting
PATIENCE = 200  # looks at most


class Workplace:
    """A directory that is locked while it is in use. A context manager, which leaves neither it nor a job."""

    directory: Path

    def __enter__(self) -> Workplace:
        remove_stale()
        with contextlib.ExitStack() as stack:
            self.directory, lock = _new_directory()
            stack.callback(remove_tree, self.directory)
            stack.callback(os.close, lock)
            self._watchdog = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__, str(self.directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                pass_fds=[lock],  # the directory is in use until it has removed it
                start_new_session=True,  # no signal for this process group ends it
            )
            stack.callback(self._end_watchdog)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    @contextlib.contextmanager
    def guarded(self, process: int) -> Iterator[None]:
        """While the context lasts, this process leads the session of a job."""
        self._tell(f"{STARTED}{process}")
        try:
            yield
        finally:
            self._tell(f"{ENDED}{process}")

    def _tell(self, message: str) -> None:
        assert self._watchdog.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it was killed; or all is over, but for this thread
            os.write(self._watchdog.stdin.fileno(), f"{message}\n".encode())  # whole, as it is short

    def _end_watchdog(self) -> None:
        self._tell(REGULAR)
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._watchdog.wait(LEAVING)


def _new_directory() -> tuple[Path, int]:
    """A new directory, and the file descriptor that has the lock on it."""
    while True:
        directory = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            return directory, _locked(directory)
        except (BlockingIOError, FileNotFoundError):
            continue  # another start took it for stale before it was locked
        except OSError:  # a file system without locks: nothing on it is taken for stale
            return directory, os.open(directory, os.O_RDONLY)


def _locked(directory: Path) -> int:
    """The file descriptor that has the lock on the directory. Raises OSError where it is in use, or gone."""
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        directory.stat()
    except OSError:
        os.close(file)
        raise
    return file


def remove_stale() -> None:
    """Remove the directories of this user that nobody uses any more, and end what still runs there."""
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if directory.lstat().st_uid != os.geteuid():
                continue
            lock = _locked(directory)
            try:
                end_jobs(str(directory), sure=1)
                remove_tree(directory)
            finally:
                os.close(lock)


# -- the watchdog


def main(directory: str) -> None:
    """Wait for the end of stdin, which tells meanwhile which jobs run; then leave nothing."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they may go to all processes, and some jobs want to end by themselves
    jobs: set[int] = set()
    regular = False
    for line in sys.stdin:
        if line[0] == STARTED:
            jobs.add(int(line[1:]))
        elif line[0] == ENDED:
            jobs.discard(int(line[1:]))
        else:
            regular = True
    end_jobs(directory, jobs, sure=1 if regular else SURE)
    remove_tree(Path(directory))


def end_jobs(directory: str, jobs: Iterable[int] = (), *, sure: int = SURE) -> None:
    """Kill all processes of jobs: those in the sessions of these, and those whose home is below the directory."""
    for job in jobs:
        with contextlib.suppress(OSError):
            os.killpg(job, signal.SIGKILL)
    none = 0
    for _ in range(PATIENCE):
        found = list(_processes(directory, frozenset(jobs)))
        none = 0 if found else none + 1
        if none == sure:
            return
        for process in found:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        time.sleep(PAUSE)


def _processes(directory: str, sessions: frozenset[int]) -> Iterator[int]:
    """The processes of this user that belong to jobs; none on systems without /proc."""
    homes = [b"\0%s=%s/" % (name, os.fsencode(directory)) for name in (b"HOME", b"TMPDIR")]
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if place.stat().st_uid != os.geteuid():
                continue
            state, _, _, session = (place / "stat").read_text().rpartition(")")[2].split()[:4]
            environment = b"\0" + (place / "environ").read_bytes()
        except OSError:
            continue
        if state != "Z" and (int(session) in sessions or any(home in environment for home in homes)):
            yield int(place.name)


def remove_tree(place: Path) -> None:
    """Remove the directory, even if a job made parts of it read-only."""
    shutil.rmtree(place, ignore_errors=True)
    if place.exists():
        for folder, names, _ in os.walk(place):
            for path in (Path(folder, name) for name in names):
                if not path.is_symlink():
                    path.chmod(0o700)
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
