"""Completion of the command line in bash, zsh and fish, made from the table of options.

Own code, as shtab (1.13) completes no `--option=value` in bash and zsh, and argcomplete starts Python at each Tab.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from jobbag.errors import PROG
from jobbag.options.option import Option
from jobbag.options.table import GROUPS, SUBMIT_FILE

_FUNCTION = f"_{PROG}".replace("-", "_")  # of the shell
_ALL = tuple(option for _, options in GROUPS for option in options)


def script(shell: str) -> str:
    """The completion script for one of the shells of --completion: lines, each with its newline."""
    made: dict[str, Callable[[], Iterator[str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return "\n".join(made[shell]()) + "\n"


def _has_value(option: Option) -> bool:
    """Whether the word after the option is its value."""
    return bool(option.metavar or option.choices) and not option.optional


def _in_short(text: str) -> str:
    """The first sentence of a help text, without its dot."""
    return text.split(". ")[0].rstrip(".")


# -- bash: files are readline's own completion, which comes when nothing is offered


def _bash() -> Iterator[str]:
    yield f"# bash completion of {PROG}: put it into ~/.local/share/bash-completion/completions/{PROG}"
    yield f"{_FUNCTION}() {{"
    yield "    local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD-1]} IFS=$' \\t\\n'"
    yield "    # --option=value is three words here."
    yield '    if [[ $option == "=" ]]; then option=${COMP_WORDS[COMP_CWORD-2]}; fi'
    yield '    if [[ $word == "=" ]]; then word=""; fi'
    yield "    COMPREPLY=()"
    yield "    case $option in"
    for option in filter(_has_value, _ALL):
        yield f"    {'|'.join(option.flags)}) {_bash_value(option)} ;;"
    yield "    esac"
    words = " ".join(flag for option in _ALL for flag in option.flags)
    yield f'    if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "{words}" -- "$word")); fi'
    yield "}"
    yield f"complete -o default -F {_FUNCTION} {PROG}"


def _bash_value(option: Option) -> str:
    if option.choices:
        return f'COMPREPLY=($(compgen -W "{" ".join(option.choices)}" -- "$word")); return'
    if option.takes == "text":  # only the user knows it
        return "compopt +o default; return"
    if option.takes == "file":
        return "return"
    several = 'IFS=$\'\\n\'; COMPREPLY=($(compgen -P "${word%,*}," -f -- "${word##*,}"))'
    return f"if [[ $word == *,* ]]; then compopt -o nospace; {several}; fi; return"


# -- zsh


def _zsh() -> Iterator[str]:
    yield f"#compdef {PROG}"
    yield f"# zsh completion of {PROG}: put it into a directory of $fpath, under the name _{PROG}"
    yield f"{_FUNCTION}() {{"
    yield "    _arguments \\"
    for option in _ALL:
        value = _zsh_value(option) if _has_value(option) else ""
        others = "*" if option.several else f"({' '.join(option.flags)})"
        for flag in option.flags:
            end = "=" if value and flag.startswith("--") else ""
            yield f"        {_zsh_quoted(f'{others}{flag}{end}[{_zsh_text(option.help)}]{value}')} \\"
    yield f"        {_zsh_quoted(f'*:{_zsh_text(SUBMIT_FILE)}:_files')}"
    yield "}"
    yield '# Read by the completion system, or with "source".'
    yield f'if [ "$funcstack[1]" = "_{PROG}" ]; then {_FUNCTION} "$@"'
    yield f"else compdef {_FUNCTION} {PROG}; fi"


def _zsh_value(option: Option) -> str:
    action = {"file": "_files", "files": "_sequence _files", "text": " "}[option.takes]
    if option.choices:
        action = f"({' '.join(option.choices)})"
    return f":{option.metavar}:{action}"


def _zsh_text(text: str) -> str:
    return re.sub(r"([][:\\])", r"\\\1", _in_short(text))


def _zsh_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# -- fish


def _fish() -> Iterator[str]:
    yield f"# fish completion of {PROG}: put it into ~/.config/fish/completions/{PROG}.fish"
    for option in _ALL:
        names = (f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
        words = ["complete", "-c", PROG, *names, "-d", _fish_quoted(_in_short(option.help))]
        if option.choices:
            words += ["-x", "-a", _fish_quoted(" ".join(option.choices))]
        elif option.takes == "files":
            words += ["-x", "-a", _fish_quoted("(__fish_complete_list , __fish_complete_path)")]
        elif _has_value(option):
            words.append("-r" if option.takes == "file" else "-x")
        yield " ".join(words)


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
