"""What a run is like, and what its jobs do. All of it follows from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from helpers.records import SEPARATOR

FIRST = '[ "$(wc -c <"$ran")" -eq 1 ]'  # in the script of a job: it runs for the first time


@dataclass(frozen=True)
class Shape:
    """What a run is like."""

    seed: int
    jobs: int
    makes_entities: bool = False
    merged: bool = False
    own_bucket: bool = False
    large_file: bool = False
    packed: bool = False  # its jobs are sent as an array job
    chained: bool = False  # each job depends on the one before
    pauses: bool = False  # some jobs take seconds
    fails_first: bool = False  # each other job fails when it runs for the first time
    runs_out: bool = False  # it runs out of memory then
    results: bool = False  # each job has outputs, and takes one of the job before
    waits_first: bool = False  # all jobs wait for the file `gate` when they run for the first time

    @classmethod
    def drawn(cls, seed: int, jobs: int, *, packs: bool = True) -> Shape:
        """The shape that follows from a seed. With `packs`, half of the seeds send their jobs as an array
        job, and one in ten has results."""
        return cls(
            seed,
            jobs,
            makes_entities=seed % 2 == 0,
            merged=seed // 2 % 2 == 0,
            own_bucket=seed // 4 % 2 == 0,
            large_file=seed % 3 == 0,
            packed=packs and seed // 8 % 2 == 1,
            results=packs and seed % 10 == 1,  # else a signal makes AWS fail what waits for others
            pauses=True,
        )

    @property
    def names(self) -> list[str]:
        """The names of the jobs."""
        return [f"job-{n:03d}" for n in range(1, self.jobs + 1)]

    @property
    def failing(self) -> list[str]:
        """The names of the jobs that fail at first."""
        return self.names[::2] if self.fails_first else []

    @property
    def bucket(self) -> str:
        """The bucket that the user names for the inputs, if the run has no bucket of its own."""
        return "kept"

    @property
    def key_prefix(self) -> str:
        """What their keys begin with there."""
        return "some/dir/"

    def text(self, name: str) -> tuple[list[str], list[str]]:
        """The lines that a job writes to stdout and to stderr."""
        chance = random.Random(f"{self.seed}:{name}")
        out, err = (chance.randint(0, 12) for _ in range(2))
        return [f"{name} out {n}" for n in range(out)], [f"{name} err {n}" for n in range(err)]

    def outputs(self, name: str) -> dict[str, str]:
        """The results of a job, by their paths."""
        return {f"{name}.txt": f"of {name}\n", "plots/a, b.txt": f"plot of {name}\n"} if self.results else {}

    def files(self, number: int) -> dict[str, object]:
        """The fields of a job, by its number from 0, that say what it takes and gives."""
        if not self.results:
            return {}
        before = self.names[number - 1] if number else None
        has_one = number % 4 and before not in self.failing  # in chains that are not too long for the patience of a run
        taken = [f"job:{before}/{before}.txt"] if has_one else []
        return {"inputs": taken, "outputs": [f"*{self.names[number][-3:]}.txt", "plots/"]}

    def script(self, name: str, ran: Path) -> str:
        """A job: its one side effect on the disk, a byte in a file of the directory `ran`, then its lines."""
        out, err = self.text(name)
        lines = [f"ran='{ran / name}'", 'printf x >>"$ran"', *(f"echo '{line}'" for line in out)]
        if self.pauses:
            lines.append(f"sleep {random.Random(f'{self.seed}:{name}:pause').choice((0, 0, 0.2, 1, 3))}")
        if self.waits_first:
            lines.append(f"if {FIRST}; then while [ ! -e '{ran.parent / 'gate'}' ]; do sleep 0.05; done; fi")
        if self.results:
            lines.append("if [ -e job-*.txt ]; then rm job-*.txt || exit 9; fi; mkdir -p plots")
            lines += [f"printf '{text[:-1]}\\n' >'{path}'" for path, text in self.outputs(name).items()]
        lines += [f"echo '{SEPARATOR}'", *(f"echo '{line}'" for line in err)]
        if name in self.failing:
            lines.append(f"if {FIRST}; then exit {137 if self.runs_out else 1}; fi")
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        return " ".join(
            (
                "made" if self.makes_entities else "existing",
                "merged" if self.merged else "per-job",
                "own-bucket" if self.own_bucket else "named-bucket",
                *(("large",) if self.large_file else ()),
                *(("packed",) if self.packed else ()),
                *(("results",) if self.results else ()),
            )
        )
