"""pegasus-aws-batch: runs a bag of jobs on AWS Batch.

Data flows one way, and each module imports only from those before it (tests/unit/test_architecture.py):
errors, options, config, logfile, signals, shapes, bag, specs, jobrequest, trace, faults, pace, aws, entities,
bucket, events, footprint, staging, submission, monitor, records, agenda, logs, outputs, report, pipeline,
embedded, run, cli. `local` is the embedded AWS, which stands apart.
"""

__version__ = "1.0.0"
