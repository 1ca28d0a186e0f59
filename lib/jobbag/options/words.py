"""Words of a command line that begin like options, and are none."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jobbag.hints import nearest
from jobbag.options.table import INFORMATION, OPTIONS

_ALL = (*INFORMATION, *OPTIONS)
FLAGS = frozenset(flag for option in _ALL for flag in option.flags)
LONG = tuple(option.long for option in _ALL)
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"  # the first is that of options; the others come from a text
_NUMBER = re.compile(r"-\d")

# What other commands call it, without the dashes.
_ELSEWHERE = {
    "bucket": "--s3",
    "config": "--conf",
    "config-file": "--conf",
    "debug": "--log-level debug",
    "verbose": "--log-level debug",
    "v": "--log-level debug",
    "environment": "--compute-environment",
    "output-dir": "--results",
    "profile": "the variable AWS_PROFILE",
    "dryrun": "--dry-run",
    "n": "--dry-run",
}


def unknown(words: Sequence[str]) -> list[str]:
    """Those of the words that begin like an option, and are none.

    A short option that has its value in the same word is one, if the word is not like a long option with one dash.
    """
    return [word for word in words if _is_unknown(word)]


def _is_unknown(word: str) -> bool:
    name = word.partition("=")[0]
    if word == "-" or not word.startswith(tuple(_DASHES)) or name in FLAGS or _NUMBER.match(word):
        return False
    is_short = not name.startswith("--") and name[:2] in FLAGS
    return not is_short or (len(name) > 2 and any(one[2] == name[1] for one in _like(name)))


def hint(word: str) -> str:
    """The end of a message on an unknown option: what may have been meant; nothing where that is a guess."""
    name = word.partition("=")[0]
    elsewhere = _ELSEWHERE.get(name.lstrip(_DASHES).lower())
    found = [elsewhere] if elsewhere else _like(name)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def _like(name: str) -> list[str]:
    """The long options that a word is like, whatever its dashes are."""
    long = f"--{name.lstrip(_DASHES)}"
    return [long] if long in FLAGS else nearest(long, LONG)
