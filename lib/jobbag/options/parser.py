"""The command line and the properties file, merged into one frozen `Settings`."""

from __future__ import annotations

import argparse
import io
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import configargparse

from jobbag.console import say
from jobbag.errors import PROG, ExitCode, InputError, Problem
from jobbag.files import STDIN, stem_of
from jobbag.options.bags import bag_files, bag_problems
from jobbag.options.java_habits import as_options, expanded
from jobbag.options.looking import looking_problems, mode_of
from jobbag.options.settings import DEFAULT_GRACE, MOST_TRANSFERS, Mode, Settings
from jobbag.options.table import DESCRIPTION, GROUPS, INFORMATION, LOG_LEVELS, PROPERTIES, SUBMIT_FILE
from jobbag.options.transfers import ENCRYPTIONS
from jobbag.text import split_items


class _PropertiesFile(configargparse.ConfigFileParser):  # type: ignore[misc]
    """Reads a Java properties file for configargparse: our own keys only, as the options they stand for."""

    def parse(self, stream: io.StringIO) -> dict[str, str]:
        import javaproperties  # 45 ms that --help need not wait for

        try:
            found = javaproperties.loads(stream.getvalue())
        except javaproperties.InvalidUEscapeError as error:
            raise configargparse.ConfigFileParserException(f"{getattr(stream, 'name', '')}: {error}") from None
        # In the order of the table: pegasus.aws.endpoint wins over endpoint.
        given = {name: option for name, option in PROPERTIES.items() if name in found}
        values = ((option, expanded(name, found).strip()) for name, option in given.items())
        return {option: value for option, value in values if value}

    def get_syntax_description(self) -> str:
        return "The properties file has the format of Java's (key=value)."


class _NamedText(io.StringIO):
    """A text with the name of its file, which configargparse puts into its errors."""

    name = ""


def _open_properties(path: str) -> io.StringIO:
    """The properties file as text: UTF-8 as people write it, else ISO-8859-1 as Java does. Raises OSError."""
    data = Path(path).read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("iso-8859-1")
    stream = _NamedText(text)
    stream.name = path
    return stream


class _Parser(configargparse.ArgumentParser):  # type: ignore[misc]
    """A parser whose errors are ours: shown on one line each, exit status 3."""

    def error(self, message: str) -> NoReturn:
        raise InputError.of("usage", f"{message} (see {PROG} --help)")


class _Show(argparse.Action):
    """Prints what an option asks for, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, _: Any, value: Any, __: str | None = None) -> None:
        if self.dest == "version":
            from jobbag.options.version import versions

            text = versions()
        elif self.dest == "completion":
            from jobbag.options.completion import script

            text = script(value)
        else:
            text = parser.format_help()
        say(sys.stdout, text.rstrip("\n"))
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line, made from the table of options."""
    parser = _Parser(
        prog=PROG,
        description=DESCRIPTION,
        epilog="Exit status: " + " ".join(f"{code:d}: {code.meaning}" for code in ExitCode),
        config_file_parser_class=_PropertiesFile,
        config_file_open_func=_open_properties,
        ignore_unknown_config_file_keys=True,
        add_config_file_help=False,
        add_env_var_help=False,
        add_help=False,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=30, width=_help_width()),
    )
    for title, options in GROUPS:
        group = parser.add_argument_group(title)
        for option in options:
            how: dict[str, Any] = {"dest": option.dest, "help": _help(option.help, option.key)}
            if option in INFORMATION:
                how |= {"action": _Show, "nargs": None if option.metavar else 0, "default": argparse.SUPPRESS}
            elif option.metavar is None:
                how["action"] = "store_true"
            else:
                how["metavar"] = option.metavar
            if option.several:
                how["action"] = "append"
            if option.optional:
                how["nargs"] = "?"
            if option.choices:
                how |= {
                    "choices": option.choices,
                    "type": _in_any_case(option.choices),
                    "metavar": f"<{', '.join(option.choices)}>",
                }
            if option.dest == "conf":
                how["is_config_file_arg"] = True
            group.add_argument(*option.flags, **how)
    parser.add_argument("submit_files", nargs="*", metavar="job submit file", help=SUBMIT_FILE)
    return parser


