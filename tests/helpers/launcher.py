"""A launch script for fetch-and-run containers, as Pegasus has one, and the bag of the manual."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from helpers.records import SEPARATOR

S3 = shlex.join([sys.executable, "-IS", str(Path(__file__).with_name("aws_s3.py"))])  # `aws s3`, as jobs call it

# Brings all that is below the key prefix into a directory, and runs a script there: launch.sh SCRIPT [WORD ...]
# The string of a job's `arguments` is split into words, so the name of a script may come in several.
LAUNCH = f"""\
#!/bin/sh
{S3} cp --recursive --only-show-errors "$PEGASUS_AWS_BATCH_BUCKET" inputs || exit 90
cd inputs || exit 91
missing=$(echo "$TRANSFER_INPUT_FILES" | tr , '\\n' | while read -r name; do test -f "$name" || echo "$name"; done)
test -z "$missing" || {{ echo "missing: $missing"; exit 92; }}
script=$1
if test -f "$*"; then script=$*; shift $#; else shift; fi
sh "./$script" "$@" 2>../stderr
status=$?
echo "{SEPARATOR}"
cat ../stderr
exit $status
"""
