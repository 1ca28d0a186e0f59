"""The page of a run: whatever stands in the summary is data in it, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from helpers.summaries import page_of, sample

MARKUP = ("</script>", "</SCRIPT >", "<!--<script>", "<img src=x onerror=alert(1)>", "&lt;")
HOSTILE = st.sampled_from([*MARKUP, "$summary", "\u2028", "\ud800", "\0"])
TEXT = st.lists(st.text(max_size=8) | HOSTILE, max_size=4).map("".join)


class Parsed(HTMLParser):
    """The elements of a page, and what is inside its scripts and its style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, str] = {}  # by the type of the script, or "style"
        self._in = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._in = str(dict(attrs).get("type", tag))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in:
            self.raw[self._in] = self.raw.get(self._in, "") + data

    @property
    def policy(self) -> str:
        found = [attrs for _, attrs in self.elements if attrs.get("http-equiv") == "Content-Security-Policy"]
        return str(found[0]["content"])


BENIGN = Parsed(page_of(sample(2)))


@given(name=TEXT, reason=TEXT, tail=st.lists(TEXT, max_size=2), operation=TEXT)
def test_the_summary_comes_back_as_it_was_and_nothing_of_it_is_markup(
    name: str, reason: str, tail: list[str], operation: str
) -> None:
    summary = sample(2, failing=1)
    summary["jobs"][0] |= {"name": name, "reason": reason, "out": f"{name}.out"}
    summary["causes"][0] |= {"cause": reason, "example": summary["causes"][0]["example"] | {"tail": tail}}
    summary["calls"] = {operation: {"calls": 1, "throttled": 0, "failed": 0}}
    parsed = Parsed(page_of(summary))
    assert json.loads(parsed.raw["application/json"]) == summary
    assert parsed.elements == BENIGN.elements


@given(directory=TEXT.filter(lambda text: "\ud800" not in text))
def test_no_name_of_a_directory_gets_out_of_its_place(directory: str) -> None:
    parsed = Parsed(page_of(sample(2), directory))
    assert [tag for tag, _ in parsed.elements] == [tag for tag, _ in BENIGN.elements]
    assert parsed.policy == BENIGN.policy


def test_only_the_script_and_the_style_of_the_page_are_allowed() -> None:
    for directive, raw in (("script-src", BENIGN.raw["module"]), ("style-src", BENIGN.raw["style"])):
        digest = base64.b64encode(hashlib.sha256(raw.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in BENIGN.policy.split("; ")
    assert "default-src 'none'" in BENIGN.policy.split("; ")


def test_the_page_names_nothing_to_load() -> None:
    assert not [attrs for tag, attrs in BENIGN.elements if tag == "link" or "src" in attrs or "href" in attrs]
    addresses = re.findall(r"\bhttps?://[^\s\"']+", BENIGN.raw["module"] + BENIGN.raw["style"])
    assert addresses == ["http://www.w3.org/2000/svg"]  # a name, not a place
    assert "url(" not in BENIGN.raw["style"]
    assert "@import" not in BENIGN.raw["style"]
