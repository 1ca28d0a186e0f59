"""What was measured: frozen figures of single runs, and their medians."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import median
from typing import Any, Literal, TypeVar

Way = Literal["sent", "fetched"]  # of files, to S3 or from it

MB = 1e6  # bytes
ONE_BY_ONE, PACKED = "one by one", "packed"
UNITS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


@dataclass(frozen=True)
class JobFigures:
    """A run of a bag. What is None the server does not tell."""

    jobs: int
    bound: float  # s, set by the quotas and the jobs themselves
    makespan: float  # s, from the first SubmitJob to the end of the last process
    own: float  # s, what the run itself says; the longest, of several clients
    batch: float | None  # calls per job
    logs: float | None
    s3: float | None
    sts: float | None
    throttled: int | None  # calls
    throttled_later: int | None  # those of them after the first minute
    cpu: float  # s, user and system, of all clients
    memory: float  # MB at the peak, of the largest client
    sent: float | None  # MB
    noticed: float | None  # s from a job's end until the tool knew, at worst

    @property
    def headline(self) -> str:
        return f"{self.makespan:.1f} s, bound {self.bound:.1f} s"

    @property
    def ratio(self) -> float:
        return self.makespan / self.bound

    @property
    def cpu_per_1000(self) -> float:
        return self.cpu * 1000 / self.jobs

    @property
    def calls(self) -> float | None:
        """All calls per job."""
        known = [count for count in (self.batch, self.logs, self.s3, self.sts) if count is not None]
        return sum(known) if known else None


@dataclass(frozen=True)
class IdleFigures:
    """A run whose jobs all wait."""

    jobs: int
    seconds: float
    cpu: float  # s
    describes: float  # DescribeJobs calls a second
    calls: float  # all calls a second
    memory: float  # MB at the peak

    @property
    def headline(self) -> str:
        return f"{self.cpu:.2f} s of CPU in {self.seconds:.0f} s"


@dataclass(frozen=True)
class StartFigures:
    """--help."""

    cpu: float  # s, median of several starts
    seconds: float
    memory: float  # MB at the peak
    modules: int  # that are imported
    heavy: int  # of those, the ones that a start must do without

    @property
    def headline(self) -> str:
        return f"{self.cpu:.3f} s of CPU"


@dataclass(frozen=True)
class TransferFigures:
    """A client that moves some files, from its start to its end."""

    way: Way
    network: str  # in a few words; empty if it adds nothing
    files: int
    size: int  # bytes of each
    peer: str
    seconds: float
    cpu: float  # s
    memory: float  # MB at the peak, of the largest process

    @property
    def what(self) -> str:
        """The files, in short."""
        unit, name = next((unit, name) for unit, name in UNITS if self.size >= unit)
        return ", ".join(filter(None, [f"{self.files:,} x {self.size / unit:g} {name} {self.way}", self.network]))

    @property
    def headline(self) -> str:
        return f"{self.what} by {self.peer}: {self.seconds:.1f} s, {self.cpu:.1f} s of CPU"


@dataclass(frozen=True)
class PeerFigures:
    """A bag of jobs as one client or another runs it, from the client's start to its end."""

    client: str
    jobs: int
    bound: float  # s, set by the quotas and the jobs themselves, one by one
    makespan: float  # s, from the start of the process
    calls: float  # per job, by the server's account
    refused: int  # calls
    cpu: float  # s, user and system, with that of children
    memory: float  # MB at the peak, of the largest process
    lost: int  # jobs whose output is not there at the end
    again: int  # jobs that were submitted beyond one for each

    @property
    def headline(self) -> str:
        return (
            f"{self.client}: {self.makespan:.1f} s, {self.calls:.2f} calls a job, {self.cpu:.1f} s of CPU, "
            f"{self.lost} lost, {self.again} again"
        )


@dataclass(frozen=True)
class GrowthFigures:
    """A run of a bag, one of a row of larger and larger ones."""

    how: str  # ONE_BY_ONE or PACKED
    jobs: int
    makespan: float  # s
    cpu: float  # s
    memory: float  # MB at the peak
    calls: float  # in all

    @property
    def headline(self) -> str:
        return f"{self.jobs:,} {self.how}: {self.cpu:.1f} s of CPU, {self.memory:.0f} MB, {self.calls:,.0f} calls"


Figures = JobFigures | IdleFigures | StartFigures | TransferFigures | PeerFigures | GrowthFigures
Same = TypeVar("Same", JobFigures, IdleFigures, StartFigures, TransferFigures, PeerFigures, GrowthFigures)
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Outcome:
    """All runs of a scenario, in their order."""

    scenario: str
    runs: tuple[Figures, ...]
    failure: str | None = None  # what ended them early

    def raw(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def runs_of(outcomes: Iterable[Outcome]) -> list[Figures]:
    """The runs of all scenarios."""
    return [run for outcome in outcomes for run in outcome.runs]


def medians_by(runs: Iterable[Figures], kind: type[Same], key: Callable[[Same], Key]) -> dict[Key, Same]:
    """The medians of all runs of one kind that have the same key, in the order of the first ones."""
    found: dict[Key, list[Same]] = {}
    for run in runs:
        if isinstance(run, kind):
            found.setdefault(key(run), []).append(run)
    return {one: medians(same) for one, same in found.items()}


def medians(runs: Sequence[Same]) -> Same:
    """The median of each figure; None where a run lacks it. What is no number is the same in all runs."""
    return type(runs[0])(
        **{field.name: _median([getattr(run, field.name) for run in runs]) for field in fields(runs[0])}
    )


def _median(values: list[Any]) -> Any:
    if None in values:
        return None
    return values[0] if isinstance(values[0], str) else median(values)
