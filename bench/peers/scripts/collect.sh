#!/bin/sh
# Waits for the job $2, and puts what it has printed into $1.out.
while
    found=$(aws batch describe-jobs --jobs "$2" --query 'jobs[0].[status, container.logStreamName]' --output text)
    set -- "$1" "$2" $found
    [ "$3" != SUCCEEDED ] && [ "$3" != FAILED ]
do
    sleep 5
done
aws logs get-log-events --log-group-name /aws/batch/job --log-stream-name "$4" --start-from-head \
    --query 'events[].[message]' --output text > "$1.out"
