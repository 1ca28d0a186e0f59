"""What is wrong with the values of the options, and with what is given together."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from jobbag.errors import PROG, Problem
from jobbag.hints import did_you_mean
from jobbag.options.bags import bag_files
from jobbag.options.looking import mode_of
from jobbag.options.table import OPTIONS
from jobbag.options.transfers import ENCRYPTIONS
from jobbag.options.words import FLAGS
from jobbag.prices import EXAMPLE, FROM_AWS, amount_of, prices_of


def value_problems(options: argparse.Namespace) -> Iterator[Problem]:
    """Values that their options cannot have."""
    for option in OPTIONS:
        value = getattr(options, option.dest)
        if option.choices and value and value not in option.choices:
            yield Problem(option.long, choice_problem(value, option.choices))
    if options.prefix and not _is_name(options.prefix):
        yield Problem("--prefix", f"{options.prefix!r} is no name: no '/', control character or leading dot")
    if options.account and not re.fullmatch(r"\d{12}", options.account):
        yield Problem("--account", f"{options.account!r} is no AWS account: it has 12 digits")
    if options.grace and not re.fullmatch(r"\d+(\.\d+)?", options.grace):
        yield Problem("--grace", f"{options.grace!r} is no number of seconds")
    if options.transfers and not re.fullmatch(r"(?!0+$)\d{1,3}", options.transfers):
        yield Problem("--transfers", f"{options.transfers!r} is no number of requests: 1 to 999")
    if options.canary and not re.fullmatch(r"(?!0+$)\d{1,9}", options.canary):
        yield Problem("--canary", f"{options.canary!r} is no number of jobs: 1 or more")
    if options.max_failures and not _is_bound(options.max_failures):
        what = f"{options.max_failures!r} is neither a number of jobs, such as 10, nor a share of them, such as 5%"
        yield Problem("--max-failures", what)
    yield from _price_problems(options)
    if options.more_memory and not re.fullmatch(r"0*([1-9]|1\d|20)", options.more_memory):
        yield Problem("--more-memory", f"{options.more_memory!r} is no number of times: 1 to 20")
    if options.endpoint and not _is_web_url(options.endpoint):
        yield Problem("--endpoint", f"{options.endpoint!r} is no http:// or https:// URL")


def _price_problems(options: argparse.Namespace) -> Iterator[Problem]:
    try:
        if options.prices and options.prices.lower() != FROM_AWS:
            prices_of(options.prices)
    except ValueError as error:
        yield Problem("--prices", f"{error}; write {EXAMPLE}, or {FROM_AWS}")
    try:
        if options.max_cost and not amount_of(options.max_cost):
            raise ValueError("0 is what no job costs: give more, or run none")
    except ValueError as error:
        yield Problem("--max-cost", str(error))


def choice_problem(value: str, choices: Sequence[str]) -> str:
    """What is wrong with a value that is none of the choices."""
    return f"{value!r} is none of {', '.join(choices)}{did_you_mean(value, choices)}"


def usage_problems(options: argparse.Namespace, *, in_files: bool = True) -> Iterator[Problem]:
    """What cannot be given together, or is missing. `in_files`: the bag is in files, which are among the options."""
    files = [path for _, paths in bag_files(options) for path in paths]
    entity_mode = options.create or options.delete
    if options.create and options.delete:
        yield Problem("usage", "--create and --delete exclude each other")
    if entity_mode and files:
        flag = "--create" if options.create else "--delete"
        yield Problem("usage", f"{flag} takes no job submit file, but got {files[0]}")
    if in_files and not entity_mode and not files and not options.print_schema and mode_of(options) is None:
        yield Problem("usage", f"no job submit file (see {PROG} --help)")
    if not entity_mode:
        yield from _no_submit_files(options)
    named = (options.job_definition, options.compute_environment, options.job_queue, options.s3)
    if entity_mode and not any(named):
        yield Problem("usage", "--create and --delete need at least one of -j, --ce, -q and --s3")
    if sum((options.resume, options.fresh, options.retry_failed, options.update)) > 1:
        yield Problem("usage", "--resume, --fresh, --retry-failed and --update exclude each other")
    if options.results and options.no_results:
        yield Problem("usage", "--results and --no-results exclude each other")
    if options.dry_run and entity_mode:
        yield Problem("usage", "--dry-run is for a run of jobs, not for --create and --delete")
    if options.json and not (options.dry_run or options.status):
        yield Problem("usage", "--json is for --dry-run and --status only")
    if options.yes and not options.delete:
        yield Problem("usage", "--yes is for --delete only")
    if entity_mode and options.s3 and options.local == "" and not options.prefix:
        yield Problem("--local", "give --local=directory, or --prefix: it is not known where its buckets are")
    if options.max_cost and not options.prices:
        yield Problem("--max-cost", f"without prices, no cost is known: give --prices, such as {EXAMPLE}")
    if options.max_cost and options.detach:
        yield Problem("usage", "--max-cost cannot be used with --detach: nobody would look at what the jobs cost")
    if options.detach and options.local is not None:
        yield Problem("usage", "--detach cannot be used with --local: the jobs end with the command")
    if options.sse == ENCRYPTIONS[0] and options.sse_kms_key_id:
        yield Problem("--sse-kms-key-id", f"a key of KMS is not for --sse {options.sse}")


def _no_submit_files(options: argparse.Namespace) -> Iterator[Problem]:
    """Words that stand where submit files do, and look as if something else was meant."""
    for word in options.submit_files:
        path = Path(word)
        if path.exists():
            if path.is_dir() and options.local == "":
                what = f"{word} is a directory, and no job submit file; did you mean --local={word}?"
                yield Problem("usage", what)
        elif f"--{word}" in FLAGS:
            yield Problem("usage", f"there is no file {word}; did you mean --{word}?")
        elif options.follow == "" and not path.suffix:
            yield Problem("usage", f"there is no file {word}; did you mean --follow={word}?")


def _is_bound(text: str) -> bool:
    share = re.fullmatch(r"(\d+(?:\.\d+)?)%", text)
    return float(share[1]) <= 100 if share else re.fullmatch(r"\d{1,9}", text) is not None


def _is_web_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        return False


def _is_name(text: str) -> bool:
    return "/" not in text and not text.startswith(".") and text.isprintable()
