"""Bags without JSON: a file of commands, and a table of parameters. They become the entries of a job submit file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jobbag.errors import Problem
from jobbag.files import opened, stem_of
from jobbag.hints import file_like, some_of

Entries = tuple[list[dict[str, Any]], list[Problem]]  # jobs as in a job submit file, and what is wrong

_FEW, _MANY = 5, 20  # rows, and columns, that a message names
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")  # of a template: what does not stand for itself


class Table(Protocol):
    """Where the jobs of a bag come from, if it is no job submit file."""

    @property
    def path(self) -> Path:
        """How messages name it."""

    def entries(self) -> Entries:
        """Its jobs, and all that is wrong with it."""


@dataclass(frozen=True)
class Commands:
    """A file with a line of shell for each job; those that are empty or begin with # are none."""

    path: Path

    def entries(self) -> Entries:
        """Its jobs, and all that is wrong with it."""
        text, problems = _text_of(self.path, "file of commands")
        lines = [line.removesuffix("\r") for line in text.split("\n")]
        lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
        names = _numbered("job", len(lines))
        jobs = zip(names, lines, strict=True)
        return [{"jobName": name, "executable": "sh", "arguments": ["-c", line]} for name, line in jobs], problems


@dataclass(frozen=True)
class Sweep:
    """A table of which each row is a job. In the templates, `{column}` stands for what the row has there."""

    path: Path
    words: tuple[str, ...]  # templates of the executable and its arguments
    inputs: tuple[str, ...] = ()  # templates, as `outputs`
    outputs: tuple[str, ...] = ()
    name: str | None = None  # template; None: the stem of the file and the number of the row

    def entries(self) -> Entries:
        """Its jobs, and all that is wrong with it and the templates."""
        text, problems = _text_of(self.path, "table")
        if problems:
            return [], problems
        table = _Table(self.path, text)
        wrong = list(dict.fromkeys(self._template_problems(table.columns))) if table.columns else []
        if wrong:
            return [], [*table.problems, *wrong]
        named: dict[str, list[int]] = {}
        entries = []
        for (number, row), default in zip(table.rows, self._default_names(table), strict=True):
            name = default if self.name is None else _filled(self.name, row)
            if name not in named:  # of those with one name, the first is looked at for other problems
                entries.append({"jobName": name, **self._fields(row)})
            named.setdefault(name, []).append(number)
        same = [Problem(str(self.path), _one_name(name, rows)) for name, rows in named.items() if len(rows) > 1]
        return entries, [*table.problems, *same]

    def _fields(self, row: Mapping[str, str]) -> dict[str, Any]:
        executable, *arguments = (_filled(word, row) for word in self.words)
        fields: dict[str, Any] = {"executable": executable}
        for key, values in (
            ("arguments", arguments),
            ("inputs", [_filled(one, row) for one in self.inputs]),
            ("outputs", [_filled(one, row) for one in self.outputs]),
        ):
            if values:
                fields[key] = values
        return fields

    def _default_names(self, table: _Table) -> list[str]:
        numbered = _numbered(stem_of(self.path), table.size)
        return [numbered[number - 1] for number, _ in table.rows]

    def _template_problems(self, columns: Sequence[str]) -> Iterator[Problem]:
        templates = [("--sweep", word) for word in self.words]
        templates += [("--input", one) for one in self.inputs]
        templates += [("--output", one) for one in self.outputs]
        templates += [("--name", self.name)] if self.name is not None else []
        for option, template in templates:
            for found in _PIECE.finditer(template):
                if found[0] in ("{", "}"):
                    yield Problem(option, f"{template!r} has a single {found[0]}: write {found[0] * 2} for a brace")
                elif found[1] is not None and found[1] not in columns:
                    known = ", ".join(columns) if len(columns) <= _MANY else some_of(columns, found[1], _MANY)
                    what = f"{template!r}: {self.path} has no column {found[1]!r}, but {known}; for a brace write {{{{"
                    yield Problem(option, what)


class _Table:
    """The rows of a table with a header line, each with its number, from 1 behind the header. Lines with nothing on
    them are none.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.columns: list[str] = []
        self.rows: list[tuple[int, dict[str, str]]] = []  # those that are as long as the header
        self.problems: list[Problem] = []
        self.size = 0  # rows, whatever their length
        dialect = "excel-tab" if path.suffix.lower() == ".tsv" else "excel"
        reader = csv.reader(io.StringIO(text, newline=""), dialect, strict=True)
        line = 1
        try:
            for values in reader:
                where = f"{path}: line {line}"
                line = reader.line_num + 1
                if not values:
                    continue
                if not self.columns:
                    self._head(where, values)
                else:
                    self.size += 1
                    self._add(where, values)
        except csv.Error as error:
            self.problems.append(Problem(f"{path}: line {max(reader.line_num, 1)}", f"is no CSV: {error}"))
        if not self.columns and not self.problems:
            self.problems.append(Problem(str(path), "is empty: the first line must name the columns"))

    def _head(self, where: str, values: list[str]) -> None:
        self.columns = values
        twice = dict.fromkeys(name for name in values if values.count(name) > 1)
        self.problems += [Problem(where, f"two columns have the name {name!r}") for name in twice]

    def _add(self, where: str, values: list[str]) -> None:
        if len(values) == len(self.columns):
            self.rows.append((self.size, dict(zip(self.columns, values, strict=True))))
        else:
            what = f"number of values: {len(values)}, but the header has {len(self.columns)} columns"
            self.problems.append(Problem(where, what))


def _numbered(stem: str, count: int) -> list[str]:
    """`stem-01` and so on, with digits enough that the names are in order for a shell, too."""
    return [f"{stem}-{number:0{len(str(count))}}" for number in range(1, count + 1)]


def _filled(template: str, row: Mapping[str, str]) -> str:
    return _PIECE.sub(lambda found: found[0][0] if found[1] is None else row[found[1]], template)


def _one_name(name: str, rows: Sequence[int]) -> str:
    more = f" and {len(rows) - _FEW:,} more" if len(rows) > _FEW else ""
    shown = ", ".join(map(str, rows[:_FEW]))
    return f"rows {shown}{more} give one name, {name!r}: a column that tells them apart belongs into --name"


def _text_of(path: Path, what: str) -> tuple[str, list[Problem]]:
    """The text of a file, and why it cannot be read."""
    try:
        with opened(path) as file:
            data = file.read()
    except OSError as error:
        return "", [Problem(str(path), f"cannot read the {what}: {error.strerror}{file_like(path)}")]
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        kind = "is UTF-16: save it as UTF-8" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "is not UTF-8"
        return "", [Problem(f"{path}: line {line}", kind)]
