"""The directory of an embedded AWS, in which its jobs run."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from . import watchdog
from .watchdog import ENDED, REGULAR, STARTED, end_jobs, remove_tree

PREFIX = "pegasus-aws-batch-local-"  # of the names of the directories
LEAVING = 15.0  # s that the watchdog gets to end


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
                [sys.executable, "-I", "-S", watchdog.__file__, str(self.directory)],
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
