"""Other clients that run bags of jobs on AWS Batch, measured as this one is."""
