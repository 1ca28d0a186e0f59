"""The process that ends the jobs of an embedded AWS and removes its directory, should the AWS itself be killed.

It is this file as a script, which is started without the rest of the package and so imports nothing of it. Each
embedded AWS starts one, so it does without what is slow to import, such as contextlib, pathlib and shutil.
"""

from __future__ import annotations

import os
import signal
import sys
import time

STARTED, ENDED, REGULAR = "+", "-", "."  # messages: with the number of a job's process; and of an end that is no kill
PAUSE = 0.05  # s between two looks for processes
SURE = 4  # looks in a row that find none: one may just be starting
PATIENCE = 200  # looks at most


def main(directory: str) -> None:
    """Wait for the end of stdin, which tells meanwhile which jobs run; then leave nothing.

    At a regular end, the directory is left to who has started this.
    """
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
    if not regular:
        remove_tree(directory)


def end_jobs(directory: str, jobs: set[int] | frozenset[int] = frozenset(), *, sure: int = SURE) -> None:
    """Kill all processes of jobs: those in the sessions of these, and those whose home is below the directory."""
    for job in jobs:
        try:
            os.killpg(job, signal.SIGKILL)
        except OSError:
            continue
    none = 0
    for _ in range(PATIENCE):
        found = _processes(directory, jobs)
        none = 0 if found else none + 1
        if none == sure:
            return
        for process in found:
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                continue
        time.sleep(PAUSE)


def _processes(directory: str, sessions: set[int] | frozenset[int]) -> list[int]:
    """The processes of this user that belong to jobs; none on systems without /proc."""
    homes = [b"\0%s=%s/" % (name, os.fsencode(directory)) for name in (b"HOME", b"TMPDIR")]
    found: list[int] = []
    try:
        numbers = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return found
    for number in numbers:
        try:
            if os.stat(f"/proc/{number}").st_uid != os.geteuid():
                continue
            state, _, _, session = _content(f"/proc/{number}/stat").rpartition(b")")[2].split()[:4]
            environment = b"\0" + _content(f"/proc/{number}/environ")
        except OSError:
            continue
        if state != b"Z" and (int(session) in sessions or any(home in environment for home in homes)):
            found.append(int(number))
    return found


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def remove_tree(place: str | os.PathLike[str]) -> None:
    """Remove the directory, even if a job made parts of it read-only."""
    import shutil  # slow to import, and a regular end does not need it

    shutil.rmtree(place, ignore_errors=True)
    if os.path.exists(place):
        for folder, names, _ in os.walk(place):
            for path in (os.path.join(folder, name) for name in names):
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
