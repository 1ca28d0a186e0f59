"""The report of a run: its summary as a page for the browser, in a single file."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from jobbag.files import replaced
from jobbag.report.summary import Ended, jobs, overview

_SCRIPTS = (
    "words.js", "jobs.js", "view.js", "facts.js", "scales.js", "timeline.js", "pointer.js", "histograms.js", "table.js",
    "dialog.js", "order.js", "drawing.js", "export.js", "live.js", "main.js",
)  # fmt: skip
_encoded = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def write(path: Path, end: Ended) -> None:
    """Put the page of a run into a file, whole, by rename. Raises OSError."""
    with replaced(path) as file:
        file.writelines(of(path, end))


def of(path: Path, end: Ended) -> Iterator[str]:
    """The page of a run for the file at `path`, in parts: of many jobs it is too large to have it twice in memory."""
    return page(overview(end), jobs(end), os.path.relpath(Path.cwd(), path.absolute().parent))


def page(overview: Mapping[str, Any], jobs: Iterable[Mapping[str, Any]], outputs: str = ".") -> Iterator[str]:
    """The page of a run, as HTML in parts: of the two parts of its summary, and the path from the page's directory to
    that of the run.

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
    before, after = (
        Template(half).substitute(
            policy="; ".join(f"{name} {value}" for name, value in policy.items()),
            style=style,
            script=script,
            base=quote(os.fsencode(outputs)) + "/",
        )
        for half in _read("report.html").split("$summary")
    )
    yield f'{before}{_embedded(overview)[:-1]},"jobs":['
    for number, job in enumerate(jobs):
        yield f"{',' if number else ''}{_embedded(job)}"
    yield f"]}}{after}"


def _embedded(value: Mapping[str, Any]) -> str:
    """JSON that can stand inside a script element: ASCII, and no character in it begins or ends anything in HTML."""
    return _encoded(value).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _source(text: str) -> str:
    """The inline script or style that a Content-Security-Policy allows: the one with this content."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    from importlib import resources  # slow to import, and most runs have no report

    return (resources.files("jobbag.report") / "assets" / name).read_text(encoding="utf-8")
