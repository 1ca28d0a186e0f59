"""A job in AWS Batch: its request, its submission, observation and termination.

Doors: `request` and `array_request` make SubmitJob requests; `submission`, `monitor`, `termination` and `queue_watch`
are the workers that send, observe, stop and explain; `ids` and `diagnosis` are what their callers need to know of them.
"""
