#!/bin/sh
# A build for each job, eight at a time: all of them are begun; then each is attached to, and shows its log.
work() { seq "$JOBS" | xargs -P 8 -I {} sh -c "$1"; }
work 'nextstrain build --aws-batch --image "$IMAGE" --detach build target-{} > {}.begun'
work 'nextstrain build --aws-batch --image "$IMAGE" --no-download \
    --attach "$(sed -n "s/.*AWS Batch Job ID: *//p" {}.begun)" build > {}.out'
