"""The options that say what goes to S3 and comes back, and how."""

from __future__ import annotations

from jobbag.options.option import Option

MOST_TRANSFERS = 128  # requests at the same time
ENCRYPTIONS = ("AES256", "aws:kms", "aws:kms:dsse")

TRANSFERS = (
    Option(
        ("-f", "--files"),
        "Files, separated by commas, that are copied to the bucket before any job starts.",
        "file[,file...]",
        takes="files",
    ),
    Option(
        ("--sse",),
        "How S3 is asked to encrypt all that is sent to the bucket, which some buckets demand. Default: it is not "
        "asked, and does as the bucket says; with --sse-kms-key-id, aws:kms.",
        "how",
        "pegasus.aws.batch.s3_sse",
        choices=ENCRYPTIONS,
    ),
    Option(
        ("--sse-kms-key-id",),
        "The key of KMS with which S3 is asked to encrypt: its id, alias or ARN. Default: that of the bucket.",
        "key",
        "pegasus.aws.batch.s3_sse_kms_key_id",
    ),
    Option(
        ("--transfers",),
        "How many requests to S3 may be under way at the same time, for input files and results. The run begins with "
        "fewer, and makes more as long as that is faster and the system allows open files (ulimit -n). "
        f"Default: {MOST_TRANSFERS}.",
        "N",
        "pegasus.aws.batch.transfers",
    ),
    Option(
        ("--array",),
        "Whether jobs that differ only in name, command and environment are packed into array jobs, of which AWS "
        "Batch takes ten thousand in the time of one: auto packs 500 or more that follow the fetch-and-run protocol; "
        "always packs all that it can, and needs sh and one of aws, curl and python3 in the image. Default: auto.",
        "when",
        "pegasus.aws.batch.array",
        choices=("auto", "never", "always"),
    ),
    Option(
        ("--launcher",),
        "Start all jobs with the launcher, but for those that say otherwise: it fetches their input files into the "
        "working directory, keeps their stderr apart, and marks the end of their log. It needs sh in the image and, "
        "for the files, one of aws, curl and python3.",
    ),
    Option(
        ("--results",),
        "The directory for the results of jobs, each below the name of its job: what their outputs name in the job "
        "submit file, and what they put below PEGASUS_AWS_BATCH_RESULTS. Default: results.",
        "directory",
        "pegasus.aws.batch.results",
        takes="file",
    ),
    Option(("--no-results",), "Leave the results of jobs in S3."),
    Option(
        ("--delete-log-streams",),
        "Delete the log stream of each job from CloudWatch Logs once its output is safely on disk.",
    ),
)
