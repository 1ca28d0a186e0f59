"""`python -m bench`: measures, and writes the figures as a table, as JSON and as a plot."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from .measure import ROOT
from .plot import plot
from .results import Outcome
from .scenarios import SCENARIOS, Choice, run
from .table import tables
from .targets import targets
from .versions import versions

RESULTS = ROOT / "bench" / "results"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures the tool as a whole.")
    add = parser.add_argument
    add("--lab", type=Path, metavar="DIR", help="the directory of the lab; scenarios that need it are skipped without")
    add("--endpoint", metavar="URL", help="an AWS for the scenario basic (default: the embedded one, as a server)")
    add("--only", action="append", choices=SCENARIOS, metavar="SCENARIO", help=f"one of {', '.join(SCENARIOS)}")
    add("--repeat", type=int, default=3, metavar="N", help="runs of each scenario, whose medians count (default: 3)")
    add("--quick", action="store_true", help="tiny sizes: to see that it works, not how fast")
    add("--name", help="of the files in bench/results (default: full or quick, and the scenarios of --only)")
    return parser.parse_args(arguments)


def main() -> int:
    """Exit status 1 if a scenario failed, or lost a line or a byte."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends what was started, as Ctrl-C does
    choice = Choice(options.lab and options.lab.resolve(), options.endpoint, max(options.repeat, 1), options.quick)
    made_by = {"command": _command(sys.argv[1:]), "begin": _now(), "load before": f"{os.getloadavg()[0]:.1f}"}
    names = options.only or list(SCENARIOS)
    skipped = [name for name in names if SCENARIOS[name].needs_lab and choice.lab is None]
    outcomes = [run(name, choice, _tell) for name in names if name not in skipped]
    failed = [outcome for outcome in outcomes if outcome.failure]
    remarks = [
        *(f"- {outcome.scenario}: FAILED: {outcome.failure}" for outcome in failed),
        *(f"- {name}: skipped, it needs the lab: --lab DIR" for name in skipped),
    ]
    reached = [] if choice.quick else targets(outcomes)
    text = "\n\n".join(filter(None, [tables(outcomes, reached), "\n".join(remarks)]))
    print(text)
    _save(_name(options), {**made_by, "end": _now(), **versions()}, outcomes, text)
    return 1 if failed else 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _name(options: argparse.Namespace) -> str:
    size = "quick" if options.quick else "full"
    return str(options.name or "-".join([size, *(options.only or ())]))


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _save(name: str, made_by: Mapping[str, str], outcomes: Sequence[Outcome], text: str) -> None:
    RESULTS.mkdir(exist_ok=True)
    raw = {"made_by": made_by, "outcomes": [outcome.raw() for outcome in outcomes]}
    (RESULTS / f"{name}.json").write_text(json.dumps(raw, indent=1) + "\n")
    picture = f"![The same as a plot]({name}.svg)\n\n" if plot(outcomes, RESULTS / f"{name}.svg") else ""
    facts = "\n".join(f"- {what}: {value}" for what, value in made_by.items())
    (RESULTS / f"{name}.md").write_text(
        f"# Benchmark: {name}\n\n{facts}\n\nMedians.\n\n{text}\n\n{picture}".rstrip() + "\n"
    )
    _tell(f"written: bench/results/{name}.md, .json{', .svg' if picture else ''}")


def _command(arguments: Sequence[str]) -> str:
    """The command that was given, without paths of this machine."""
    said, skip = [], False
    for word in arguments:
        said.append("DIR" if skip else "--lab=DIR" if word.startswith("--lab=") else word)
        skip = word == "--lab"
    return shlex.join(["python", "-m", "bench", *said])


if __name__ == "__main__":
    sys.exit(main())
