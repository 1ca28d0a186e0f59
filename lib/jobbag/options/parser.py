"""The command line and the properties file, merged into one frozen `Settings`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import configargparse

from jobbag.console import say
from jobbag.errors import PROG, ExitCode, InputError, Problem
from jobbag.files import stem_of
from jobbag.options.bags import bag_files, bag_problems
from jobbag.options.java_habits import as_options, set_for_java
from jobbag.options.looking import Mode, looking_problems, mode_of
from jobbag.options.problems import choice_problem, usage_problems, value_problems
from jobbag.options.properties import PropertiesFile, open_properties, strangers
from jobbag.options.table import DESCRIPTION, GROUPS, INFORMATION, LOG_LEVELS, SHELLS, SUBMIT_FILE
from jobbag.options.transfers import ENCRYPTIONS, MOST_TRANSFERS
from jobbag.options.words import hint, unknown
from jobbag.prices import FROM_AWS, Prices, amount_of, prices_of
from jobbag.text import split_items

if TYPE_CHECKING:
    from jobbag.options.settings import Settings

WIDEST = 100  # columns of the help with all options


class _Parser(configargparse.ArgumentParser):  # type: ignore[misc]
    """A parser whose errors are ours: shown on one line each, exit status 3."""

    def error(self, message: str) -> NoReturn:
        if found := re.match(r"Unable to open config file: .*?\. Error: --conf: (.*)", message):
            raise InputError.of("--conf", found[1])  # what `open_properties` said
        message = re.sub(r"^argument (\S+): ignored explicit argument (.*)$", r"\1 takes no value, but got \2", message)
        raise InputError.of("usage", f"{message} (see {PROG} --help)")


class _Show(argparse.Action):
    """Prints what an option asks for, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, _: Any, value: Any, __: str | None = None) -> None:
        if self.dest == "version":
            from jobbag.options.version import versions

            text = versions()
        elif self.dest == "completion":
            from jobbag.options.completion import script

            if value not in SHELLS:
                raise InputError.of("--completion", choice_problem(value, SHELLS))

            text = script(value)
        elif value == "all":
            parser.formatter_class = _formatter(_help_width())
            text = parser.format_help()
        else:
            from jobbag.options.help import short_help

            text = short_help()
        say(sys.stdout, text.rstrip("\n"))
        parser.exit()


def build_parser(properties: PropertiesFile | None = None) -> argparse.ArgumentParser:
    """The parser of the command line, made from the table of options; `properties` reads the properties file."""
    parser = _Parser(
        prog=PROG,
        description=DESCRIPTION,
        epilog="Exit status: " + " ".join(f"{code:d}: {code.meaning}" for code in ExitCode),
        allow_abbrev=False,
        config_file_parser_class=properties or PropertiesFile(),
        config_file_open_func=open_properties,
        ignore_unknown_config_file_keys=True,
        add_config_file_help=False,
        add_env_var_help=False,
        add_help=False,
        formatter_class=_formatter(WIDEST),  # one that asks for the terminal's would do so for each option
    )
    for title, options in GROUPS:
        group = parser.add_argument_group(title)
        for option in options:
            how: dict[str, Any] = {"dest": option.dest, "help": _help(option.help, option.key)}
            if option in INFORMATION:
                how |= {"action": _Show, "nargs": None if option.metavar else 0, "default": argparse.SUPPRESS}
            elif option.metavar is None:
                how["action"] = "store_true"
            if option.metavar:
                how["metavar"] = option.metavar
            if option.several:
                how["action"] = "append"
            if option.optional:
                how["nargs"] = "?"
            if option.choices:
                how |= {"type": _in_any_case(option.choices), "metavar": f"<{', '.join(option.choices)}>"}
            if option.dest == "conf":
                how["is_config_file_arg"] = True
            group.add_argument(*option.flags, **how)
    parser.add_argument("submit_files", nargs="*", metavar="job submit file", help=SUBMIT_FILE)
    return parser


def _in_any_case(choices: Sequence[str]) -> Callable[[str], str]:
    spelled = {choice.lower(): choice for choice in choices}
    return lambda text: spelled.get(text.lower(), text)


