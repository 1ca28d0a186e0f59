"""Many runs of a kind, each with a seed of its own: `python tests/chaos/chaos.py --kind kills --runs 100`.

Some of their starts are killed, or stopped by signals, or the way to AWS is cut. Each run is checked for what a user
relies on: no job is lost, none runs twice, every log line is in its place, nothing is left behind.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

if __name__ == "__main__":
    _TESTS = Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(_TESTS), str(_TESTS.parent / "lib")]

from chaos.outage import OutageRun
from chaos.run import Outcome, Run, Shape
from chaos.server import USUAL
from chaos.signals import SignalRun

KINDS: dict[str, type[Run]] = {"kills": Run, "signals": SignalRun, "outage": OutageRun}
COUNTED = ("lost", "twice", "lines", "left")  # kinds of problems that are told even if there are none


def _row(outcome: Outcome) -> str:
    verdict = "ok" if not outcome.problems else ", ".join(f"{n} {kind}" for kind, n in outcome.problems.items())
    shape, starts = outcome.shape, ", ".join(outcome.starts)
    return f"{shape.seed:>6} {shape!s:<43} {outcome.seconds:6.1f} s {outcome.faults:4} faults  {verdict:<12} {starts}"


def main() -> int:
    """Make all runs, and say how they went."""
    parser = argparse.ArgumentParser(description="Runs that are cut short and started again, before a failing AWS.")
    parser.add_argument("--kind", choices=KINDS, default="kills", help="what cuts them short")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=60, help="of each run")
    parser.add_argument("--parallel", type=int, default=3, help="runs at the same time")
    parser.add_argument("--seed", type=int, default=0, help="of the first run; each next one has the next seed")
    parser.add_argument("--faults", default=USUAL, help="operation:kind@probability, comma separated")
    options = parser.parse_args()
    top = Path(tempfile.mkdtemp(prefix="chaos-"))
    total: Counter[str] = Counter()
    failed = cut = 0

    def one(seed: int) -> Outcome:
        place = top / f"seed-{seed}"
        place.mkdir()
        shape = Shape(seed, options.jobs, packs=options.kind == "kills")
        return KINDS[options.kind](place, shape, options.faults).play()

    with ThreadPoolExecutor(options.parallel) as pool:
        for outcome in pool.map(one, range(options.seed, options.seed + options.runs)):
            print(_row(outcome), flush=True)
            total += outcome.problems
            cut += sum(not start.startswith("exit") for start in outcome.starts)
            place = top / f"seed-{outcome.shape.seed}"
            if not outcome.problems:
                shutil.rmtree(place)
                continue
            failed += 1
            for line in outcome.told[:10]:
                print(f"          {line}")
            again = f"--kind {options.kind} --runs 1 --jobs {options.jobs} --seed {outcome.shape.seed}"
            print(f"          kept in {place}; again with {again}", flush=True)
    if not failed:
        shutil.rmtree(top, ignore_errors=True)
    others = "".join(f", {n} {kind}" for kind, n in total.items() if kind not in COUNTED)
    print(
        f"{options.runs} runs of {options.jobs} jobs, {cut} times cut short: {total['lost']} lost, "
        f"{total['twice']} twice, {total['lines']} wrong logs, {total['left']} left behind{others}; "
        f"{failed} runs failed"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
