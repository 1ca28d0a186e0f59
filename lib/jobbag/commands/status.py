"""`--status`: how far a run is, for people or as JSON, once or until it ends."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobbag.commands.result import Result
from jobbag.commands.seen import Look, Seen
from jobbag.console import say
from jobbag.errors import PROG, ExitCode, InputError, Interrupted
from jobbag.options.settings import Settings
from jobbag.terminal import look_of
from jobbag.text import plain

if TYPE_CHECKING:
    from rich.console import Group

EACH = 1.0  # s between two looks


def status(settings: Settings) -> Result:
    """Say it. Raises InputError where no journal tells of a run."""
    if settings.prefix is None:
        if settings.watch:
            raise InputError.of("--watch", f"name the run: give its bag, or --prefix ({PROG} --status lists them)")
        return _of_all(settings)
    look = Look(settings, settings.journal)
    if settings.watch:
        return _watch(settings, look)
    if settings.json:
        return Result(ExitCode.OK, tuple(json.dumps(look.seen().json(), indent=2).splitlines()))
    seen = look.seen()
    if sys.stdout.isatty():
        _Drawing(seen, settings.color).once(seen)
        return Result(ExitCode.OK)
    return Result(ExitCode.OK, tuple(_lines(seen)))


def _lines(seen: Seen) -> Iterator[str]:
    """All that there is to say, each part on a line of its own."""
    now = seen.now
    yield f"{seen.name}: {', '.join([*now.done_in_words, *now.time_in_words])}"
    for label, parts in (("jobs", now.states_in_words), ("files", now.files_in_words)):
        if parts:
            yield f"{label:7}{', '.join(parts)}"
    if seen.waits:
        yield "; ".join(seen.waits)
    yield from seen.lines()


# -- until the run ends


def _watch(settings: Settings, look: Look) -> Result:
    seen = look.seen()
    try:
        if not (look_of(sys.stdout).dumb or settings.json):
            with _Drawing(seen, settings.color) as drawing:
                drawing.show(seen)
                while seen.goes_on:
                    time.sleep(EACH)
                    seen = look.seen()
                    drawing.show(seen)
            return Result(ExitCode.OK)
        is_read = _tell(seen, as_json=settings.json)
        while is_read and seen.goes_on:
            time.sleep(EACH)
            before, seen = seen, look.seen()
            if _is_news(before, seen):
                is_read = _tell(seen, as_json=settings.json)
    except Interrupted as interrupted:
        if interrupted.exit_code is not ExitCode.SIGINT:
            raise
    return Result(ExitCode.OK)


def _is_news(before: Seen, seen: Seen) -> bool:
    return (before.now.changes, before.who, before.run.header.run) != (seen.now.changes, seen.who, seen.run.header.run)


def _tell(seen: Seen, *, as_json: bool) -> bool:
    """Write a line; whether somebody reads it."""
    if as_json:
        return say(sys.stdout, json.dumps(seen.json()))
    return say(sys.stdout, plain(f"{seen.name}: {seen.now}{'' if seen.goes_on else f'; {seen.who}'}"))


class _Drawing:
    """The run on the terminal that is stdout, drawn anew in its place. A context manager, which leaves the last one."""

    def __init__(self, seen: Seen, colour: str) -> None:
        from rich.console import Console  # slow to import, and who reads a pipe does not need it
        from rich.live import Live

        from jobbag.display.live import Frame

        look = look_of(sys.stdout, colour)
        self._frame = Frame(plain(seen.name), letters=look.letters)
        console = Console(color_system="standard" if look.colour else None, no_color=not look.colour)
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def __enter__(self) -> _Drawing:
        self._live.start()
        self._live.console.show_cursor(True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, seen: Seen) -> None:
        """Draw it in the place of what was drawn before."""
        self._live.update(self._drawn(seen), refresh=True)

    def once(self, seen: Seen) -> None:
        """Print it, outside of the context."""
        self._live.console.print(self._drawn(seen))

    def _drawn(self, seen: Seen) -> Group:
        from rich.console import Group
        from rich.text import Text

        self._frame.now = seen.now
        lines = [Text(plain(line)) for line in seen.lines()]
        return Group(self._frame, *lines)


# -- all runs of a directory


def _of_all(settings: Settings) -> Result:
    found: list[Any] = []
    for path in journals():
        try:
            found.append(Look(settings, path).seen())
        except InputError as error:
            found.append(error)
    if not found:
        what = f"there is no journal in {Path.cwd()}: no run has begun here"
        raise InputError.of("--status", what)
    if settings.json:
        runs = [one.json() for one in found if isinstance(one, Seen)]
        wrong = [line for one in found if isinstance(one, InputError) for line in one.lines]
        return Result(ExitCode.OK, tuple(json.dumps({"runs": runs, "errors": wrong}, indent=2).splitlines()))
    return Result(ExitCode.OK, tuple(_one_line(one) for one in found))


def _one_line(one: Seen | InputError) -> str:
    if isinstance(one, InputError):
        return one.lines[0]
    return f"{one.name}: {', '.join(one.now.done_in_words)}; {one.who}"


def journals() -> list[Path]:
    """The journals in the working directory, by name. Raises InputError."""
    try:
        names = sorted(name for name in os.listdir() if name.endswith(".journal") and not name.startswith("."))
    except OSError as error:
        raise InputError.of("the working directory", f"cannot be read: {error.strerror}") from None
    return [Path(name) for name in names]
