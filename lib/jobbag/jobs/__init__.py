"""A job in AWS Batch: its request, its submission, observation and termination.

Doors: `request`, `array_request` and `overrides` (what SubmitJob is given), `submission`, `monitor`, `termination` and
`queue_watch` (the workers that send, observe, stop and explain), `job_detail` (what AWS says
of a job), `ids`, `diagnosis` (why jobs do not start).
"""
