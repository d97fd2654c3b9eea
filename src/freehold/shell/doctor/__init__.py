"""What is wrong with a node, and how to mend it: every check stands alone and changes nothing.

1. `examine(home)` runs them all, whether the node runs or not, without keys.
2. `home` looks at folder, settings, port and disk; `database` at SQLite, log and data.
3. `network` looks at the chain, the clock and the peers.

A check that cannot be made says so; only a `problem` makes the whole a failure.
"""

from __future__ import annotations

from pathlib import Path

from freehold.kernel.finding import CheckFound
from freehold.shell.doctor import database, home, network


def examine(folder: Path) -> list[CheckFound]:
    """Every finding about a home, the first problem being the one to mend first."""
    findings = [home.versions(), *home.folder(folder)]
    if not folder.is_dir():
        return findings
    known, said = home.configuration(folder)
    findings += [said, home.disk(folder)]
    if known is None:
        return findings
    state = home.running(folder)
    facts, found = database.examine(folder, known, running=state.locked)
    findings += home.process(state, known, facts.party.account if facts else "")
    findings += found
    findings += network.chain(folder, known, facts)
    findings += network.peers(known, facts)
    return findings
