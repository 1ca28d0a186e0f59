"""The launcher: a shell script that starts a job inside its container (man page, THE LAUNCHER), and what it reads.

It is for images that have a POSIX shell, and curl, python3 or the aws command.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources

from jobbag.s3.place import Encryption

MANIFEST_VARIABLE = "PEGASUS_AWS_BATCH_MANIFEST"  # s3:// URL of the records, one for each child of an array job
RECORD_VARIABLE = "PEGASUS_AWS_BATCH_RECORD"  # bytes of each record
REGION_VARIABLE = "PEGASUS_AWS_BATCH_REGION"  # of the bucket; without it, what AWS_REGION or AWS_DEFAULT_REGION says
ENDPOINT_VARIABLE = "PEGASUS_AWS_BATCH_ENDPOINT"  # the URL of S3 there
LAUNCHER_VARIABLE = "PEGASUS_AWS_BATCH_LAUNCHER"  # if not empty: fetch the inputs, keep stderr apart, end with a mark

RESULTS_VARIABLE = "PEGASUS_AWS_BATCH_RESULTS"  # s3:// URL below which the results of the job are, for the job as well
FILES_VARIABLE = "PEGASUS_AWS_BATCH_FILES"  # s3:// URL of the second part of the launcher, which moves files
ITEMS_VARIABLE = "PEGASUS_AWS_BATCH_ITEMS"  # two lines for each input: its kind and URL; where it lands
OUTPUTS_VARIABLE = "PEGASUS_AWS_BATCH_OUTPUTS"  # a line for each file, directory or glob to be sent after the job

HEEDED = (  # of a job's own; and all AWS_*
    "BATCH_FILE_S3_URL",
    "TRANSFER_INPUT_FILES",
    "PEGASUS_AWS_BATCH_BUCKET",
    RESULTS_VARIABLE,
    FILES_VARIABLE,
    ITEMS_VARIABLE,
    OUTPUTS_VARIABLE,
)

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHELLS_OWN = re.compile(
    r"_|BASH.*|COMP_.*|DIRSTACK|E?UID|EPOCH.*|FUNCNAME|GROUPS|HIST.*|IFS|LINENO|OLDPWD|OPT(ARG|ERR|IND)"
    r"|POSIXLY_CORRECT|PPID|PS[0-9]|PWD|S?RANDOM|SECONDS|SHELLOPTS|SHLVL"
)
_OWN = (MANIFEST_VARIABLE, RECORD_VARIABLE, REGION_VARIABLE, ENDPOINT_VARIABLE, LAUNCHER_VARIABLE)
_STEERS = re.compile(r"PATH|LD_.*|PYTHON.*")


@cache
def text() -> str:
    """The launcher without what only a reader needs, as it stands in a command: `sh -c TEXT NAME WORD ...`.

    As the content of a file, it is a program that takes the words as its arguments.
    """
    return _shell_text("launcher.sh")


@cache
def files_text(encryption: Encryption) -> str:
    """The second part of the launcher, for jobs with items or outputs. `encryption`: of the outputs."""
    settings = {"sse": encryption.algorithm, "sse_key": encryption.key}
    lines = [
        "settings() {",
        *(f"{name}={shlex.quote(value or '')}" for name, value in settings.items()),
        "}",
        f'program() {{ python3 -Ic {shlex.quote(_program())} "$@"; }}',
    ]
    return "\n".join(lines) + "\n" + _shell_text("launcher_files.sh")


@cache
def _program() -> str:
    """The two modules as one, which imports none of the tool's."""
    own, imported = (_source(f"launcher_{name}.py") for name in ("program", "s3"))
    return imported + re.sub(r"(?m)^from jobbag\..*\n", "", own)


def _shell_text(name: str) -> str:
    lines = (line.lstrip("\t") for line in _source(name).splitlines())
    return "".join(f"{line}\n" for line in lines if line and (line[0] != "#" or line.startswith("#!")))


def _source(name: str) -> str:
    return resources.files("jobbag.jobs").joinpath(name).read_text(encoding="utf-8")


def command(words: Sequence[str], name: str) -> list[str]:
    """The command of a container in which the launcher starts that of a job. `name` stands in front of its messages."""
    return ["sh", "-c", text(), name, *words]


def passes(name: str) -> bool:
    """Whether any shell leaves a variable of this name as it is. Other variables must stand in a record."""
    return bool(_IDENTIFIER.fullmatch(name)) and not _SHELLS_OWN.fullmatch(name) and name not in _OWN


def steers(name: str) -> bool:
    """Whether a variable of this name changes which programs the launcher finds, or how they work."""
    return bool(_STEERS.fullmatch(name))


def record(words: Sequence[str], variables: Mapping[str, str]) -> bytes:
    """Shell text that the launcher evaluates to become the job with this command, `words`, and these variables.

    The command of a job that runs a script (BATCH_FILE_S3_URL) is whole, too: its first word is left out by the
    launcher, as by the entry point of an image for such jobs.
    """
    lists = {name: value for name, value in variables.items() if name in (ITEMS_VARIABLE, OUTPUTS_VARIABLE)}
    heeded = [f"{name}={value}" for name, value in variables.items() if _is_heeded(name) and name not in lists]
    other = [f"{name}={value}" for name, value in variables.items() if not _is_heeded(name)]
    # No process could be started with a variable of thousands of lines, so these are the shell's alone.
    lines = [f"{name}={shlex.quote(value)}" for name, value in lists.items()]
    lines += [f"export {shlex.join(heeded)}"] if heeded else []
    if other:  # set only for the job, so that they cannot change what the launcher does
        lines.append(f'become() {{ exec env -- {shlex.join(other)} "$@"; }}')
    lines.append(f"set -- {shlex.join(words)}")
    return "\n".join(lines).encode()


def _is_heeded(name: str) -> bool:
    return name in HEEDED or (name.startswith("AWS_") and passes(name))


def manifest(records: Iterable[bytes], size: int) -> bytes:
    """The records, one behind the other and padded to so many bytes each."""
    return b"".join(one.ljust(size, b"\n") for one in records)
