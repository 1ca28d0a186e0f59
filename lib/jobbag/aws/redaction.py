"""Requests and answers of AWS as the trace log shows them: without secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

# Environment variables whose values are shown: those of the tool, of AWS Batch, and of the jobs' protocol.
_HARMLESS = re.compile(r"PEGASUS_\w+|AWS_BATCH_\w+|BATCH_FILE_\w+|TRANSFER_INPUT_FILES|AWS_(DEFAULT_)?REGION")
_SECRET = re.compile(
    r"secret|(?<!next)(?<!Forward)(?<!Backward)token|passw|passphrase|pwd|credential|signature|_key|apikey|privatekey",
    re.IGNORECASE,
)
_SECRET_VARIABLE = re.compile(r"KEY|PASS|PEM|CERT|AUTH|CRED|(^|[_-])pass($|[_-])")  # no API spells a member like this
_NAME = r"(?<![\w.-])(?=[\d_.-]*[A-Za-z])(?P<name>[\w.-]+)"  # begins in one place only, or long words take hours
_ASSIGNMENT = re.compile(rf"{_NAME}=(?:'[^']*'|\"[^\"]*\"|[^\s'\"]+)+", re.ASCII)
_OPTION = re.compile(r"--?[\w-]+")
# In a line of shell, or in JSON: what stands behind an option, a name, or the kind of what proves who asks.
_VALUE = r"(?:'[^']*'|\"[^\"]*\"|[^\s'\";|&]+)+"
_SPOKEN = (
    re.compile(rf"\b(?P<name>Bearer|Basic)(?P<how>\s+){_VALUE}"),
    re.compile(rf"{_NAME}(?P<how>['\"]?\s*:\s*)(?:'[^']*'|\"[^\"]*\"|[^\s'\";|&,]+)", re.ASCII),
    re.compile(rf"{_NAME}(?P<how>=){_VALUE}", re.ASCII),
    re.compile(rf"(?<![\w-])(?P<name>--?[A-Za-z][\w-]*)(?P<how>\s+)(?![-|;&<>]){_VALUE}"),
)
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_QUERY = re.compile(r"(\w+://[^\s?#'\"]*)[?#][^\s'\",]+")  # of a signed URL, for example
_USER = re.compile(r"(\w+://)[^\s/@'\"]+@")

HIDDEN = "***"


class Redacted:
    """A request or an answer for the trace log: made into text only when it is logged, without secrets.

    Not shown are the values of variables that are not known to be harmless, in whatever form they come; texts that
    jobs wrote; bytes; and what is named as a secret.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content

    def __str__(self) -> str:
        return json.dumps(_shown(self.content), default=str, ensure_ascii=False)


def _shown(content: Any) -> Any:
    if isinstance(content, Mapping):
        if isinstance(content.get("name"), str) and "value" in content:
            return {**content, "value": _value(content["name"], content["value"])}
        return {str(key): _member(str(key), value) for key, value in content.items() if key != "ResponseMetadata"}
    if isinstance(content, (list, tuple)):
        return [_shown(item) for item in content]
    if isinstance(content, (bytes, bytearray)):
        return f"<{len(content)} bytes>"
    return _text(content) if isinstance(content, str) else content


def _member(name: str, value: Any) -> Any:
    if isinstance(value, str) and (_SECRET.search(name) or _SECRET_VARIABLE.search(name)):
        return HIDDEN
    if name in ("command", "args") and isinstance(value, (list, tuple)):
        return _words(value)
    if name == "parameters" and isinstance(value, Mapping):  # which become words of the command
        return {str(key): _value(str(key), one) for key, one in value.items()}
    if name == "message" and isinstance(value, str):  # of a log event: jobs print what they like, such as variables
        return f"<{len(value)} characters>"
    return _shown(value)


def _value(name: str, value: Any) -> Any:
    """The value of a variable."""
    return _shown(value) if _is_harmless(name) else HIDDEN


def _is_harmless(variable: str) -> bool:
    return bool(_HARMLESS.fullmatch(variable)) and not _SECRET.search(variable)


def _words(words: list[Any] | tuple[Any, ...]) -> list[Any]:
    """The words of a command: without the values that it gives to variables and options that sound like a secret."""
    found: list[Any] = []
    last = ""
    for word in words:
        option = _OPTION.fullmatch(last)
        secret = option and (_SECRET.search(last) or _SECRET_VARIABLE.search(last.upper()))
        shown = _ASSIGNMENT.sub(_hidden, _text(word)) if isinstance(word, str) else _shown(word)
        found.append(HIDDEN if secret else shown)
        last = str(word)
    return found


def shown_command(words: Sequence[str]) -> list[str]:
    """The words of a command, for people: without values of variables, and values whose names sound like a secret."""
    lasts = ("", *words)
    return [HIDDEN if _OPTION.fullmatch(last) and _is_secret(last) else _shown_word(word)
            for last, word in zip(lasts, words, strict=False)]  # fmt: skip


def _shown_word(word: str) -> str:
    """A word, which may be a line of shell, or JSON."""
    text = _text(word)
    for spoken in _SPOKEN:
        text = spoken.sub(_unspoken, text)
    return text


def _is_secret(name: str) -> bool:
    return bool(_SECRET.search(name) or _SECRET_VARIABLE.search(name.upper()))


def _unspoken(said: re.Match[str]) -> str:
    name, how = said["name"], said["how"]
    is_variable = how == "=" and _VARIABLE.fullmatch(name) and not _is_harmless(name)
    hides = is_variable or _is_secret(name) or name in ("Bearer", "Basic")
    return f"{name}{how}{HIDDEN}" if hides else said[0]


def _hidden(assignment: re.Match[str]) -> str:
    return assignment[0] if _is_harmless(assignment["name"]) else f"{assignment['name']}={HIDDEN}"


def _text(text: str) -> str:
    """Without what a URL says beside its address."""
    if "://" not in text:
        return text
    return _QUERY.sub(rf"\1?{HIDDEN}", _USER.sub(rf"\1{HIDDEN}@", text))
