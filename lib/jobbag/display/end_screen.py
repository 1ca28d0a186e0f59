"""Pure: the end of a run in one screen, from its summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from rich.filesize import decimal

from jobbag.display.columns import cut, folded
from jobbag.events.causes import NOT_SENT, STOPPED
from jobbag.prices import money
from jobbag.terminal import Tone
from jobbag.text import counted, span

ROWS = 22  # where no terminal says how many it has
SHOWN_CAUSES = 3
ROWS_PER_CAUSE = 7  # of a high terminal, which shows more of them
SHOWN_ERRORS = 3
LONGEST_TAIL = 6  # lines
FEWEST_ROWS = 4  # of a cause: its title, its example, a line of that, and the advice


class Line(NamedTuple):
    """A line of the screen, for which there may be two rows. `wrong`: it is about what went wrong."""

    text: str
    tone: Tone = Tone.REST
    wrong: bool = False
    rows: int = 1


def lines(
    overview: Mapping[str, Any],
    following: str | None,
    files: Mapping[str, str],
    columns: int | None = None,
    rows: int = ROWS,
    *,
    timed: bool = True,
) -> list[Line]:
    """The lines of the screen, one for each row of a terminal of so many columns; whole if there is none.

    `overview` is that of the summary; `following` says how to go on, if anything is left to do; `files` are the paths
    of the files with the whole, by what they are (`summary`, `report`); `timed`: the time that the run took is told.
    """
    notes = (Line(f"  note: {one}", Tone.PLAIN, rows=2) for one in overview["notes"])
    found = [*_fitted([*_head(overview, timed=timed), *_errors(overview["errors"]), *notes], columns)]
    last = [Line(f"next: {following}", Tone.PLAIN, rows=2)] if following else []
    last = [*_fitted([*last, *(Line(f"{what}: {file}", Tone.PLAIN, rows=2) for what, file in files.items())], columns)]
    most = max(SHOWN_CAUSES, rows // ROWS_PER_CAUSE)
    causes = _causes(overview["causes"], most, rows - len(found) - len(last), whole=bool(files))
    return [*found, *_fitted(causes, columns), *last]


def _fitted(some: Iterable[Line], columns: int | None) -> Iterator[Line]:
    for line in some:
        for row in folded(line.text, columns) if line.rows > 1 else [cut(line.text, columns)]:
            yield line._replace(text=row)


def _head(overview: Mapping[str, Any], *, timed: bool) -> Iterator[Line]:
    counts, retried, uploads = overview["counts"], overview["retried"], overview["uploads"]
    ends = [f"{counts['succeeded']:,} succeeded", f"{counts['failed']:,} failed"]
    ends += [f"{counts[key]:,} {key.replace('_', ' ')}" for key in ("stopped", "not_run") if counts[key]]
    took = f", in {span((overview['ended'] - overview['started']) / 1000)}" if timed else ""
    wrong = bool(counts["failed"] or overview["errors"])
    yield Line(f"{counted(counts['jobs'], 'job')}: {', '.join(ends)}{took}", Tone.COUNTS, wrong=wrong, rows=2)
    hours = overview["vcpu_hours"]
    used = [f"{hours['asked']:,.2f} vCPU-hours"] if hours["asked"] >= 0.01 else []
    used += [f"{hours['wasted']:,.2f} of them in attempts that failed"] if hours["wasted"] >= 0.01 else []
    yield Line(f"  {', '.join([*overview['submit_files'], overview['region'], *used])}")
    if overview["cost"]:
        yield Line(f"  {_paid(overview['cost'])}")
    if overview["memory"]:
        yield Line(f"  {_spare(overview['memory'])}", rows=2)
    if retried["attempts"]:
        lost = [f"lost their machine: {retried['spot']:,}"] if retried["spot"] else []
        lost += [f"could not be started or looked after: {retried['starts']:,}"] if retried["starts"] else []
        attempts = f"; attempts that {', that '.join(lost)}" if lost else ""
        times = f"{counted(retried['jobs'], 'job')}, {counted(retried['attempts'], 'time')} in all"
        yield Line(f"  started again: {times}{attempts}", rows=2)
    yield from (Line(f"  {again}") for again in sent_again(overview["sent_again"]))
    if uploads["files"] or uploads["unchanged"]:
        there = f", {uploads['unchanged']:,} were there already" if uploads["unchanged"] else ""
        yield Line(f"  {counted(uploads['files'], 'file')} ({decimal(uploads['bytes'])}) sent to S3{there}")
    yield Line(f"  output: {overview['outputs']}", rows=2)
    results = overview["results"]
    if results["files"]:
        files = f"{counted(results['files'], 'file')} ({decimal(results['bytes'])})"
        kept = "where an earlier start put them"
        new = f"in {results['directory']}/<job name>/"
        if results["elsewhere"] == results["files"]:
            where = kept
        else:
            where = f"{new}; {results['elsewhere']:,} of them {kept}" if results["elsewhere"] else new
        yield Line(f"  results: {files} {where}", rows=2)
    if results["left"]:
        left = f"{counted(len(results['left']), 'result')} can have no file here: {results['left'][0]}"
        yield Line(f"  note: {left}", Tone.PLAIN)


def sent_again(again: Mapping[str, int]) -> Iterator[str]:
    """The jobs that were sent again with other needs, if there are any, and how often for what."""
    if again["jobs"]:
        ways = {"memory": "with more memory", "machine": "after the loss of a machine"}
        how = ", ".join(f"{counted(again[cause], 'time')} {way}" for cause, way in ways.items() if again[cause])
        yield f"sent again: {counted(again['jobs'], 'job')}, {how}"


def _paid(cost: Mapping[str, Any]) -> str:
    """What the jobs have cost, and for what of it nothing came."""
    wasted = [f"by {lost}: {money(Decimal(str(amount)))}" for lost, amount in cost["wasted"].items() if amount]
    told = f"cost: {money(Decimal(str(cost['total'])), cost['currency'] or '')}"
    return f"{told}; wasted {', '.join(wasted)}" if wasted else told


def _spare(groups: list[Mapping[str, Any]]) -> str:
    """What jobs could ask for in the place of far more memory than they have used."""
    first, more = groups[0], len(groups) - 1
    if first["jobs"] == 1:
        which = f"job {first['example']}"
    else:
        which = f"the {first['jobs']:,} jobs" if first["all"] else f"{first['jobs']:,} jobs of {first['executable']}"
    of = "" if first["of"] == "container" else f", the largest process of {'each' if first['jobs'] > 1 else 'it'}"
    do = f'"resourceRequirements": [{{"type": "MEMORY", "value": "{first["enough"]}"}}] would do'
    told = f"{which} asked for {first['asked']} MiB and used at most {first['used']}{of}: {do}"
    return f"{told}; and {counted(more, 'more group')} likewise" if more else told


def _errors(errors: list[str]) -> Iterator[Line]:
    for error in errors[:SHOWN_ERRORS]:
        yield Line(f"  error: {error}", Tone.FAILED, wrong=True)
    if len(errors) > SHOWN_ERRORS:
        yield Line(f"  and {len(errors) - SHOWN_ERRORS:,} more errors", Tone.FAILED, wrong=True)


def _causes(causes: list[Mapping[str, Any]], most: int, rows: int, *, whole: bool) -> Iterator[Line]:
    """Why jobs did not succeed: so many causes at most, in so many rows. What was stopped with the run is no error."""
    shown = causes[: max(1, min(most, (rows - 1) // FEWEST_ROWS))]
    tail = min(LONGEST_TAIL, (rows - 1) // len(shown) - FEWEST_ROWS + 1) if shown else 0
    for cause in shown:
        yield from _cause(cause, tail)
    rest = causes[len(shown) :]
    if rest:
        of = sum(cause["count"] for cause in rest)
        where = "" if whole else "; --summary FILE has them all"
        yield Line(f"  and {counted(len(rest), 'more cause')}, of {counted(of, 'job')}{where}", Tone.PLAIN, wrong=True)


def _cause(cause: Mapping[str, Any], tail: int) -> Iterator[Line]:
    example, wrong = cause["example"], cause["cause"] not in (STOPPED.title, NOT_SENT.title)
    yield Line(f"  {cause['count']:,} x {cause['cause']}", Tone.FAILED if wrong else Tone.PLAIN, wrong)
    out = example["err"].removesuffix("err") + "out"
    yield Line(f"      as job {example['job']} ({out} and .err):", Tone.PLAIN, wrong)
    for line in [line for line in example["tail"] if line.strip()][-tail:] if tail > 0 else ():
        yield Line(f"      | {line}", Tone.REST, wrong)
    yield Line(f"      {cause['advice']}", Tone.PLAIN, wrong)
