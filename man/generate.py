#!/usr/bin/env python3
"""Makes the manual page from the prose of manual.txt, the table of options that --help is made from too,
and the sample files of conf/.

manual.txt has `# SECTION`, `## Subsection`, paragraphs, `- list item`, `: term` with its text on the lines
below, blocks indented by four spaces that are shown as they are, `**bold**`, `*italic*`, and lines that stand
for what comes from elsewhere: `@synopsis`, `@options`, `@properties`, `@exit-status`, `@file PATH`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "man" / "pegasus-aws-batch.1"
DATE = "2026-11-22"  # of the last change of what the page says; mandoc asks for one

sys.path.insert(0, str(ROOT / "lib"))

from jobbag import __version__  # noqa: E402
from jobbag.errors import ExitCode  # noqa: E402
from jobbag.options.table import GROUPS, INFORMATION, OPTIONS, SUBMIT_FILE, Option  # noqa: E402

SPECIAL = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}
MARKED = re.compile(r"\*\*(?P<bold>.+?)\*\*|\*(?P<italic>.+?)\*")
FLAG = re.compile(r"(?<![\w*-])--?[a-zA-Z][\w-]*")


def literal(text: str) -> str:
    """Text that must come out letter by letter, so that it can be copied into a shell."""
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def bold(text: str) -> str:
    return rf"\fB{literal(text)}\fR"


def italic(text: str) -> str:
    return rf"\fI{literal(text)}\fR"


def inline(text: str) -> str:
    """Prose with **bold** and *italic*."""
    done, end = [], 0
    for match in MARKED.finditer(text):
        done.append(text[end : match.start()].replace("\\", "\\e"))
        done.append(bold(match["bold"]) if match["bold"] else italic(match["italic"]))
        end = match.end()
    return "".join(done) + text[end:].replace("\\", "\\e")


def guarded(line: str) -> str:
    """A line of text that must not be taken for a request."""
    return rf"\&{line}" if line.startswith((".", "'")) else line


def sentences(text: str) -> Iterator[str]:
    """Each sentence on a line of its own, as roff likes it."""
    for line in re.split(r"(?<=[.:?!]) +(?=[A-Z*])", text):
        yield guarded(inline(line))


def verbatim(text: str) -> Iterator[str]:
    yield from (".RS 2", ".nf", *(guarded(literal(line)) for line in text.splitlines()), ".fi", ".RE")


def flags(option: Option) -> str:
    """`-C propsfile, --conf propsfile` as the page shows it."""
    value = "|".join(option.choices) or option.metavar
    if value:
        value = f"[={italic(value)}]" if option.optional else f" {italic(value)}"
    return ", ".join(bold(flag) + (value or "") for flag in option.flags)


def synopsis() -> Iterator[str]:
    yield bold("pegasus-aws-batch")
    for option in (*INFORMATION, *OPTIONS):
        value = rf"\~{italic(option.metavar)}" if option.metavar else ""
        if option.optional:
            value = f"[={italic(option.metavar or '')}]"
        yield f"[{bold(option.flags[0])}{value}]"
    yield italic("submit-file") + " ..."


def options() -> Iterator[str]:
    for title, group in GROUPS:
        yield f".SS {title}"
        for option in group:
            yield from (".TP", flags(option), *sentences(FLAG.sub(r"**\g<0>**", option.help)))
            if option.key:
                yield f"Property: {bold(option.key)}."
    yield from (".SS Arguments", ".TP", italic("submit-file") + " ...", *sentences(SUBMIT_FILE))


def properties() -> Iterator[str]:
    for option in OPTIONS:
        if option.key:
            yield from (".TP", bold(option.key), f"The same as {bold(option.long)}.")
    yield from (".TP", bold("endpoint"), f"Another name of {bold('pegasus.aws.endpoint')}.")


def exit_status() -> Iterator[str]:
    for code in ExitCode:
        yield from (".TP", bold(f"{code:d}"), *sentences(code.meaning))


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "@synopsis": synopsis,
    "@options": options,
    "@properties": properties,
    "@exit-status": exit_status,
}


def paragraph(*, opening: bool) -> list[str]:
    """What parts a block from the one before it; a heading has its own space."""
    return [] if opening else [".PP"]


def block(text: str, *, opening: bool) -> Iterator[str]:
    """One block of manual.txt. `opening`: it follows a heading."""
    if text in PARTS:
        yield from PARTS[text]()
    elif text.startswith("@file "):
        yield from paragraph(opening=opening)
        yield from verbatim((ROOT / text.removeprefix("@file ")).read_text(encoding="utf-8"))
    elif text.startswith("    "):
        yield from paragraph(opening=opening)
        yield from verbatim("\n".join(line[4:] for line in text.splitlines()))
    elif text.startswith("## "):
        yield f".SS {text[3:]}"
    elif text.startswith("# "):
        yield f".SH {text[2:]}"
    elif text.startswith(": "):
        term, _, rest = text[2:].partition("\n")
        yield from (".TP", inline(term), *sentences(" ".join(rest.split())))
    elif text.startswith("- "):
        for item in re.split(r"^- ", text, flags=re.MULTILINE)[1:]:
            yield from (r".IP \(bu 2", *sentences(" ".join(item.split())))
    else:
        yield from paragraph(opening=opening)
        yield from sentences(" ".join(text.split()))


def page() -> str:
    """The whole page."""
    source = (ROOT / "man" / "manual.txt").read_text(encoding="utf-8")
    lines = [
        r".\" Made by man/generate.py from man/manual.txt and lib/jobbag/options/table.py: change those.",
        f'.TH PEGASUS\\-AWS\\-BATCH 1 "{DATE}" "pegasus\\-aws\\-batch {__version__}" "User Commands"',
        ".ad l",
        ".nh",
    ]
    opening = True
    for text in re.split(r"\n{2,}", source.strip("\n")):
        lines += block(text, opening=opening)
        opening = text.startswith("#")
    return "\n".join(lines) + "\n"


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
