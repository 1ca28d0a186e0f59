"""One bag of jobs, run by each client in its turn on a server that has nothing else to do."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from subprocess import SubprocessError
from typing import Any

from .. import jobruns, servers
from ..bags import Load
from ..measure import NAME, Failed, Measured, Usage, environment
from ..results import MB, PeerFigures
from .known import OWN, Peer, peers
from .played import Played

PATIENCE = 300.0, 10.0  # s, and s for each job
PRINTED = re.compile(r"(\S+) out (\d+)$")
OURS_ALONE = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")  # of the variables that the benchmark gives

Server = Callable[[], AbstractContextManager[str]]


def run(load: Load, repeats: int, server: Server) -> Iterator[PeerFigures]:
    """Let each client run the bag, in another order each time. One that fails does not run again, and at the end, that
    raises Failed."""
    everyone = peers(load)
    failed: dict[str, Exception] = {}
    for repeat in range(repeats):
        first = repeat % len(everyone)
        for peer in [*everyone[first:], *everyone[:first]]:
            if peer.name not in failed:
                try:
                    yield _run(peer, load, server)
                except (Failed, OSError, SubprocessError) as error:
                    failed[peer.name] = error
                    print(f"{peer.name}: {error}", file=sys.stderr, flush=True)
    if failed:
        raise Failed("\n".join(f"{name}: {error}" for name, error in failed.items()))


def _run(peer: Peer, load: Load, server: Server) -> PeerFigures:
    programs = peer.programs
    with tempfile.TemporaryDirectory(prefix="bench-") as top, ExitStack() as stack:
        here = Path(top)
        peer.prepare(load, here)
        endpoint = stack.enter_context(server())
        jobruns.prepare(endpoint)
        played = stack.enter_context(Played(endpoint, peer.writes)) if peer.writes else None
        with Measured(peer.command, _environment(peer, programs, load, endpoint, here), here) as process:
            usage = process.finish(time.monotonic() + PATIENCE[0] + PATIENCE[1] * load.jobs, status=None)
            said = process.output
        lost = load.jobs - complete(path.read_text(errors="replace") for path in here.glob("*.out"))
        if lost == load.jobs or (usage.status and not lost):
            raise Failed(f"{lost} jobs lost, exit status {usage.status}: {said}")
        seen = servers.stats(endpoint)
        if seen is None:
            raise Failed("the server keeps no account of the calls")
        if played:
            played.check()
        submitted = sum("size" not in (job["array"] or {}) for job in servers.jobs(endpoint))
        return _figures(peer, load, usage, seen, lost, submitted, played.calls if played else 0)


def _environment(peer: Peer, programs: Path, load: Load, endpoint: str, home: Path) -> dict[str, str]:
    """What a client sees: the endpoint, the names of what is there, and a home with nothing in it."""
    env = environment(endpoint)
    if peer.name in OWN:
        return env
    return {name: value for name, value in env.items() if name not in OURS_ALONE} | {
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "HOME": str(home),
        "JOBS": str(load.jobs),
        "IMAGE": "busybox",
        **dict.fromkeys(("QUEUE", "NEXTSTRAIN_AWS_BATCH_QUEUE"), NAME),
        **dict.fromkeys(("DEFINITION", "NEXTSTRAIN_AWS_BATCH_JOB"), NAME),
        "NEXTSTRAIN_AWS_BATCH_S3_BUCKET": NAME,
    }


def complete(outputs: Iterable[str]) -> int:
    """How many jobs have all lines of their stdout in these texts, once each and in their order."""
    lines: dict[str, list[int]] = {}
    for output in outputs:
        for line in output.splitlines():
            if found := PRINTED.search(line):
                lines.setdefault(found[1], []).append(int(found[2]))
    return Counter(map(tuple, lines.values()))[tuple(range(Load(1, 0).lines))]


def _figures(
    peer: Peer, load: Load, usage: Usage, seen: dict[str, Any], lost: int, submitted: int, calls_of_jobs: int
) -> PeerFigures:
    return PeerFigures(
        client=peer.name,
        jobs=load.jobs,
        bound=load.bound,
        makespan=usage.seconds,
        calls=(sum(jobruns.calls(seen).values()) - calls_of_jobs) / load.jobs,
        refused=jobruns.throttled(seen),
        cpu=usage.cpu,
        memory=usage.memory / MB,
        lost=lost,
        again=max(submitted - load.jobs, 0),
    )
