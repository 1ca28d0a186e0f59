"""pegasus-aws-batch: runs a bag of jobs on AWS Batch.

Data flows one way. A package, or a module beside them, imports only from those below it; those of one floor do not
know each other. tests/unit/test_architecture.py reads the floors here, and the doors in each package's docstring:

    cli, api
    commands
    preflight
    run
    logs, report, display
    jobs
    escalation
    entities
    s3
    events
    options, bag, aws
    console, holding, http, rates, tool_log, signals
    text, files, threads, main_thread, batches, hints, terminal, prices
    errors

`local` is the embedded AWS, which stands apart: only commands.cloud knows it.
"""

__version__ = "1.0.0"
