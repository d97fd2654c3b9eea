"""Wall and processor seconds of commands, as medians of interleaved runs."""

import os
import resource
import statistics
import subprocess
import time
from pathlib import Path


def spent():
    """User and system seconds of all processes that ended and were waited for, theirs included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def of_command(command, **options):
    """(wall, processor) seconds of a command from its start to its end, and what it printed."""
    before, began = spent(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, **options)
    return (time.perf_counter() - began, spent() - before), done.stdout


def of_process(pid):
    """User and system seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def interleaved(runs, acts):
    """Each act's (wall, processor) seconds, by its name: all in turn, `runs` times, after one round to warm up."""
    found = {name: [] for name in acts}
    for number in range(runs + 1):
        for name, act in acts.items():
            took = act()
            if number:
                found[name].append(took)
    return found


def row(name, took):
    """One line of a table: medians, and the slowest."""
    walls, processors = zip(*took, strict=True)
    return (
        f"{name:<44} {statistics.median(walls):7.3f} s wall (worst {max(walls):.3f})"
        f"  {statistics.median(processors):7.3f} s CPU"
    )
