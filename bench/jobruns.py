"""Runs of a bag by one client or by several at once."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import bags, servers
from .bags import Load
from .measure import NAME, TOOL, Failed, Measured, Usage, environment, helper
from .results import MB, JobFigures

PATIENCE = 120.0, 3.0  # s, and times the bound
MINUTE = 60.0  # s
CHILDREN = 10_000  # of an array job, at most
LOGS = ("getlogevents", "filterlogevents", "describelogstreams", "deletelogstream")
STS = ("getcalleridentity",)
BATCH = ("job", "computeenvironment")  # in the names of Batch's APIs; what remains is of S3


@dataclass(frozen=True)
class Client:
    """One of the clients of a run: its number, and the directory that it runs in."""

    number: int
    directory: Path
    packed: bool

    def start(self, endpoint: str) -> Measured:
        """Start the tool on the client's bag."""
        place = f"s3://{NAME}/client-{self.number}"
        words = ["bag.in", "-j", NAME, "-q", NAME, "-s", place, "-m", "all", "-L", "warn"]
        words += ["--array", "always" if self.packed else "never"]
        return Measured([*TOOL, *words], environment(endpoint), self.directory)


def clients(load: Load, top: Path) -> list[Client]:
    """The clients, each with its bag."""
    made = []
    for number in range(load.clients):
        client = Client(number, top / f"client-{number}", load.packed)
        client.directory.mkdir()
        bags.write(load, number, client.directory)
        made.append(client)
    return made


def prepare(endpoint: str) -> None:
    """Make the bucket and the entities, and let the server forget that."""
    helper("entities", "--batch", endpoint=endpoint)
    servers.forget(endpoint)


def run(load: Load, server: AbstractContextManager[str]) -> JobFigures:
    """Run the bag on the server, and verify every line of its output. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="bench-") as top, server as endpoint:
        prepare(endpoint)
        here = clients(load, Path(top))
        usages, early = _run_all(load, here, endpoint)
        seen = servers.stats(endpoint)
        own = [
            bags.verify(load, client.number, client.directory / "all.out", client.directory / "all.err")
            for client in here
        ]
        wanted = -(-load.all_jobs // CHILDREN) if load.packed else load.all_jobs
        if seen is not None and (taken := _taken(seen["apis"]["submitjob"])) != wanted:
            raise Failed(f"{taken} jobs were submitted, not {wanted}")
        noticed = _noticed(here, servers.stops(endpoint))
    return _figures(load, usages, seen, early, max(own), noticed)


def _run_all(load: Load, here: list[Client], endpoint: str) -> tuple[list[Usage], dict[str, Any] | None]:
    """Run the clients at the same time; also gives what the server has seen after a minute, if they run so long."""
    begin = time.monotonic()
    deadline = begin + PATIENCE[0] + PATIENCE[1] * load.bound
    with ExitStack() as stack:
        running = [stack.enter_context(client.start(endpoint)) for client in here]
        late = [process.runs_at(begin + MINUTE) for process in running]
        early = servers.stats(endpoint) if any(late) else None
        return [process.finish(deadline) for process in running], early


def _figures(
    load: Load,
    usages: list[Usage],
    seen: Mapping[str, Any] | None,
    early: Mapping[str, Any] | None,
    own: float,
    noticed: float | None,
) -> JobFigures:
    first = seen["apis"]["submitjob"]["first"] if seen else min(usage.begin for usage in usages)
    per_job = {service: count / load.all_jobs for service, count in calls(seen).items()} if seen else {}
    refused = throttled(seen) if seen else None
    return JobFigures(
        jobs=load.all_jobs,
        bound=load.bound,
        makespan=max(usage.end for usage in usages) - first,
        own=own,
        batch=per_job.get("batch"),
        logs=per_job.get("logs"),
        s3=per_job.get("s3"),
        sts=per_job.get("sts"),
        throttled=refused,
        throttled_later=None if refused is None else refused - throttled(early) if early else 0,
        cpu=sum(usage.cpu for usage in usages),
        memory=max(usage.memory for usage in usages) / MB,
        sent=seen["bytes_in"] / MB if seen else None,
        noticed=noticed,
    )


def _taken(entry: Mapping[str, int]) -> int:
    """The calls of an API that were neither throttled nor refused."""
    return entry["calls"] - entry["throttled"] - entry["errors"]


def calls(seen: Mapping[str, Any]) -> dict[str, int]:
    """The calls of each service that a server has seen."""
    counts = dict.fromkeys(("batch", "logs", "s3", "sts"), 0)
    for api, entry in seen["apis"].items():
        counts[_service(api)] += entry["calls"]
    return counts


def _service(api: str) -> str:
    if api in LOGS:
        return "logs"
    if api in STS:
        return "sts"
    return "batch" if any(part in api for part in BATCH) else "s3"


def throttled(seen: Mapping[str, Any]) -> int:
    """The calls that a server has refused."""
    return sum(entry["throttled"] for entry in seen["apis"].values())


def _noticed(here: list[Client], stops: Mapping[str, int]) -> float | None:
    """How long after the end of a job the jobstate log says so, at worst, in seconds."""
    delays = [
        (int(at) - stops[aws_id]) / 1000
        for client in here
        for at, _, state, aws_id in map(str.split, (client.directory / "bag.jobstate.log").open())
        if state in ("SUCCEEDED", "FAILED") and aws_id in stops
    ]
    return max(delays, default=None)
