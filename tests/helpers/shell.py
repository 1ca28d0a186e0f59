"""Somebody at a shell, who types in what the documents say."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

from helpers import processes
from helpers.tool import Tool

# A line that needs no shell: words, and maybe a file for stdout.
COMMAND_LINE = re.compile(r"pegasus-aws-batch ((?:[^$`<>|&;*?#~{(]|{\w+})*)(?:> (\S+))?")


def blocks(document: Path) -> list[str]:
    """What a document of Markdown shows as code of no language: what is to be typed in."""
    return blocks_in(document.read_text(encoding="utf-8"))


def blocks_in(text: str) -> list[str]:
    """The same of a part of it."""
    return re.findall(r"^ *```\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)


def type_in(tool: Tool, lines: str, cwd: Path) -> str:
    """Run some lines, which must all end well; `pegasus-aws-batch` is the tool. What is not the tool's goes to a real
    shell. Returns what all of them say on stdout."""
    typed = [line.strip() for line in lines.replace("\\\n", "").splitlines()]
    said = []
    for found, group in itertools.groupby(typed, COMMAND_LINE.fullmatch):
        if found is None:
            script = "\n".join(group)
            assert "pegasus-aws-batch " not in script, "which one would it be?"
            status, out, err = processes.run(["/bin/sh", "-eu", "-c", script], cwd=cwd, env=tool.env, timeout=60)
            assert status == 0, f"{script}\n{err.decode()}"
            said.append(out.decode())
            continue
        words = shlex.split(found[1])
        done = tool.run(*words) if cwd == tool.cwd else tool.run(*words, cwd=cwd)
        assert done.status == 0, f"{found[0]}\n{done.err}"
        if found[2]:
            (cwd / found[2]).write_text(done.out, encoding="utf-8")
        else:
            said.append(done.out)
    return "".join(said)
