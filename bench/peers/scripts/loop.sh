#!/bin/sh
# Submits all jobs, one after the other; then waits for each of them, and fetches its log.
for n in $(seq "$JOBS"); do
    aws batch submit-job --job-name "job-$n" --job-queue "$QUEUE" --job-definition "$DEFINITION" \
        --query '[jobName, jobId]' --output text
done > submitted
while read -r name id; do
    sh collect.sh "$name" "$id" < /dev/null
done < submitted
