"""One option of the command."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Option(NamedTuple):
    """An option: its spellings, the words for its value (None: a switch), its key in the properties file."""

    flags: tuple[str, ...]
    help: str
    metavar: str | None = None
    key: str | None = None
    choices: tuple[str, ...] = ()
    takes: Literal["file", "files", "text"] = "text"  # what a shell offers for the value; files: with commas
    optional: bool = False  # it is given with or without a value, as --option=value or as --option
    several: bool = False  # each time that it is given counts, not only the last

    @property
    def long(self) -> str:
        """The long spelling, such as --log-level; without the dashes, it names the value in the parsed options."""
        return self.flags[-1]

    @property
    def dest(self) -> str:
        return self.long.removeprefix("--").replace("-", "_")
