"""The scenarios by name, in their full size and in a quick one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import SubprocessError

from . import idle, jobruns, servers, startup, transfers
from .bags import Load
from .measure import Failed
from .peers import compared
from .results import ONE_BY_ONE, PACKED, Figures, GrowthFigures, Outcome, Way
from .transfers import FileSet

Tell = Callable[[str], None]
KIB, MIB, GIB = 1024, 1024**2, 1024**3
BANDWIDTH = 60  # MB/s of a connection, for large files and with latency


@dataclass(frozen=True)
class Choice:
    """What the command line asks for."""

    lab: Path | None
    endpoint: str | None
    repeat: int
    quick: bool


@dataclass(frozen=True)
class Bag:
    """Runs of a bag on the lab."""

    full: Load
    quick: Load
    limits: str = ""  # of the lab; "": the quotas of AWS
    repeat: int = 99  # at most: half an hour is long enough once
    needs_lab: bool = True

    def run(self, choice: Choice) -> Iterator[Figures]:
        load = self.quick if choice.quick else self.full
        for _ in range(min(choice.repeat, self.repeat)):
            yield jobruns.run(load, self._server(choice, load))

    def _server(self, choice: Choice, load: Load) -> AbstractContextManager[str]:
        return _lab(choice, load, self.limits)


@dataclass(frozen=True)
class Basic(Bag):
    """Runs of a bag on the embedded AWS, or on any endpoint."""

    needs_lab: bool = False

    def _server(self, choice: Choice, _: Load) -> AbstractContextManager[str]:
        return nullcontext(choice.endpoint) if choice.endpoint else servers.embedded()


@dataclass(frozen=True)
class Idle:
    """A run whose jobs are all under way, and none ends."""

    lab: tuple[str, ...]

    full: tuple[Load, float] = (Load(10_000, 86_400), 60.0)
    quick: tuple[Load, float] = (Load(100, 86_400), 5.0)
    repeat: int = 99
    needs_lab: bool = True

    def run(self, choice: Choice) -> Iterator[Figures]:
        assert choice.lab is not None
        load, seconds = self.quick if choice.quick else self.full
        options = ("--job-time", f"const:{load.seconds}", "--limits", "off", *self.lab)
        for _ in range(min(choice.repeat, self.repeat)):
            yield idle.run(load, seconds, servers.lab(choice.lab, *options))


@dataclass(frozen=True)
class Peers:
    """The same bag run by this tool and by others."""

    full: tuple[int, float] = (300, 5)  # jobs, of so many seconds
    quick: tuple[int, float] = (8, 2)
    needs_lab: bool = True

    def run(self, choice: Choice) -> Iterator[Figures]:
        load = Load(*(self.quick if choice.quick else self.full))
        yield from compared.run(load, choice.repeat, lambda: _lab(choice, load))


@dataclass(frozen=True)
class Growth:
    """Larger and larger bags of the same jobs, one by one and packed."""

    full: tuple[int, ...] = (100, 1000, 10_000, 100_000)
    quick: tuple[int, ...] = (10, 100)
    once_from: int = 10_000  # jobs: the larger bags take long
    needs_lab: bool = True

    def run(self, choice: Choice) -> Iterator[Figures]:
        for jobs in self.quick if choice.quick else self.full:
            for _ in range(choice.repeat if jobs < self.once_from else 1):
                for how in (ONE_BY_ONE, PACKED):
                    load = Load(jobs, 1, packed=how == PACKED)
                    one = jobruns.run(load, _lab(choice, load))
                    yield GrowthFigures(how, jobs, one.makespan, one.cpu, one.memory, (one.calls or 0) * jobs)


@dataclass(frozen=True)
class Start:
    """Starts of --help."""

    needs_lab: bool = False

    def run(self, choice: Choice) -> Iterator[Figures]:
        for _ in range(choice.repeat):
            yield startup.run()


@dataclass(frozen=True)
class Transfers:
    """The same files moved by this tool and by others, without latency or with that of the lab."""

    way: Way
    needs_lab: bool = False  # and is made with its latency

    full: tuple[FileSet, ...] = (
        FileSet(1, 2 * GIB),
        FileSet(1000, MIB),
        FileSet(5000, 16 * KIB),
    )
    quick: tuple[FileSet, ...] = (
        FileSet(1, 64 * MIB),
        FileSet(50, MIB),
        FileSet(200, 16 * KIB),
    )

    def run(self, choice: Choice) -> Iterator[Figures]:
        for of in self.quick if choice.quick else self.full:
            server: transfers.Server = servers.rclone
            network = ""
            if self.needs_lab:
                assert choice.lab is not None
                bandwidth = ("--bandwidth", str(BANDWIDTH)) if of.size >= GIB else ()
                server = partial(servers.lab, choice.lab, "--s3-store", "disk", *bandwidth)
                network = f"{servers.LATENCY} ms"
            yield from transfers.run(self.way, of, choice.repeat, server, network)


def _lab(choice: Choice, load: Load, limits: str = "") -> AbstractContextManager[str]:
    """The lab, whose jobs take as long as the load says."""
    assert choice.lab is not None
    return servers.lab(choice.lab, "--job-time", f"const:{load.seconds}", "--limits", limits)


Scenario = Bag | Idle | Start | Transfers | Peers | Growth

SCENARIOS: dict[str, Scenario] = {
    "help": Start(),
    "basic": Basic(Load(300, 0), Load(50, 0)),
    "jobs-1000x5s": Bag(Load(1000, 5, lines=10), Load(100, 2, lines=10)),
    "jobs-5000x60s": Bag(Load(5000, 60), Load(200, 5)),
    "clients-8": Bag(Load(250, 5, clients=8), Load(15, 2, clients=8)),
    "clients-32": Bag(Load(250, 5, clients=32), Load(5, 2, clients=32), repeat=1),
    "shared-file": Bag(Load(1000, 5, input_bytes=30_000_128), Load(50, 2, input_bytes=3_000_064)),
    "log-2GB": Bag(Load(1, 5, lines=2_000_000, line_bytes=980), Load(1, 2, lines=50_000, line_bytes=980)),
    "idle-10000": Idle(("--vcpus", "1")),  # all but one wait
    "running-10000": Idle((), repeat=1),  # all run
    "array-10000x10s": Bag(Load(10_000, 10, packed=True), Load(300, 2, packed=True)),
    "array-100000x1s": Bag(Load(100_000, 1, packed=True), Load(400, 1, packed=True), repeat=1),
    "diamond-1000": Bag(Load(1000, 1, order="diamond"), Load(60, 1, order="diamond")),
    "chain-200": Bag(Load(200, 1, order="chain"), Load(10, 1, order="chain"), repeat=1),
    "uploads": Transfers("sent"),
    "uploads-far": Transfers("sent", needs_lab=True),
    "results": Transfers("fetched"),
    "results-far": Transfers("fetched", needs_lab=True),
    "peers": Peers(),
    "growth": Growth(),
    "jobs-100000x1s": Bag(Load(100_000, 1), Load(300, 1), limits="off", repeat=1),
}


def run(name: str, choice: Choice, tell: Tell) -> Outcome:
    """Run a scenario as often as it is asked for, or until it fails."""
    runs: list[Figures] = []
    failure = None
    try:
        for figures in SCENARIOS[name].run(choice):
            runs.append(figures)
            tell(f"{name}: {figures.headline}")
    except (Failed, OSError, SubprocessError) as error:
        failure = " / ".join(filter(None, map(str.strip, str(error).splitlines())))
        tell(f"{name}: FAILED: {failure}")
    return Outcome(name, tuple(runs), failure)
