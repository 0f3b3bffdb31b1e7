"""Durable jobs: records, progress, logs, events, recovery. Knows no kind of job."""
