"""What the project wants to reach, and whether it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .results import (
    Figures,
    GrowthFigures,
    IdleFigures,
    JobFigures,
    Outcome,
    StartFigures,
    TransferFigures,
    Way,
    medians,
)
from .transfers import AWS, PEERS, S5CMD, THIS

KIB, MIB, GIB = 1024, 1024**2, 1024**3


@dataclass(frozen=True)
class Target:
    """A figure and its limit."""

    scenario: str
    what: str
    limit: float
    measured: float
    at_most: bool = True

    @property
    def reached(self) -> bool:
        return self.measured <= self.limit if self.at_most else self.measured >= self.limit


MAKESPAN, CALLS, CPU = 1.15, 1.3, 6.0  # times the bound; per job; s per 1,000 jobs
MEMORY = {"jobs-5000x60s": 150.0, "jobs-100000x1s": 300.0, "array-100000x1s": 300.0}  # MB
PACKED, REFUSED = 200.0, 5.0  # s for 100,000 jobs; % of the calls of many clients
NOTICED = {"jobs-1000x5s": 5.0}  # s
TIMES = {  # as fast as others, without latency and with it, by the size of the files (bytes)
    16 * KIB: {S5CMD: (0.7, 0.8), AWS: (2.0, 8.0)},
    MIB: {S5CMD: (0.8, 0.9), AWS: (1.0, 1.0)},
    2 * GIB: {S5CMD: (0.8, 1.0), AWS: (1.0, 1.0)},
}
EACH = 1.2  # times the CPU of a job in a smaller bag
SENT = 30.0 * 1.2  # MB, with what the requests themselves take


def targets(outcomes: Iterable[Outcome]) -> list[Target]:
    """All targets of the scenarios that were measured."""
    return [target for outcome in outcomes for target in _targets(outcome)]


def _targets(outcome: Outcome) -> Iterator[Target]:
    name, runs = outcome.scenario, outcome.runs
    if jobs := [run for run in runs if isinstance(run, JobFigures)]:
        yield from _of_jobs(name, medians(jobs))
    elif waits := [run for run in runs if isinstance(run, IdleFigures)]:
        yield Target(name, "DescribeJobs calls a second", 2, medians(waits).describes)
    elif starts := [run for run in runs if isinstance(run, StartFigures)]:
        yield Target(name, "CPU s", 0.15, medians(starts).cpu)
        yield Target(name, "imported modules of boto3, botocore, rich", 0, medians(starts).heavy)
    elif bags := [run for run in runs if isinstance(run, GrowthFigures)]:
        yield from _of_growth(name, bags)
    else:
        for what, by_peer in by_files(runs).items():
            yield from _of_transfers(name, what, by_peer)


def _of_jobs(name: str, run: JobFigures) -> Iterator[Target]:
    if name in ("jobs-1000x5s", "jobs-5000x60s"):
        yield Target(name, "makespan / bound", MAKESPAN, run.ratio)
        yield Target(name, "CPU s per 1,000 jobs", CPU, run.cpu_per_1000)
    if name == "jobs-5000x60s":
        yield Target(name, "calls per job", CALLS, run.calls or 0)
        yield Target(name, "throttled after the first minute", 0, run.throttled_later or 0)
    if name == "array-10000x10s":
        yield Target(name, "makespan / bound", 1.0, run.ratio)
    if name == "array-100000x1s":
        yield Target(name, "makespan s", PACKED, run.makespan)
    if name.startswith("clients-"):
        yield Target(name, "makespan / bound", MAKESPAN, run.ratio)
        yield Target(name, "refused calls %", REFUSED, 100 * (run.throttled or 0) / (run.jobs * (run.calls or 1)))
    if name in MEMORY:
        yield Target(name, "peak memory MB", MEMORY[name], run.memory)
    if name in NOTICED and run.noticed is not None:
        yield Target(name, "end of a job noticed within s", NOTICED[name], run.noticed)
    if name == "shared-file":
        yield Target(name, "sent MB", SENT, run.sent or 0)


def _of_growth(name: str, runs: Sequence[GrowthFigures]) -> Iterator[Target]:
    """What a job costs in the largest bag, by what it costs in the one before: work that grows faster than the bag."""
    for how in dict.fromkeys(run.how for run in runs):
        cost = {run.jobs: run.cpu / run.jobs for run in runs if run.how == how}
        if len(cost) > 1:
            few, many = sorted(cost)[-2:]
            what = f"{how}: CPU of each of {many:,} jobs, times that of {few:,}"
            yield Target(name, what, EACH, cost[many] / cost[few])


def by_files(runs: Sequence[Figures]) -> dict[str, dict[str, TransferFigures]]:
    """The medians of what was moved, by files and peer; without files that not all peers have moved."""
    found: dict[tuple[Way, str], dict[str, list[TransferFigures]]] = {}
    for run in runs:
        if isinstance(run, TransferFigures):
            found.setdefault((run.way, run.what), {}).setdefault(run.peer, []).append(run)
    return {
        what: {peer: medians(by_peer[peer]) for peer in PEERS[way]}
        for (way, what), by_peer in found.items()
        if by_peer.keys() == set(PEERS[way])
    }


def _of_transfers(name: str, what: str, by_peer: Mapping[str, TransferFigures]) -> Iterator[Target]:
    own = by_peer[THIS]
    for peer, (near, far) in TIMES.get(own.size, {}).items():
        times = by_peer[peer].seconds / own.seconds
        yield Target(name, f"{what}: times as fast as {peer}", far if own.network else near, times, at_most=False)
