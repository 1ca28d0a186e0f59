"""The options of the command line, in one table: the parser, --help, the manual page and the properties
file all come from it."""

from __future__ import annotations

from jobbag.options.bags import BAG
from jobbag.options.looking import LOOKING
from jobbag.options.option import Option
from jobbag.options.terminal import TERMINAL
from jobbag.options.transfers import TRANSFERS

LOG_LEVELS = ("error", "warn", "info", "debug", "trace")
SHELLS = ("bash", "zsh", "fish")


# What is shown before the command ends at once.
INFORMATION = (
    Option(
        ("-h", "--help"), "Show the most used options, or all of them (--help all), and exit.", "all", optional=True
    ),
    Option(
        ("--version",), "Show the version, those of Python and boto3, where the command and its samples are, and exit."
    ),
    Option(
        ("--completion",),
        "Print the completion of this command for a shell, and exit. Its first lines say where to put it.",
        "shell",
        choices=SHELLS,
    ),
)

GENERAL = (
    Option(("-C", "--conf"), "Path to the properties file that configures the tool.", "propsfile", takes="file"),
    Option(
        ("-L", "--log-level"),
        "How much to log. debug adds what the tool decides, trace the requests to AWS and its answers, without "
        "credentials. Default: info.",
        "level",
        choices=LOG_LEVELS,
    ),
    Option(
        ("-l", "--log-file"),
        "Log to logfile.000, or the first free number after it, so that no run overwrites the log of another. "
        "Without it, the log goes to stderr.",
        "logfile",
        takes="file",
    ),
    Option(
        ("-m", "--merge-logs"),
        "Write the stdout of all jobs to the one file prefix.out and their stderr to prefix.err, in the order of "
        "the job submit files. Without it, each job has its own jobName.out and jobName.err in the working "
        "directory.",
        "prefix",
        takes="file",
    ),
    Option(
        ("--no-records",),
        "Leave the [cluster-task ...] line out of jobName.out, which then holds what the job has printed, and nothing "
        "else. Merged files keep it.",
        key="pegasus.aws.batch.no_records",
    ),
    Option(
        ("--summary",),
        "Write what came of the run to this file, as JSON: its times and counts, the failures by cause, each job with "
        "its attempts, and the calls of AWS.",
        "file",
        "pegasus.aws.batch.summary",
        takes="file",
    ),
    Option(
        ("--report",),
        "Write the same to this file as a page for the browser, which needs nothing but itself: all jobs over time, "
        "queue waits and run times, failures by cause, and a table of the jobs that leads to their output. It is there "
        "while the run lasts, written anew each minute at most.",
        "file",
        "pegasus.aws.batch.report",
        takes="file",
    ),
    Option(
        ("--on-end",),
        "Have the shell run this command when the run has ended, whatever has ended it, for 60 seconds at most. Its "
        "environment tells the path of the summary, the exit status and more; what comes of it changes nothing.",
        "command",
        "pegasus.aws.batch.on_end",
    ),
    Option(
        ("--local",),
        "Run the jobs on the embedded AWS: no account, no network. Each job is a process on this machine. The buckets "
        "are directories in prefix.local, or in the one of --local=directory, as long as there are any.",
        "directory",
        optional=True,
    ),
    Option(
        ("--dry-run",),
        "Only look: say what is wrong with the input, what is there, and what a run would create, upload and submit. "
        "Nothing is written, here or in AWS. The exit status is 0 if a run could start.",
    ),
    Option(
        ("--json",),
        "With --dry-run: print the SubmitJob requests, as a list in JSON, and nothing else on stdout. With --status: "
        "print an object.",
    ),
)

ACCOUNT = (
    Option(
        ("-a", "--account"),
        "The AWS account that runs the jobs. It is checked against the credentials. Default: the account of the "
        "credentials.",
        "id",
        "pegasus.aws.account",
    ),
    Option(
        ("-r", "--region"),
        "The AWS region of the S3 bucket and the batch entities. Default: that of the AWS environment and "
        "configuration.",
        "region",
        "pegasus.aws.region",
    ),
    Option(
        ("--endpoint",),
        "The URL of the web service endpoint, for all services. https means TLS. Default: that of AWS.",
        "URL",
        "pegasus.aws.endpoint",
    ),
)

ENTITIES = (
    Option(
        ("-c", "--create"),
        "Only create the batch entities given by -j, --ce, -q and --s3, and print them as properties. Runs no jobs.",
    ),
    Option(
        ("-d", "--delete"),
        "Only delete the batch entities given by -j, --ce, -q and --s3. Runs no jobs. --s3 with a bucket empties "
        "and deletes it, after a question on a terminal; with a key prefix it deletes what is below that prefix.",
    ),
    Option(("--yes",), "With --delete: do not ask before a bucket is emptied and deleted."),
    Option(
        ("-p", "--prefix"),
        "The prefix of the names of the batch entities that are created; -job-definition, -compute-environment, "
        "-job-queue and -bucket are added to it. Default: the name of the first job submit file, without its "
        "ending.",
        "prefix",
        "pegasus.aws.batch.prefix",
    ),
    Option(
        ("-j", "--job-definition"),
        "The job definition: a JSON file in the format of AWS Batch, an ARN, or the name of an existing one.",
        "json|arn|name",
        "pegasus.aws.batch.job_definition",
        takes="file",
    ),
    Option(
        ("--ce", "--compute-environment"),
        "The compute environment: a JSON file in the format of AWS Batch, an ARN, or the name of an existing one.",
        "json|arn|name",
        "pegasus.aws.batch.compute_environment",
        takes="file",
    ),
    Option(
        ("-q", "--job-queue"),
        "The job queue: a JSON file in the format of AWS Batch, an ARN, or the name of an existing one. Without "
        "it, one is created on the compute environment.",
        "json|arn|name",
        "pegasus.aws.batch.job_queue",
        takes="file",
    ),
    Option(
        ("-s", "--s3"),
        "The S3 bucket, with or without a key prefix: s3://bucket/some/dir. It is created if it is missing, and "
        "stays. Without it, a bucket is created for the run and deleted after it, unless jobs left results there.",
        "URL",
        "pegasus.aws.batch.s3_bucket",
    ),
    Option(("--keep",), "Keep the batch entities, the bucket and the files in it that the run created."),
)

