"""JSON of a file, and what is wrong with a text that is none: in words for who has written it."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any, NoReturn

from jobbag.errors import InputError, Problem

INVALID = "invalid JSON"

_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[][{},:]|[^][{},:\s"]+|"')
_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"[^\W\d][\w.-]*|[-+.]?\d[\w.+-]*|[-+.]\w*")
_CLOSES = {"[": "]", "{": "}"}
_WRITTEN = {"true": "true", "false": "false", "null": "null", "none": "null", "nil": "null", "undefined": "null"}
_NO_NUMBERS = ("nan", "inf", "infinity", "-nan", "-inf", "-infinity")
_COMMENTS = ("//", "/*", "#")
_BINARY = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"%PDF": "PDF"}
_SHOWN = 40  # characters of the text

Fault = tuple[int, str]  # where it is, as an index of the text, and what to do
Tokens = list[tuple[int, str]]  # each with its index


def loads(data: bytes, path: Path) -> Any:
    """What the content of a file says. Raises InputError with what is wrong, and where."""
    kind = next((kind for begin, kind in _BINARY.items() if data.startswith(begin)), None)
    if kind is not None:
        raise InputError.of(str(path), f"{INVALID}: the file is binary ({kind})")
    try:
        text = data.decode(json.detect_encoding(data), "surrogatepass")
    except UnicodeDecodeError as error:
        if b"\0" in data:
            raise InputError.of(str(path), f"{INVALID}: the file is binary, and not UTF-8") from None
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError.of(str(path), f"{INVALID}: not UTF-8 in line {line}, at byte {error.start}") from None
    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise _told(path, text, _fault(text, error)) from None
    except RecursionError:
        raise InputError.of(str(path), f"{INVALID}: it is nested too deep") from None
    except ValueError as error:
        found = next((one for one in _TOKEN.finditer(text) if one[0].lower() in _NO_NUMBERS), None)
        if found is None:
            raise InputError.of(str(path), f"{INVALID}: {error}") from None
        raise _told(path, text, (found.start(), _no_number(found[0]))) from None


def refuse(constant: str) -> NoReturn:
    """For `parse_constant` of the json module, which takes more numbers than JSON has. Raises ValueError."""
    raise ValueError(constant)


def _told(path: Path, text: str, fault: Fault) -> InputError:
    at, what = fault
    where = f"{path}: line {_line(text, at)}, column {at - text.rfind(chr(10), 0, at)}"
    return InputError([Problem(where, f"{INVALID}: {what}")])


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _fault(text: str, error: json.JSONDecodeError) -> Fault:
    at, begin = _skip(text, error.pos), _skip(text, 0)
    if begin == len(text):
        return 0, "the file is empty"
    if at == begin and (kind := _other_kind(text[begin:])) is not None:
        return begin, kind
    if error.msg.startswith("Invalid control"):
        if text[error.pos] == "\n":
            return error.pos, "a text ends in its line: a quote is missing, or write \\n for a line break"
        return error.pos, "a control character stands in a text: write \\t for a tab"
    if error.msg.startswith("Invalid \\"):
        return error.pos, "write \\\\ for a backslash in a text"
    if error.msg.startswith("Unterminated"):
        return error.pos, "the quote at the end of this text is missing"
    return _fault_at(text, at, error.msg) or (error.pos, f"{error.msg[:1].lower()}{error.msg[1:]}")


def _other_kind(text: str) -> str | None:
    """What a text is that does not begin as JSON does; None if it does, or that is not known."""
    line, _, rest = text.partition("\n")
    if text[0] in "{[" or (line.startswith(_COMMENTS) and not line.startswith("#!") and "{" in rest):
        return None
    if line.startswith("<"):
        return "it is HTML or XML"
    if re.search(r"^\s*(pegasus|endpoint)[\w.]*\s*[=:]", text, re.MULTILINE):
        return "it looks like a properties file, which is given with --conf"
    if re.match(r'---|- |%YAML|"?[\w$.-]+"?:(\s|$)', line):
        return 'it looks like YAML: write it as JSON, with {"name": value} and ["text", "text"]'
    if line.startswith("#!") or (" " in line.strip() and re.match(r"[\w./$~]", line)):
        return "JSON begins with a {; lines of shell, each a job, are given with --commands"
    if "," in line:
        return "JSON begins with a {; a table, of which each row is a job, is given with --sweep"
    return None


def _fault_at(text: str, at: int, message: str) -> Fault | None:
    """What stands at an index, where the decoder could not go on for the reason in its message."""
    opened, before = _before(text, at)
    start, last = before[-1] if before else (0, "")
    rest, found = text[at:], text[at : at + 1]
    if not found:
        return at, f"the file ends, but {_begin(text, opened[-1])} is not closed" if opened else "the file ends early"
    if rest.startswith(_COMMENTS):
        return at, f"JSON has no comments: leave out {rest.splitlines()[0][:_SHOWN].strip()!r}"
    if found == "'":
        return at, 'texts and names stand in double quotes ("), not in single ones'
    if not found.isascii() and not found.isalpha():
        name = unicodedata.name(found, "unnamed").lower()
        return at, f"here stands U+{ord(found):04X} ({name}), which JSON has in texts only"
    if found == "," and last in ("[", "{", ","):
        return at, f"a comma too many behind {last}"
    if found in "]}" and last == ",":
        return start, f"a comma too many before {found}"
    if last.startswith('"') and start + len(last) == at and found.isalnum():
        return start, 'a quote is missing in this text, or is too many: write \\" for one in a text'
    if message.startswith("Extra data"):
        return at, _behind_the_end(found)
    if (word := _WORD.match(rest)) is not None and (fault := _word(word[0], message)) is not None:
        return at, fault
    if message.startswith("Expecting ':'"):
        wrong = (
            f"a : is missing behind {last[:_SHOWN]}"
            if found not in ",}"
            else f"the value of {last[:_SHOWN]} is missing"
        )
        return at, wrong if found != "=" else "between a name and its value stands a :"
    if found in "]}" and not opened:
        return at, f"this {found} is too many"
    if found in "]}" and _CLOSES[opened[-1][1]] != found:
        return at, f"before this {found}, {_begin(text, opened[-1])} must be closed"
    if message.startswith("Expecting ',"):
        if start + len(last) == at and last[:1] in "-0123456789":
            return start, f"{last}{word[0] if word else found} is no number in JSON"
        return start + len(last), "a comma is missing here"
    return (at, f"the value before this {found} is missing") if found in ",]}" else None


def _before(text: str, at: int) -> tuple[Tokens, Tokens]:
    """The brackets that are open at an index, and the last token before it."""
    opened: Tokens = []
    last: Tokens = []
    for token in _TOKEN.finditer(text, 0, at):
        last = [(token.start(), token[0])]
        if token[0] in _CLOSES:
            opened += last
        elif token[0] in ("]", "}") and opened:
            opened.pop()
    return opened, last


def _begin(text: str, bracket: tuple[int, str]) -> str:
    return f"the {bracket[1]} of line {_line(text, bracket[0])}"


def _behind_the_end(found: str) -> str:
    if found in "{[":
        return "a second document begins here: put all jobs into one list, or give several files"
    return f"this {found} is too many" if found in "]}" else "this is behind the end"


def _word(word: str, message: str) -> str | None:
    """What to do with a word that has no quotes."""
    shown = word[:_SHOWN]
    if message.startswith("Expecting property name"):
        return f'names stand in double quotes: "{shown}"'
    if not message.startswith("Expecting value"):
        return None
    if word.lower() in _NO_NUMBERS:
        return _no_number(word)
    if word.lower() in _WRITTEN:
        return f"{shown} is written {_WRITTEN[word.lower()]} in JSON"
    return f"{shown} is no number in JSON" if word[0] in "+-.0123456789" else f'texts stand in double quotes: "{shown}"'


def _no_number(word: str) -> str:
    return f"{word} is no number in JSON: write null, or it in quotes, or leave it out"