def _in_any_case(choices: Sequence[str]) -> Callable[[str], str]:
    spelled = {choice.lower(): choice for choice in choices}
    return lambda text: spelled.get(text.lower(), text)


# An option with an optional value has it behind a '=': the word after it is a submit file.
_MARKED = {flag: f"{flag}=" for _, group in GROUPS for option in group if option.optional for flag in option.flags}


def _help(text: str, key: str | None) -> str:
    whole = f"{text} Property: {key}." if key else text
    return whole.replace("%", "%%")  # argparse fills in the rest


def _help_width() -> int:
    return min(100, shutil.get_terminal_size().columns - 2)


def load(argv: Sequence[str]) -> Settings:
    """The settings that a command line and its properties file ask for.

    Raises InputError with all that is wrong. `--help`, `--version` and `--completion` print and raise SystemExit.
    """
    if not argv:
        raise InputError.of("usage", f"nothing to do: name a job submit file (see {PROG} --help)")
    parser = build_parser()
    words = as_options(argv)
    end = words.index("--") if "--" in words else len(words)
    behind = tuple(words[end + 1 :])
    try:
        options, rest = parser.parse_known_args([_MARKED.get(word, word) for word in words[:end]])
    except configargparse.ConfigFileParserException as error:
        raise InputError.of("properties file", str(error)) from None
    # Submit files may stand on both sides of an option; argparse takes only the first group of them.
    unknown = [word for word in rest if word.startswith("-") and word != str(STDIN)]
    if unknown:
        raise InputError.of("usage", f"unknown option {unknown[0]} (see {PROG} --help)")
    command = behind if options.sweep else ()
    options.submit_files += rest if options.sweep else [*rest, *behind]
    problems = [*_problems(options), *looking_problems(options), *bag_problems(options, command)]
    if problems:
        raise InputError(problems)
    return replace(_settings(options), command=command, words=tuple(argv))


def _problems(options: argparse.Namespace) -> list[Problem]:
    problems = []
    files = [path for _, paths in bag_files(options) for path in paths]
    entity_mode = options.create or options.delete
    if options.create and options.delete:
        problems.append(Problem("usage", "--create and --delete exclude each other"))
    if entity_mode and files:
        flag = "--create" if options.create else "--delete"
        problems.append(Problem("usage", f"{flag} takes no job submit file, but got {files[0]}"))
    if not entity_mode and not files and not options.print_schema and mode_of(options) is None:
        problems.append(Problem("usage", f"no job submit file (see {PROG} --help)"))
    named = (options.job_definition, options.compute_environment, options.job_queue, options.s3)
    if entity_mode and not any(named):
        problems.append(Problem("usage", "--create and --delete need at least one of -j, --ce, -q and --s3"))
    if options.prefix and not _is_name(options.prefix):
        problems.append(Problem("--prefix", f"{options.prefix!r} is no name: no '/', control character or leading dot"))
    if options.account and not re.fullmatch(r"\d{12}", options.account):
        problems.append(Problem("--account", f"{options.account!r} is no AWS account: it has 12 digits"))
    if options.grace and not re.fullmatch(r"\d+(\.\d+)?", options.grace):
        problems.append(Problem("--grace", f"{options.grace!r} is no number of seconds"))
    if options.canary and not re.fullmatch(r"(?!0+$)\d{1,9}", options.canary):
        problems.append(Problem("--canary", f"{options.canary!r} is no number of jobs: 1 or more"))
    if options.transfers and not re.fullmatch(r"(?!0+$)\d{1,3}", options.transfers):
        problems.append(Problem("--transfers", f"{options.transfers!r} is no number of requests: 1 to 999"))
    if options.max_failures and not _is_bound(options.max_failures):
        what = f"{options.max_failures!r} is neither a number of jobs, such as 10, nor a share of them, such as 5%"
        problems.append(Problem("--max-failures", what))
    if sum((options.resume, options.fresh, options.retry_failed, options.update)) > 1:
        problems.append(Problem("usage", "--resume, --fresh, --retry-failed and --update exclude each other"))
    if options.results and options.no_results:
        problems.append(Problem("usage", "--results and --no-results exclude each other"))
    if options.dry_run and entity_mode:
        problems.append(Problem("usage", "--dry-run is for a run of jobs, not for --create and --delete"))
    if options.json and not (options.dry_run or options.status):
        problems.append(Problem("usage", "--json is for --dry-run and --status only"))
    if options.yes and not options.delete:
        problems.append(Problem("usage", "--yes is for --delete only"))
    if entity_mode and options.s3 and options.local == "" and not options.prefix:
        problems.append(
            Problem("--local", "give --local=directory, or --prefix: it is not known where its buckets are")
        )
    if options.detach and options.local is not None:
        problems.append(Problem("usage", "--detach cannot be used with --local: the jobs end with the command"))
    if options.sse == ENCRYPTIONS[0] and options.sse_kms_key_id:
        problems.append(Problem("--sse-kms-key-id", f"a key of KMS is not for --sse {options.sse}"))
    if options.endpoint and not _is_web_url(options.endpoint):
        problems.append(Problem("--endpoint", f"{options.endpoint!r} is no http:// or https:// URL"))
    return problems


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