RECOVERY = (
    Option(
        ("--resume",),
        "Take up the run in the journal although the bag or an input has changed since: what was sent stays as it "
        "was sent. Without a change, a start of the same command takes up an unfinished run by itself.",
    ),
    Option(
        ("--fresh",),
        "Do not take up the unfinished run in the journal: terminate its jobs, set the journal aside as "
        "prefix.journal.000, and start anew.",
    ),
    Option(
        ("--retry-failed",),
        "After a run that reached its end: submit only the jobs that did not succeed, as they are now.",
    ),
    Option(
        ("--update",),
        "Submit the jobs that are new, did not succeed, have changed (text or input files), or depend on one of these. "
        "The others are kept, as make does, and what is gone from the bag leaves the records.",
    ),
    Option(("--detach",), "Submit the jobs and leave. The same command without this option collects them."),
    Option(
        ("--canary",),
        "Send N jobs first, and the others when one of them has succeeded. If none does, the others are not run.",
        "N",
        "pegasus.aws.batch.canary",
    ),
    Option(
        ("--max-failures",),
        "Halt the run when more than N jobs, or more than P% of all jobs, have failed: send no more, and terminate "
        "those that have not ended. 0: at the first failure.",
        "N|P%",
        "pegasus.aws.batch.max_failures",
    ),
    Option(
        ("--prices",),
        "What an hour of a vCPU and of a GB of memory costs, such as vcpu=0.04048,gb=0.004445 and for spot also "
        "spot-vcpu=0.012,spot-gb=0.0013: then the cost of the jobs is told. aws: ask AWS for the prices of Fargate.",
        "prices|aws",
        "pegasus.aws.batch.prices",
    ),
    Option(
        ("--max-cost",),
        "Halt the run before its jobs have cost more than that: send no more, and terminate those that have not ended. "
        "It needs --prices.",
        "amount",
        "pegasus.aws.batch.max_cost",
    ),
    Option(
        ("--more-memory",),
        "Send a job that ended for want of memory again with twice as much, N times at most, up to 60 GiB and to what "
        "its compute environment has. A job's own onOutOfMemory counts more.",
        "N",
        "pegasus.aws.batch.more_memory",
    ),
    Option(
        ("--fallback-queue",),
        "Send a job of which two attempts have lost their machine (a spot interruption, a broken instance) to this job "
        "queue, which must exist. A job's own onSpotLoss counts more.",
        "arn|name",
        "pegasus.aws.batch.fallback_queue",
    ),
    Option(
        ("--on-interrupt",),
        "What SIGINT (Ctrl-C) and SIGTERM do to the jobs that are submitted: terminate them, or detach and leave them "
        "running for a later start. SIGHUP always detaches. Default: Ctrl-C asks on a terminal, and else they are "
        "terminated.",
        "what",
        "pegasus.aws.batch.on_interrupt",
        choices=("terminate", "detach"),
    ),
    Option(
        ("--grace",),
        "How many seconds a run that is stopped waits for the end of its jobs and their logs; with SIGTERM, in how "
        "many seconds all has to end. Default: 30.",
        "seconds",
        "pegasus.aws.batch.grace",
    ),
    Option(
        ("--no-transient-retries",),
        "Do not let AWS Batch start a job again whose machine was lost or whose image could not be pulled. By "
        "default it does, twice at most, where neither the job nor its definition has a retry strategy.",
    ),
)

GROUPS: tuple[tuple[str, tuple[Option, ...]], ...] = (
    ("General", (*INFORMATION, *GENERAL)),
    ("The bag", BAG),
    ("The terminal", TERMINAL),
    ("AWS", ACCOUNT),
    ("Batch entities", ENTITIES),
    ("Files and logs", TRANSFERS),
    ("Taking up and stopping", RECOVERY),
    ("From another terminal", LOOKING),
)

# Those that ask for something of a run.
OPTIONS = tuple(option for _, options in GROUPS for option in options if option not in INFORMATION)

# Properties file key -> long option. `endpoint` is the manual's own name for pegasus.aws.endpoint.
PROPERTIES = {"endpoint": "--endpoint"} | {option.key: option.long for option in OPTIONS if option.key is not None}

DESCRIPTION = (
    "Runs the jobs of each job submit file on AWS Batch: sends their input files to S3, submits them, waits for "
    "them, and brings their stdout and stderr home. Also creates and deletes the batch entities that this needs."
)

SUBMIT_FILE = "A JSON file with the bag of jobs to run; - for stdin. Several are run as one bag."
