#!/bin/sh
# Starts a job of a bag inside its container: sample-launch.sh SCRIPT [ARGUMENT ...]
#
# A container with a fetch-and-run entry point fetches this file (BATCH_FILE_TYPE=script, BATCH_FILE_S3_URL) and runs it.
# It brings the job's input files, of which SCRIPT is one, from S3 into a new directory and runs SCRIPT there. stdout and
# stderr share one log, so the stderr is kept back until SCRIPT has ended, and follows a line that marks where it starts.
set -u

# One Python process brings all inputs sooner than the aws command, which starts anew for each, brings two.
fetch() {
    if python3 -c 'import boto3' 2>/dev/null; then
        python3 - "$@" <<'EOF'
import os, sys
import boto3

bucket, _, prefix = os.environ["PEGASUS_AWS_BATCH_BUCKET"][len("s3://"):].partition("/")
endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")  # for an old boto3
s3 = boto3.client("s3", endpoint_url=endpoint)
for name in sys.argv[1:]:
    s3.download_file(bucket, prefix + name, name)
EOF
    else
        # An old aws command does not know these variables by itself.
        endpoint=${AWS_ENDPOINT_URL_S3:-${AWS_ENDPOINT_URL:-}}
        for name; do
            aws ${endpoint:+--endpoint-url "$endpoint"} s3 cp --only-show-errors \
                "$PEGASUS_AWS_BATCH_BUCKET$name" "$name" || return
        done
    fi
}

work=$(mktemp -d) || exit
stderr=$work.stderr
trap 'rm -rf "$work" "$stderr"' EXIT
cd "$work" || exit

# The names of the inputs are separated by commas.
(
    IFS=,
    set -f
    # shellcheck disable=SC2086
    set -- ${TRANSFER_INPUT_FILES:-}
    unset IFS
    fetch "$@"
) || {
    echo "sample-launch.sh: could not fetch the inputs from $PEGASUS_AWS_BATCH_BUCKET" >&2
    exit 1
}

script=$1
shift
chmod +x "$script"
"./$script" "$@" 2>"$stderr"
status=$?

echo "########################[AWS BATCH] TASK STDERR ########################"
cat "$stderr"
exit "$status"
