"""The first thing that runs in the single-file command: is this Python new enough?

This file must parse in any Python, however old, to be able to say that: no annotations, no f-strings.
"""

import os
import subprocess
import sys

PROBE = "import ssl, sys, zlib; sys.exit(sys.version_info < (3, 10))"


def newer():
    """A Python that is new enough, of those on PATH; None where there is none."""
    for minor in range(25, 9, -1):
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
            path = os.path.join(folder, "python3.%d" % minor)
            if os.access(path, os.X_OK) and _is_new(path):
                return path
    return None


def _is_new(path):
    """Whether it runs, and is what its name says."""
    with open(os.devnull, "r+") as nothing:
        return subprocess.call([path, "-c", PROBE], stdin=nothing, stdout=nothing, stderr=nothing) == 0


def main():
    if sys.version_info < (3, 10):
        path = newer()
        if path is not None:
            os.execv(path, [path] + sys.argv)
        sys.stderr.write(
            "pegasus-aws-batch: needs Python 3.10 or newer, but this is Python %d.%d (%s),\n"
            "and there is no newer one on PATH. Start it with one, for example: /path/to/python3.12 %s\n"
            % (sys.version_info[0], sys.version_info[1], sys.executable, " ".join(sys.argv))
        )
        return 3

    import unpack

    sys.path[0] = unpack.modules(__loader__)

    from jobbag.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