# An option with an optional value has it behind a '=': the word after it is a submit file, but for --help.
_OPTIONAL = [option for _, group in GROUPS for option in group if option.optional and option not in INFORMATION]
_MARKED = {flag: f"{flag}=" for option in _OPTIONAL for flag in option.flags}


def _help(text: str, key: str | None) -> str:
    whole = f"{text} Property: {key}." if key else text
    return whole.replace("%", "%%")  # argparse fills in the rest


def _formatter(width: int) -> Any:
    return partial(argparse.HelpFormatter, max_help_position=30, width=width)


def _help_width() -> int:
    import shutil

    return min(WIDEST, shutil.get_terminal_size().columns - 2)


def load(argv: Sequence[str], bag: str | None = None) -> Settings:
    """The settings that a command line and its properties file ask for.

    `bag`: the name of one that is in no file. Raises InputError with all that is wrong. `--help`, `--version` and
    `--completion` print and raise SystemExit.
    """
    if not argv and bag is None:
        raise InputError.of("usage", f"nothing to do: name a job submit file (see {PROG} --help)")
    properties = PropertiesFile()
    parser = build_parser(properties)
    words = as_options(argv)
    end = words.index("--") if "--" in words else len(words)
    behind = tuple(words[end + 1 :])
    no_options = unknown(words[:end])
    problems = [Problem("usage", f"unknown option {word}{hint(word)} (see {PROG} --help)") for word in no_options]
    try:
        options, rest = parser.parse_known_args(
            [_MARKED.get(word, word) for word in words[:end] if word not in no_options]
        )
    except configargparse.ConfigFileParserException as error:
        raise InputError([*problems, Problem("properties file", str(error))]) from None
    except InputError as error:
        raise InputError([*problems, *error.problems]) from None
    # Submit files may stand on both sides of an option; argparse takes only the first group of them.
    command = behind if options.sweep else ()
    options.submit_files += rest if options.sweep else [*rest, *behind]
    if bag is not None:
        options.prefix = options.prefix or bag
    problems += value_problems(options)
    if not no_options:  # whose values would be taken for submit files
        problems += [
            *usage_problems(options, in_files=bag is None),
            *looking_problems(options),
            *bag_problems(options, command),
        ]
    if problems:
        read = _from_properties(parser, properties)
        raise InputError(one._replace(where=read.get(one.where, one.where)) for one in problems)
    warnings = (*properties.warnings, *strangers(set_for_java(argv)))
    return _settings(options, command, warnings, tuple(argv))


def _from_properties(parser: Any, properties: PropertiesFile) -> dict[str, str]:
    """The options whose values are those of the properties file, and where they stand there."""
    sources = parser.get_source_to_settings_dict().items()
    read = (action for source, values in sources if source.startswith("config_file") for action, _ in values.values())
    flags = {flag for action in read if action is not None for flag in action.option_strings}
    return {option: where for option, where in properties.keys.items() if option in flags}


def _prices(text: str) -> Prices | str:
    return FROM_AWS if text.lower() == FROM_AWS else prices_of(text)


def _settings(
    options: argparse.Namespace, command: tuple[str, ...], warnings: tuple[str, ...], words: tuple[str, ...]
) -> Settings:
    from jobbag.options.settings import DEFAULT_GRACE, Settings  # slow to import, and of no use to a wrong command line

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
        on_interrupt=options.on_interrupt or None,
        grace=float(options.grace or DEFAULT_GRACE),
        canary=int(options.canary) if options.canary else None,
        transfers=int(options.transfers or MOST_TRANSFERS),
        max_failures=options.max_failures or None,
        prices=_prices(options.prices) if options.prices else None,
        max_cost=amount_of(options.max_cost) if options.max_cost else None,
        more_memory=int(options.more_memory) if options.more_memory else None,
        fallback_queue=options.fallback_queue or None,
        transient_retries=not options.no_transient_retries,
        progress=options.progress or "auto",
        quiet=options.quiet,
        color=options.color or "auto",
        summary=Path(options.summary) if options.summary else None,
        report=Path(options.report) if options.report else None,
        on_end=options.on_end or None,
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
        command=command,
        warnings=warnings,
        words=words,
    )
