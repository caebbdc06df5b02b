"""Engines: each has workers do the tasks of a job. What an engine is, and whose is what: `builder.run.job`."""
