"""The properties file, and which of its properties may have been meant as some of this command."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import configargparse

from jobbag.errors import PROG, InputError
from jobbag.hints import file_like, nearest
from jobbag.options.java_habits import expanded
from jobbag.options.table import PROPERTIES

OURS = "pegasus.aws."  # begins the names of all properties of this command, but for one
_FAMILIES = ("pegasus.aws", "pegasus.batch", "aws.", "batch.")


class PropertiesFile(configargparse.ConfigFileParser):  # type: ignore[misc]
    """Reads a Java properties file for configargparse: our own keys only, as the options they stand for."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []  # of what was read
        self.keys: dict[str, str] = {}  # of the options that were given, where they were read

    def parse(self, stream: io.StringIO) -> dict[str, str]:
        import javaproperties  # 45 ms that --help need not wait for

        file, text = getattr(stream, "name", ""), stream.getvalue()
        if text.lstrip().startswith(("{", "[")):
            raise configargparse.ConfigFileParserException(f"{file} is JSON, and not lines of key=value")
        try:
            found = javaproperties.loads(text)
        except javaproperties.InvalidUEscapeError as error:
            raise configargparse.ConfigFileParserException(f"{file}: {error}") from None
        self.warnings += (f"{file}: {what}" for what in strangers(found))
        # In the order of the table: pegasus.aws.endpoint wins over endpoint.
        given = {name: option for name, option in PROPERTIES.items() if name in found}
        values = ((name, option, expanded(name, found).strip()) for name, option in given.items())
        kept = {option: (name, value) for name, option, value in values if value}
        self.keys |= {option: f"{file}: {name}" for option, (name, _) in kept.items()}
        return {option: value for option, (_, value) in kept.items()}

    def get_syntax_description(self) -> str:
        return "The properties file has the format of Java's (key=value)."


class _NamedText(io.StringIO):
    """A text with the name of its file, which configargparse puts into its errors."""

    name = ""


def open_properties(path: str) -> io.StringIO:
    """The properties file as text: UTF-8 as people write it, else ISO-8859-1 as Java does. Raises InputError."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError.of("--conf", f"cannot read {path}: {error.strerror}{file_like(Path(path))}") from None
    if b"\0" in data:
        raise InputError.of("--conf", f"{path}: it is UTF-16, or no text: save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("iso-8859-1")
    stream = _NamedText(text)
    stream.name = path
    return stream


def strangers(found: Mapping[str, str]) -> Iterator[str]:
    """What to say of properties that are none of this command, but look like it. Of those of Pegasus, nothing."""
    for name in found:
        if name in PROPERTIES or any(f"${{{name}}}" in value for value in found.values()):
            continue
        meant = _meant(name)
        if meant or name.startswith(OURS):
            hint = f"; did you mean {meant}?" if meant else ""
            yield f"{name} is no property of {PROG}{hint}"


def _meant(name: str) -> str | None:
    """The property that this one may be meant as, by its last part."""
    last = {key.rpartition(".")[2]: key for key in sorted(PROPERTIES)}
    family, _, part = name.rpartition(".")
    if not family:
        return next((last[one] for one in last if one == part.lower().replace("-", "_")), None)
    if not name.lower().startswith(_FAMILIES):
        return None
    return last.get(part) or next((last[one] for one in nearest(part, last)), None)
