"""Many runs of a kind, each cut short and started again: `python tests/chaos/chaos.py --kind kills --runs 100`.

Some of their starts are killed, or stopped by signals, or the way to AWS is cut, or AWS answers oddly. Each run is
checked for what a user relies on: no job is lost, none runs twice, every log line is in its place, nothing is left
behind.

Of the kind `points`, each run is cut short at another one of its calls. These are of each case and mode all, or those
that are named, or a number of them that the seed chooses: `--kind points --case packed --mode torn --points 1-200`.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

if __name__ == "__main__":
    _TESTS = Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(_TESTS), str(_TESTS.parent / "lib")]

from chaos.answers import ODD, AnswersRun
from chaos.outage import OutageRun
from chaos.points import CASES, MODES, Point, PointRun
from chaos.run import Outcome, Run
from chaos.server import USUAL
from chaos.shape import Shape
from chaos.signals import SignalRun
from helpers import processes

KINDS: dict[str, type[Run]] = {"kills": Run, "signals": SignalRun, "outage": OutageRun, "answers": AnswersRun}
FAULTS = {"answers": ODD}
HURRIES = {"outage": 1.0}  # what waits are multiplied by; the outage is to be noticed
HURRY = 0.2
OWN_ENDS = ("exit 0", "exit 1", "exit 2", "exit 3")  # of starts that were not cut short
COUNTED = ("lost", "twice", "lines", "left")  # kinds of problems that are told even if there are none


class Tally:
    """Tells how the runs went, and keeps the directories of those that went wrong."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._problems: Counter[str] = Counter()
        self.runs = self.failed = self._cut = 0
        self.stop = False  # nothing more is begun

    def take(self, outcome: Outcome, place: Path, again: str) -> None:
        """Count a run, and tell what went wrong. `again`: the words that make the same run."""
        self.runs += 1
        self._problems += outcome.problems
        self._cut += sum(start not in OWN_ENDS for start in outcome.starts)
        if not outcome.problems:
            shutil.rmtree(place)
            return
        self.failed += 1
        for line in outcome.told[:10]:
            print(f"          {line}")
        print(f"          kept in {place}; again with {again}", flush=True)

    def close(self) -> int:
        """Tell the sum; the exit status."""
        if not self.failed:
            shutil.rmtree(self._top, ignore_errors=True)
        problems = self._problems
        others = "".join(f", {n} {kind}" for kind, n in problems.items() if kind not in COUNTED)
        print(
            f"{self.runs} runs, {self._cut} times killed or stopped: {problems['lost']} lost, "
            f"{problems['twice']} twice, {problems['lines']} wrong logs, {problems['left']} left behind{others}; "
            f"{self.failed} runs failed"
        )
        return 1 if self.failed else 0


def play_seeds(options: argparse.Namespace, top: Path, tally: Tally) -> None:
    """Runs that follow from their seeds."""
    kind = options.kind

    def one(seed: int) -> Outcome | None:
        if tally.stop:
            return None
        place = top / f"seed-{seed}"
        place.mkdir()
        shape = Shape.drawn(seed, options.jobs, packs=kind in ("kills", "answers"))
        faults = options.faults or FAULTS.get(kind, USUAL)
        return KINDS[kind](place, shape, faults, hurry=HURRIES.get(kind, HURRY)).play()

    with ThreadPoolExecutor(options.parallel) as pool:
        for outcome in pool.map(one, range(options.seed, options.seed + options.runs)):
            if outcome is None:
                continue
            print(_row(outcome), flush=True)
            seed = outcome.shape.seed
            tally.take(outcome, top / f"seed-{seed}", f"--kind {kind} --runs 1 --jobs {options.jobs} --seed {seed}")


def _row(outcome: Outcome) -> str:
    verdict = "ok" if not outcome.problems else ", ".join(f"{n} {kind}" for kind, n in outcome.problems.items())
    shape, starts = outcome.shape, ", ".join(outcome.starts)
    return f"{shape.seed:>6} {shape!s:<43} {outcome.seconds:6.1f} s {outcome.faults:4} faults  {verdict:<12} {starts}"


