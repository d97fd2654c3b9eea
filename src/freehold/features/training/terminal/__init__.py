"""Training as people see it."""

from freehold.features.training import wire
from freehold.features.training.terminal import jobs, measuring, train

VIEWS = {
    wire.JOBS: jobs.listed,
    wire.HOLD: measuring.held,
    wire.TESTS: measuring.table_of,
    wire.AUDIT: measuring.audited,
}
COMMANDS = {"train": train.COMMAND}
