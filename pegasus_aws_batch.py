#!/usr/bin/env python3
"""The command from a checkout. Needs no install where its dependencies are there, else says how to get them.

This file must parse in any Python, however old, to be able to say that: no annotations, no f-strings.
"""

import os
import sys

NEEDS = ("boto3", "configargparse", "javaproperties", "rich", "tenacity", "urllib3")


def main():
    if sys.version_info < (3, 10):
        sys.stderr.write(
            "pegasus-aws-batch: needs Python 3.10 or newer, but this is Python %d.%d (%s).\n"
            "Start it with a newer one, for example: python3.12 %s\n"
            % (sys.version_info[0], sys.version_info[1], sys.executable, " ".join(sys.argv))
        )
        return 3
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib"))

    from importlib.util import find_spec

    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            "pegasus-aws-batch: this Python lacks %s. Install what is missing with:\n  %s -m pip install %s\n"
            % (", ".join(missing), sys.executable, " ".join(missing))
        )
        return 3

    from jobbag.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
