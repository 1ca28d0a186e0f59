"""Completion, asked of the real shells: what they offer after some words."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobbag.options.completion import script
from jobbag.options.table import GROUPS, LOG_LEVELS, SHELLS

ALL = [option for _, options in GROUPS for option in options]
ALL_LONG = sorted(flag for option in ALL for flag in option.flags if flag.startswith("--"))
SHOW = "\x18s"  # the keys C-x s; C-x a inserts all that is offered

Ask = Callable[[str], list[str]]


def typed(command: list[str], environment: dict[str, str], cwd: Path, keys: str) -> str:
    """What the line is after these keys; the shell shows it between << and >>."""
    control, terminal = pty.openpty()
    shell = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=cwd, env=environment, start_new_session=True
    )
    os.close(terminal)
    shown, deadline = b"", time.monotonic() + 60
    try:
        os.write(control, keys.encode())
        while not (found := re.search(rb"<<(.*?)>>", shown, re.DOTALL)):
            ready, _, _ = select.select([control], [], [], deadline - time.monotonic())
            assert ready, f"no answer: {shown!r}"
            shown += os.read(control, 65536)
    finally:
        shell.kill()
        shell.wait()
        os.close(control)
    return found[1].decode()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with files to complete, and the scripts beside it."""
    (tmp_path / "work" / "input files").mkdir(parents=True)
    for name in ("alpha.in", "alpha.json", "beta.in"):
        (tmp_path / "work" / name).touch()
    for shell in SHELLS:
        (tmp_path / shell).write_text(script(shell), encoding="utf-8")
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(place), "ZDOTDIR": str(place), "TERM": "dumb", "LANG": "C.UTF-8"}


def words_after(line: str, before: str) -> list[str]:
    return sorted(line.removeprefix(before.rpartition(" ")[0]).split())


@pytest.fixture
def bash(place: Path) -> Ask:
    setup = f"""PS1=; bind '"\\C-xa": insert-completions'; source {place}/bash
bind -x '"\\C-xs": printf "<<%s>>" "$READLINE_LINE"'
"""
    (place / "rc").write_text(setup, encoding="utf-8")
    command = ["bash", "--noprofile", "--rcfile", str(place / "rc"), "-i"]

    def ask(line: str) -> list[str]:
        return words_after(typed(command, environment(place), place / "work", f"{line}\x18a{SHOW}"), line)

    return ask


@pytest.fixture
def zsh(place: Path) -> Ask:
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    setup = f"""PS1=; unsetopt zle_bracketed_paste prompt_cr prompt_sp; autoload -Uz compinit; compinit -u -D
source {place}/zsh
zle -C all-matches complete-word _generic
zstyle ':completion:all-matches:*' insert yes
zstyle ':completion:all-matches::::' completer _all_matches _complete
bindkey '^Xa' all-matches
show() {{ print -rn -- "<<$BUFFER>>" }}; zle -N show; bindkey '^Xs' show
"""
    (place / ".zshrc").write_text(setup, encoding="utf-8")

    def ask(line: str) -> list[str]:
        return words_after(typed(["zsh", "-i"], environment(place), place / "work", f"{line}\x18a{SHOW}"), line)

    return ask


@pytest.fixture
def fish(place: Path) -> Ask:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")

    def ask(line: str) -> list[str]:
        command = ["fish", "--no-config", "-c", f"source {place}/fish; complete -C '{line}'"]
        done = subprocess.run(
            command, env=environment(place), cwd=place / "work", capture_output=True, text=True, check=True, timeout=60
        )
        return sorted(found.split("\t")[0] for found in done.stdout.splitlines())

    return ask


@pytest.fixture(params=SHELLS)
def ask(request: pytest.FixtureRequest) -> Ask:
    """Asks one shell after the other what it offers for the last word of a line."""
    found: Ask = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("--log-level ", sorted(LOG_LEVELS)),
        ("--local -L ", sorted(LOG_LEVELS)),
        ("--on-interrupt d", ["detach"]),
        ("--conf al", ["alpha.in", "alpha.json"]),
        ("-L info al", ["alpha.in", "alpha.json"]),
        ("--region ", []),
    ],
)
def test_values(ask: Ask, words: str, offered: list[str]) -> None:
    assert ask(f"pegasus-aws-batch {words}") == offered


def test_options(ask: Ask) -> None:
    assert ask("pegasus-aws-batch --") == ALL_LONG


def test_a_list_of_files(ask: Ask) -> None:
    (completed,) = ask("pegasus-aws-batch --files alpha.in,be")
    assert completed.removesuffix(",").endswith("beta.in")


def test_a_value_behind_an_equals_sign(ask: Ask) -> None:
    (completed,) = ask("pegasus-aws-batch --log-level=tr")
    assert completed == "--log-level=trace"


def test_a_file_name_with_a_space_is_one_word(bash: Ask) -> None:
    assert bash("pegasus-aws-batch --conf inp") == ["files", "input\\"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_is_there(shell: str) -> None:
    made = script(shell)
    for flag in (flag for option in ALL for flag in option.flags):
        shown = {"fish": ("-l " if flag.startswith("--") else "-s ") + flag.lstrip("-")}.get(shell, flag)
        assert re.search(rf"(?<![\w-]){re.escape(shown)}(?![\w-])", made), flag


def test_an_option_whose_value_is_a_file_says_so() -> None:
    named = {option.long for option in ALL if re.search("file|json", option.metavar or "", re.IGNORECASE)}
    assert named <= {option.long for option in ALL if option.takes != "text"}
