"""The options that say what the bag is, where it is in no job submit file, and what is wrong with their values."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from jobbag.errors import Problem
from jobbag.files import STDIN
from jobbag.options.looking import mode_of
from jobbag.options.option import Option

BAG = (
    Option(
        ("--commands",),
        "Run each line of this file as a job: sh -c line. The jobs are job-1, job-2 and so on. Lines that are empty or "
        "begin with # are no jobs. -: the lines come from stdin.",
        "file",
        takes="file",
    ),
    Option(
        ("--sweep",),
        "Run one job for each row of this table, file.csv or file.tsv, with the command behind --, in which {column} "
        "stands for what the row has there. -: a CSV comes from stdin.",
        "table",
        takes="file",
    ),
    Option(
        ("--input",),
        "With --sweep: one of the inputs of each job, as in a job submit file, with {column} in it. It can be given "
        "several times.",
        "input",
        takes="file",
        several=True,
    ),
    Option(
        ("--output",),
        "With --sweep: one of the outputs of each job, as in a job submit file, with {column} in it. It can be given "
        "several times.",
        "output",
        several=True,
    ),
    Option(
        ("--name",),
        "With --sweep: the name of each job, with {column} in it. Default: the name of the table, without its ending, "
        "and the number of the row.",
        "name",
    ),
    Option(
        ("--print-bag",),
        "Print the bag that would be run, as a job submit file, and end. Nothing is asked of AWS.",
    ),
    Option(
        ("--print-schema",),
        "Print the JSON Schema of a job submit file, by which editors complete and check it, and end.",
    ),
)


def bag_problems(options: argparse.Namespace, command: tuple[str, ...]) -> Iterator[Problem]:
    """What is wrong with the options of the bag. `command`: the words behind `--`, where there is a --sweep."""
    given = [name for name, paths in bag_files(options) if paths]
    if len(given) > 1 and (command or given != ["job submit files", "--sweep"]):  # else they are its command
        yield Problem("usage", f"{' and '.join(given)} exclude each other")
    if options.submit_files.count(str(STDIN)) > 1:
        yield Problem("usage", "stdin can be read only once, but - is given twice")
    if options.sweep:
        if not command and mode_of(options) is None:
            yield Problem(
                "--sweep", f"give the command of the jobs behind --: --sweep {options.sweep} -- program words"
            )
        elif command and not command[0]:
            yield Problem("--sweep", "the command behind -- has no first word")
        elif len(command) == 1 and " " in command[0]:
            yield Problem("--sweep", f"{command[0]!r} behind -- is one word: leave out the quotes around the command")
        if options.sweep != str(STDIN) and Path(options.sweep).suffix.lower() not in (".csv", ".tsv"):
            yield Problem("--sweep", f"{options.sweep} ends neither in .csv nor in .tsv")
    else:
        for name, value in (("--input", options.input), ("--output", options.output), ("--name", options.name)):
            if value is not None:
                yield Problem("usage", f"{name} is for --sweep only")
    if options.print_bag and (options.create or options.delete):
        yield Problem("usage", "--print-bag is for a bag of jobs, not for --create and --delete")


def bag_files(options: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """The files that the bag is in, by how they are given."""
    return [
        ("job submit files", options.submit_files),
        ("--commands", [options.commands] if options.commands else []),
        ("--sweep", [options.sweep] if options.sweep else []),
    ]
