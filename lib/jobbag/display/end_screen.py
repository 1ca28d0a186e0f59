"""Pure: the end of a run in one screen, from its summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.filesize import decimal

from jobbag.text import counted, plain, span

COLUMNS, ROWS = 80, 22  # of the smallest terminal; the name of the log and the prompt take the other two rows
SHOWN_CAUSES = 3
SHOWN_ERRORS = 3
LONGEST_TAIL = 6  # lines
FEWEST_ROWS = 4  # of a cause: its title, its example, a line of that, and the advice


def lines(overview: Mapping[str, Any], following: str | None, files: Mapping[str, str]) -> list[str]:
    """The lines of the screen.

    `overview` is that of the summary; `following` says how to go on, if anything is left to do; `files` are the paths
    of the files with the whole, by what they are (`summary`, `report`).
    """
    found = [*_head(overview), *_errors(overview["errors"]), *(_cut(f"  note: {one}") for one in overview["notes"])]
    last = [f"next: {following}"] if following else []
    last += [f"{what}: {file}" for what, file in files.items()]
    last = [part for line in last for part in _folded(line)]
    return [*found, *_causes(overview, ROWS - len(found) - len(last), whole=bool(files)), *last]


def _head(overview: Mapping[str, Any]) -> Iterator[str]:
    counts, retried, uploads = overview["counts"], overview["retried"], overview["uploads"]
    ends = [f"{counts['succeeded']:,} succeeded", f"{counts['failed']:,} failed"]
    ends += [f"{counts[key]:,} {key.replace('_', ' ')}" for key in ("stopped", "not_run") if counts[key]]
    took = span((overview["ended"] - overview["started"]) / 1000)
    yield _cut(f"{counted(counts['jobs'], 'job')}: {', '.join(ends)}, in {took}")
    hours = overview["vcpu_hours"]
    used = [f"{hours['asked']:,.2f} vCPU-hours"] if hours["asked"] >= 0.01 else []
    used += [f"{hours['wasted']:,.2f} of them in attempts that failed"] if hours["wasted"] >= 0.01 else []
    yield _cut(f"  {', '.join([*overview['submit_files'], overview['region'], *used])}")
    if retried["attempts"]:
        lost = [f"{retried['spot']:,} had lost their machine"] if retried["spot"] else []
        lost += [f"{retried['starts']:,} not started"] if retried["starts"] else []
        times = "; ".join(filter(None, (f"{counted(retried['attempts'], 'time')} in all", ", ".join(lost))))
        yield _cut(f"  started again: {counted(retried['jobs'], 'job')}, {times}")
    if uploads["files"] or uploads["unchanged"]:
        there = f", {uploads['unchanged']:,} were there already" if uploads["unchanged"] else ""
        yield _cut(f"  {counted(uploads['files'], 'file')} ({decimal(uploads['bytes'])}) sent to S3{there}")
    yield from _folded(f"  output: {overview['outputs']}")
    results = overview["results"]
    if results["files"]:
        files = f"{counted(results['files'], 'file')} ({decimal(results['bytes'])})"
        yield from _folded(f"  results: {files} in {results['directory']}/<job name>/")
    if results["left"]:
        yield _cut(f"  note: {counted(len(results['left']), 'result')} can have no file here: {results['left'][0]}")


def _errors(errors: list[str]) -> Iterator[str]:
    for error in errors[:SHOWN_ERRORS]:
        yield _cut(f"  error: {error}")
    if len(errors) > SHOWN_ERRORS:
        yield f"  and {len(errors) - SHOWN_ERRORS:,} more errors"


def _causes(overview: Mapping[str, Any], rows: int, *, whole: bool) -> Iterator[str]:
    causes = overview["causes"]
    if not causes:
        return
    total = sum(cause["count"] for cause in causes)
    all_failed = total == overview["counts"]["failed"]  # else some were stopped, or not run
    what = counted(total, "failure") if all_failed else f"{counted(total, 'job')} did not succeed"
    yield f"{what}, {counted(len(causes), 'cause')}:"
    rows -= 2  # this one, and the one that says how many more
    shown = causes[: max(1, min(SHOWN_CAUSES, rows // FEWEST_ROWS))]
    tail = min(LONGEST_TAIL, rows // len(shown) - FEWEST_ROWS + 1)
    for cause in shown:
        yield from _cause(cause, tail)
    rest = causes[len(shown) :]
    if rest:
        of = sum(cause["count"] for cause in rest)
        where = "" if whole else "; --summary FILE has them all"
        yield f"  and {counted(len(rest), 'more cause')}, of {counted(of, 'job')}{where}"


def _cause(cause: Mapping[str, Any], tail: int) -> Iterator[str]:
    example = cause["example"]
    yield _cut(f"  {cause['count']:,} x {cause['cause']}")
    out = example["err"].removesuffix("err") + "out"
    yield _cut(f"      as job {example['job']} ({out} and .err):")
    for line in [line for line in example["tail"] if line.strip()][-tail:] if tail > 0 else ():
        yield _cut(f"      | {line}")
    yield _cut(f"      {cause['advice']}")


# -- columns of the terminal


def _cut(text: str) -> str:
    """The text in one row."""
    first, rest = _split(text, COLUMNS)
    return first if not rest else _split(text, COLUMNS - 3)[0] + "..."


def _folded(text: str) -> list[str]:
    """The text in two rows at most."""
    first, rest = _split(text, COLUMNS)
    return [first, _cut(rest)] if rest else [first]


def _split(text: str, columns: int) -> tuple[str, str]:
    """What fits in so many columns, and the rest."""
    text = plain(text).expandtabs(4)
    if cell_len(text) <= columns:
        return text, ""
    first = set_cell_size(text, columns)
    if not text.startswith(first):  # it ends with a space for half of a wide letter
        first = first[:-1]
    return first, text[len(first) :]
