"""All checks of one home, in an order in which the first problem is the one to mend first."""

from __future__ import annotations

from pathlib import Path

from freehold.kernel.finding import Finding
from freehold.shell.doctor import database, home, network


def examine(folder: Path) -> list[Finding]:
    """Every finding about a home; changes nothing and needs no keys."""
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
