"""The content of a job submit file, read in pieces: its text and its jobs at once would be twice the file."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import Any, BinaryIO

from jobbag.bag import json_text
from jobbag.files import opened

PIECE = 1024 * 1024  # bytes
_SPACE = re.compile(r"[ \t\n\r]*")
_decoder = json.JSONDecoder(parse_constant=json_text.refuse)


class ObjectText(str):
    """A JSON object as its text, which takes a fraction of the memory."""

    __slots__ = ()

    def value(self) -> dict[str, Any]:
        """The object."""
        value: dict[str, Any] = _decoder.decode(self)
        return value


def content_of(path: Path) -> Any:
    """The content of a JSON file, in which the jobs may be ObjectTexts. Raises OSError, and InputError for no JSON."""
    with opened(path) as file:
        try:
            return _Text(file).top_level()
        except (ValueError, IndexError, RecursionError):  # or it is no object with lists of objects, but may be JSON
            file.seek(0)
        return json_text.loads(file.read(), path)


class _Text:
    """The text of a file from a position on; what is behind it is let go."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text, self._at = "", 0
        self._begin = 0  # of the last value
        self._ended = False

    def top_level(self) -> dict[str, Any]:
        """The object that the file is. Raises ValueError or IndexError if it is something else."""
        found: dict[str, Any] = {}
        self._pass("{")
        while self._next() != "}":
            if found:
                self._pass(",")
            key = self._value('"')
            self._pass(":")
            begin = self._next()
            if key == "SubmitJob" and begin == "[":
                found[key] = self._objects()
            else:
                found[key] = self._value('"' if begin == '"' else "{")
        self._pass("}")
        if self._next():
            raise ValueError
        return found

    def _objects(self) -> list[ObjectText]:
        found: list[ObjectText] = []
        self._pass("[")
        while self._next() != "]":
            if found:
                self._pass(",")
            self._value("{")
            found.append(ObjectText(self._text[self._begin : self._at]))
        self._pass("]")
        return found

    def _value(self, begin: str) -> Any:
        """A string or an object, either of which tells its own end."""
        if self._next() != begin:
            raise ValueError
        while True:
            self._begin = self._at
            try:
                value, self._at = _decoder.raw_decode(self._text, self._begin)
            except ValueError:
                if not self._more():
                    raise
            else:
                return value

    def _pass(self, character: str) -> None:
        if self._next() != character:
            raise ValueError
        self._at += 1

    def _next(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Take another piece, as large as what is there at least; false at the end."""
        if self._ended:
            return False
        piece = self._file.read(max(PIECE, len(self._text) - self._at))
        self._ended = not piece
        self._text, self._at = self._text[self._at :] + self._decode(piece, final=self._ended), 0
        return True
