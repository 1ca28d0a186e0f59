#!/usr/bin/env python3
"""Makes the manual page with docutils: from manual.rst, the table of options that --help is made from too, and the
sample files of conf/."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from docutils import nodes
from docutils.core import publish_string
from docutils.parsers.rst import Directive, directives
from docutils.writers import manpage

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "man" / "manual.rst"
PAGE = ROOT / "man" / "pegasus-aws-batch.1"

sys.path.insert(0, str(ROOT / "lib"))

from jobbag import __version__  # noqa: E402
from jobbag.errors import ExitCode  # noqa: E402
from jobbag.options.option import Option  # noqa: E402
from jobbag.options.table import GROUPS, INFORMATION, OPTIONS, SUBMIT_FILE  # noqa: E402

FLAG = re.compile(r"(?<![\w-])(--?[a-zA-Z][\w-]*)")
SENTENCES = re.compile(r"(?<=[.?!]) +(?=[A-Z-])")


# -- what the directives of manual.rst stand for


def bold(text: str) -> nodes.Node:
    return nodes.literal(text, text)


def italic(text: str) -> nodes.Node:
    return nodes.emphasis(text, text)


def prose(text: str) -> list[nodes.Node]:
    """A help text: each sentence on a line of its own, as roff likes it, and each option in bold."""
    parts = FLAG.split(SENTENCES.sub("\n", text))
    return [bold(part) if FLAG.fullmatch(part) else nodes.Text(part) for part in parts if part]


def described(items: Iterable[tuple[list[nodes.Node], list[nodes.Node]]]) -> nodes.Node:
    """A list of terms, each with what it is."""
    found = nodes.definition_list()
    for term, text in items:
        definition = nodes.definition("", nodes.paragraph("", "", *text))
        found += nodes.definition_list_item("", nodes.term("", "", *term), definition)
    return found


def flags(option: Option) -> list[nodes.Node]:
    """`-C propsfile, --conf propsfile` as the page shows it."""
    value: list[nodes.Node] = []
    if what := "|".join(option.choices) or option.metavar:
        before, after = ("[=", "]") if option.optional else (" ", "")
        value = [nodes.Text(before), italic(what), nodes.Text(after)]
    first, *others = ([bold(flag), *(node.deepcopy() for node in value)] for flag in option.flags)
    return [*first, *(node for other in others for node in (nodes.Text(", "), *other))]


class Synopsis(Directive):
    def run(self) -> list[nodes.Node]:
        words: list[nodes.Node] = [bold("pegasus-aws-batch")]
        for option in (*INFORMATION, *OPTIONS):
            words += [nodes.Text("\n["), bold(option.flags[0])]
            if option.metavar:
                before, after = ("[=", "]]") if option.optional else ("\N{NO-BREAK SPACE}", "]")
                words += [nodes.Text(before), italic(option.metavar), nodes.Text(after)]
            else:
                words.append(nodes.Text("]"))
        words += [nodes.Text("\n["), italic("submit-file"), nodes.Text(" ...]\n[")]
        words += [bold("--"), nodes.Text("\N{NO-BREAK SPACE}"), italic("command"), nodes.Text(" ...]")]
        return [nodes.paragraph("", "", *words)]


class Options(Directive):
    def run(self) -> list[nodes.Node]:
        groups = {title: described(map(self._option, options)) for title, options in GROUPS}
        groups["Arguments"] = described([([italic("submit-file"), nodes.Text(" ...")], prose(SUBMIT_FILE))])
        parts = [(title, nodes.title("", title), group) for title, group in groups.items()]
        return [nodes.section("", head, group, ids=[nodes.make_id(title)]) for title, head, group in parts]

    def _option(self, option: Option) -> tuple[list[nodes.Node], list[nodes.Node]]:
        key = [nodes.Text("\nProperty: "), bold(option.key), nodes.Text(".")] if option.key else []
        return flags(option), [*prose(option.help), *key]


class Properties(Directive):
    def run(self) -> list[nodes.Node]:
        same = {option.key: ("The same as ", option.long) for option in OPTIONS if option.key}
        same["endpoint"] = ("Another name of ", "pegasus.aws.endpoint")
        return [
            described(
                ([bold(key)], [nodes.Text(words), bold(other), nodes.Text(".")]) for key, (words, other) in same.items()
            )
        ]


class ExitStatus(Directive):
    def run(self) -> list[nodes.Node]:
        return [described(([bold(f"{code:d}")], prose(code.meaning)) for code in ExitCode)]


DIRECTIVES = {"synopsis": Synopsis, "options": Options, "properties": Properties, "exit-status": ExitStatus}


# -- the page


class Translator(manpage.Translator):
    """The manpage writer's, but for what its versions do in different ways or a reader would miss."""

    document_start = "Made by man/generate.py from man/manual.rst and the table of options: change those."

    _docinfo: dict[str, str]  # the writer's own
    _in_literal: bool

    def __init__(self, document: nodes.document) -> None:
        super().__init__(document)
        self.defs["indent"] = (".RS %.0f\n", ".RE\n")

    def append_header(self) -> None:
        """The title line, without the macros for nested lists that the page does not have."""
        if not self.header_written:
            self.head.append(self.header())
            self.header_written = 1

    def header(self) -> str:
        """The title line, with the version; no hyphenation, nor spaces that make lines equally long."""
        info = self._docinfo
        title = info["title"].replace("-", r"\-")
        return (
            f'.TH {title.upper()} {info["manual_section"]} "{info["date"]}" "{title} {__version__}"'
            f' "{info["manual_group"]}"\n.ad l\n.nh\n.SH NAME\n{title} \\- {info["subtitle"]}\n'
        )

    def deunicode(self, text: str) -> str:
        """Letters that a terminal would show as others, so that they can be copied into a shell."""
        return super().deunicode(text).replace("~", r"\(ti").replace("^", r"\(ha")

    def depart_document(self, node: nodes.document) -> None:
        """No last words on how the page was made."""

    def first_child(self, node: nodes.Element) -> bool:
        """Whether no line is left empty before it: a heading has its own."""
        place = node.parent.index(node)
        return place == 0 or isinstance(node.parent[place - 1], nodes.title)

    # The lines of a file are long: little indentation leaves room for them.

    def visit_literal_block(self, node: nodes.literal_block) -> None:
        self.body.append(".RS 2\n.nf\n" if self.first_child(node) else ".sp\n.RS 2\n.nf\n")
        self._in_literal = True

    def depart_literal_block(self, _: nodes.literal_block) -> None:
        self._in_literal = False
        self.ensure_eol()
        self.body.append(".fi\n.RE\n")

    # mandoc leaves a line empty where a list is indented. The last list of a section needs no indentation to end.

    def visit_definition_list(self, node: nodes.definition_list) -> None:
        if not _ends_section(node):
            super().visit_definition_list(node)

    def depart_definition_list(self, node: nodes.definition_list) -> None:
        if not _ends_section(node):
            super().depart_definition_list(node)

    # A term is as bold as its markup, so that what is to be typed differs from the words beside it.

    def visit_term(self, _: nodes.term) -> None:
        self.body.append("\n")

    def depart_term(self, _: nodes.term) -> None:
        self.body.append("\n")


def _ends_section(node: nodes.Element) -> bool:
    return isinstance(node.parent, nodes.section) and node is node.parent[-1]


def page() -> str:
    """The whole page. Raises SystemExit where manual.rst is wrong."""
    for name, directive in DIRECTIVES.items():
        directives.register_directive(name, directive)
    writer = manpage.Writer()
    writer.translator_class = Translator
    settings = {
        "_disable_config": True,
        "halt_level": 2,
        "traceback": False,
        "strip_comments": True,
        "output_encoding": "unicode",
    }
    source = SOURCE.read_text(encoding="utf-8")
    made: str = publish_string(source, str(SOURCE), writer=writer, settings_overrides=settings)
    return made


def main() -> int:
    made = page()
    if "--check" in sys.argv[1:]:
        if PAGE.read_text(encoding="utf-8") != made:
            print(f"{PAGE.name} is not what generate.py makes: run `make man`", file=sys.stderr)
            return 1
    else:
        PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