def _settings(options: argparse.Namespace) -> Settings:
    mode = mode_of(options) or (Mode.CREATE if options.create else Mode.DELETE if options.delete else Mode.RUN)
    files = [Path(name) for _, names in bag_files(options) for name in names]
    return Settings(
        mode=mode,
        submit_files=tuple(Path(name) for name in options.submit_files),
        commands=Path(options.commands) if options.commands else None,
        sweep=Path(options.sweep) if options.sweep else None,
        inputs=tuple(options.input or ()),
        outputs=tuple(options.output or ()),
        name=options.name,
        print_bag=options.print_bag,
        print_schema=options.print_schema,
        prefix=options.prefix or (stem_of(files[0]) if files else None),
        account=options.account,
        region=options.region,
        endpoint=options.endpoint,
        job_definition=options.job_definition,
        compute_environment=options.compute_environment,
        job_queue=options.job_queue,
        s3=options.s3,
        files=split_items(options.files or ""),
        merge_logs=Path(options.merge_logs) if options.merge_logs else None,
        log_level=options.log_level or LOG_LEVELS[2],
        log_file=Path(options.log_file) if options.log_file else None,
        local=options.local is not None,
        local_directory=Path(options.local) if options.local else None,
        keep=options.keep,
        records=not options.no_records,
        delete_log_streams=options.delete_log_streams,
        resume=options.resume,
        fresh=options.fresh,
        retry_failed=options.retry_failed,
        update=options.update,
        detach=options.detach,
        launcher=options.launcher,
        array=options.array or "auto",
        on_interrupt=options.on_interrupt or "terminate",
        grace=float(options.grace or DEFAULT_GRACE),
        canary=int(options.canary) if options.canary else None,
        transfers=int(options.transfers or MOST_TRANSFERS),
        max_failures=options.max_failures or None,
        transient_retries=not options.no_transient_retries,
        progress=options.progress or "auto",
        summary=Path(options.summary) if options.summary else None,
        report=Path(options.report) if options.report else None,
        results=None if options.no_results else Path(options.results or "results"),
        dry_run=options.dry_run,
        conf=Path(options.conf) if options.conf else None,
        yes=options.yes,
        json=options.json,
        watch=options.watch,
        logs_of=options.logs,
        sse=options.sse or (ENCRYPTIONS[1] if options.sse_kms_key_id else None),
        sse_kms_key_id=options.sse_kms_key_id or None,
        follow=options.follow is not None,
        followed_job=options.follow or None,
    )
