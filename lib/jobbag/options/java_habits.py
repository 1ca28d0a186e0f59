"""What users of the Java tool may have on their command line and in their properties (docs/from-the-java-tool.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from jobbag.errors import InputError
from jobbag.options.table import INFORMATION, OPTIONS, PROPERTIES

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_SYSTEM: Mapping[str, Callable[[], str]] = {
    "user.home": lambda: str(Path.home()),
    "user.name": lambda: import_module("getpass").getuser(),
    "user.dir": lambda: str(Path.cwd()),
    "java.io.tmpdir": lambda: import_module("tempfile").gettempdir(),
}


def as_options(words: Sequence[str]) -> list[str]:
    """The words of a command line, with what only the Java tool and its wrapper knew as options of this tool.

    A long option may have one dash. A property that is set for the Java machine (-Dname=value) is one of the properties
    file that wins over it; other options of that machine say nothing here.
    """
    options = list(words)
    end = options.index("--") if "--" in options else len(options)
    properties = [word for word in options[:end] if word.startswith("-D")]
    kept = [_long(word) for word in options[:end] if not word.startswith(("-D", "-X"))]
    return [*_options_of(properties), *kept, *options[end:]]


def _long(word: str) -> str:
    name, sign, value = word.partition("=")
    return f"-{name}{sign}{value}" if f"-{name}" in _LONG else word


_LONG = frozenset(flag for option in (*OPTIONS, *INFORMATION) for flag in option.flags if flag.startswith("--"))
_SWITCHES = frozenset(option.long for option in OPTIONS if option.metavar is None)


def _options_of(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        name, value = _property(word)
        option = PROPERTIES.get(name)
        if option in _SWITCHES:
            yield from [option] if value.lower() in ("", "true") else []
        elif option is not None:
            yield f"{option}={value}"


def set_for_java(words: Sequence[str]) -> dict[str, str]:
    """The properties that are set for the Java machine, on a command line as it was given."""
    end = words.index("--") if "--" in words else len(words)
    return dict(_property(word) for word in words[:end] if word.startswith("-D"))


def _property(word: str) -> tuple[str, str]:
    name, _, value = word.removeprefix("-D").partition("=")
    return name, value


def expanded(name: str, properties: Mapping[str, str]) -> str:
    """The value of a property, with what its references such as ${user.home} stand for.

    They name a few properties of the Java machine, or others of the same file. Raises InputError for any other.
    """
    value = properties[name]
    for _ in range(len(properties) + 1):  # of a property that refers to another, which refers to another
        if not _REFERENCE.search(value):
            return value
        value = _REFERENCE.sub(lambda found: _referred(name, found[1], properties), value)
    raise InputError.of(name, f"{properties[name]!r} refers to itself")


def _referred(name: str, reference: str, properties: Mapping[str, str]) -> str:
    if reference in _SYSTEM:
        return _SYSTEM[reference]()
    if reference in properties:
        return properties[reference]
    known = ", ".join(f"${{{one}}}" for one in _SYSTEM)
    raise InputError.of(
        name, f"{properties[name]!r}: ${{{reference}}} is neither in the properties file nor one of {known}"
    )
