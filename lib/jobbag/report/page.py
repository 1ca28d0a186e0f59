"""The report of a run: its summary as a page for the browser, in a single file."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from jobbag.files import replaced
from jobbag.report.summary import Ended, summary

_PARTS = resources.files("jobbag.report") / "assets"
_SCRIPTS = (
    "words.js", "jobs.js", "facts.js", "scales.js", "timeline.js", "pointer.js", "histograms.js", "table.js", "main.js",
)  # fmt: skip


def write(path: Path, end: Ended) -> None:
    """Put the page of a run into a file, whole, by rename. Raises OSError."""
    with replaced(path) as file:
        file.write(page(summary(end), os.path.relpath(Path.cwd(), path.absolute().parent)))


def page(summary: Mapping[str, Any], outputs: str = ".") -> str:
    """The page of a run, as HTML. `outputs`: the path from the page's directory to that of the run.

    The page runs no script but its own, loads nothing, and shows all values of the summary as text.
    """
    style = _read("report.css")
    script = "\n".join(map(_read, _SCRIPTS))
    policy = {
        "default-src": "'none'",
        "script-src": _source(script),
        "style-src": _source(style),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return Template(_read("report.html")).substitute(
        policy="; ".join(f"{name} {value}" for name, value in policy.items()),
        style=style,
        script=script,
        base=quote(os.fsencode(outputs)) + "/",
        summary=_embedded(summary),
    )


def _embedded(summary: Mapping[str, Any]) -> str:
    """JSON that can stand inside a script element: ASCII, and no character in it begins or ends anything in HTML."""
    text = json.dumps(summary, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _source(text: str) -> str:
    """The inline script or style that a Content-Security-Policy allows: the one with this content."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")
