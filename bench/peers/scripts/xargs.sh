#!/bin/sh
# The same as loop.sh, with eight at a time, each with a file of its own: in a shared one, lines might be torn.
seq "$JOBS" | xargs -P 8 -I {} sh -c 'aws batch submit-job --job-name job-{} --job-queue "$QUEUE" \
    --job-definition "$DEFINITION" --query "[jobName, jobId]" --output text > submitted.{}'
cat submitted.* | xargs -P 8 -n 2 sh collect.sh
