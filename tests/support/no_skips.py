"""With FREEHOLD_NO_SKIPS=1 a skipped test fails, unless its reason is one that no set-up of this machine removes."""

import os
import re

import pytest

CANNOT_HERE = (
    r"vectors.* (not beside|is not here)",  # too large for this repository, and not everybody's
    r"2\^100 coalitions",  # by definition
    r"needs root|the group of this user may be its own",
    r"file system can(not)? be mounted here",
    r"no IPv6",
    r"tracing is not allowed|a network of its own is not allowed",
    r"too few open files",
    r"no git checkout",
    r"Python 3\.\d+ is not installed",
)
"""Everything else names a tool that can be installed: see the packages in the Makefile."""


def held(report):
    if os.environ.get("FREEHOLD_NO_SKIPS") != "1" or not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not any(re.search(one, reason) for one in CANNOT_HERE):
        report.outcome = "failed"
        report.longrepr = f"{reason}\nFREEHOLD_NO_SKIPS: what this needs can be installed here"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return held((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return held((yield))