def play_points(options: argparse.Namespace, top: Path, tally: Tally) -> None:
    """Runs that are cut short at a call."""
    cases, modes = options.case or list(CASES), options.mode or list(MODES)
    met: dict[str, Counter[str]] = {case: Counter() for case in cases}

    def one(point: Point) -> tuple[Point, PointRun, Outcome] | None:
        if tally.stop:
            return None
        place = top / str(point).replace(" ", "-")
        place.mkdir()
        run = PointRun(place, options.seed, point)
        return point, run, run.play()

    def all_of(points: Iterable[Point], note: Callable[[Point, PointRun], None]) -> None:
        for played in pool.map(one, points):
            if played is None:
                continue
            point, run, outcome = played
            note(point, run)
            if outcome.problems:
                call = run.calls[point.number - 1] if run.reached else "the end"
                print(f"{point}, {call}: {', '.join(outcome.starts)}", flush=True)
            words = f"--kind points --case {point.case} --mode {point.mode} --points {point.number}"
            tally.take(outcome, top / str(point).replace(" ", "-"), f"{words} --seed {options.seed}")

    def count(point: Point, run: PointRun) -> None:
        met[point.case][point.mode if run.reached else "not reached"] += 1

    numbers: dict[str, int] = {}

    def learn(point: Point, run: PointRun) -> None:
        numbers[point.case] = len(run.calls)

    with ThreadPoolExecutor(options.parallel) as pool:
        if options.points is None:
            all_of((Point(case, modes[0], 0) for case in cases), learn)
        chosen = [
            Point(case, mode, number)
            for case in cases
            for mode in modes
            for number in options.points or range(1, numbers.get(case, 0) + 1)
        ]
        if options.runs < len(chosen) and options.points is None:
            chosen = random.Random(options.seed).sample(chosen, options.runs)
        all_of(chosen, count)
    for case in cases:
        calls = f" of {numbers[case]} calls" if case in numbers else ""
        print(f"{case:<15} {', '.join(f'{n} {what}' for what, n in sorted(met[case].items()))}{calls}")


def _numbers(text: str) -> list[int]:
    """The numbers in `1-200`, `1-200/7` or `5,17`."""

    def each() -> Iterator[int]:
        for part in text.split(","):
            ends, _, step = part.partition("/")
            first, _, last = ends.partition("-")
            yield from range(int(first), int(last or first) + 1, int(step or 1))

    return list(each())


def main() -> int:
    """Make all runs, and say how they went."""
    parser = argparse.ArgumentParser(description="Runs that are cut short and started again, before a failing AWS.")
    parser.add_argument("--kind", choices=[*KINDS, "points"], default="kills", help="what cuts them short")
    parser.add_argument("--runs", type=int, default=100, help="of points: at most, chosen by the seed")
    parser.add_argument("--jobs", type=int, default=60, help="of each run; not of points, whose runs are small")
    parser.add_argument("--parallel", type=int, default=3, help="runs at the same time")
    parser.add_argument("--seed", type=int, default=0, help="of the first run; each next one has the next seed")
    parser.add_argument("--faults", help="operation:kind@probability, comma separated; not of points")
    points = parser.add_argument_group("points")
    points.add_argument("--case", choices=CASES, action="append", help="of runs; all by default")
    points.add_argument("--mode", choices=MODES, action="append", help="what happens at a call; all by default")
    points.add_argument("--points", type=_numbers, help="numbers of calls, as 1-200, 1-200/7 or 5,17")
    options = parser.parse_args()
    top = Path(tempfile.mkdtemp(prefix="chaos-"))
    tally = Tally(top)

    def stop(*_: object) -> None:
        tally.stop = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with processes.forking():
        (play_points if options.kind == "points" else play_seeds)(options, top, tally)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
