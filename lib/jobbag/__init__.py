"""pegasus-aws-batch: runs a bag of jobs on AWS Batch.

Data flows one way, and each module imports only from those before it (tests/unit/test_architecture.py):
errors, about, options, completion, config, files, logfile, signals, hold, shapes, rules, bag, specs, jobrequest,
capacity, preflight, words, launcher, packing, trace, faults, pace, tally, wire, daemons, aws, events, journal,
entities, bucket, footprint, staging, agenda, submission, termination, schedule, arrays, order, monitor, whyheld,
inquiry, records, streams, follow, parts, logs, outputs, narrator, causes, outcome, report, gate, estimate, progress,
frame, echo, display, summary, htmlreport, endscreen, ending, backlog, stopping, pipeline, takeup, embedded, connect,
bagrun, permissions, rehearsal, dryrun, manage, run, cli. `local` is the embedded AWS, which stands apart.
"""

__version__ = "1.0.0"
