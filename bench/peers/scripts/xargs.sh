#!/bin/sh
# The same as loop.sh, with eight at a time.
seq "$JOBS" | xargs -P 8 -I {} aws batch submit-job --job-name job-{} --job-queue "$QUEUE" \
    --job-definition "$DEFINITION" --query '[jobName, jobId]' --output text > submitted
xargs -P 8 -n 2 sh collect.sh < submitted
