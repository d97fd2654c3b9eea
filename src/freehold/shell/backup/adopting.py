"""What only its owner can say about a restored home: that it goes on, and what was spent since the backup."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from freehold.core.errors import Conflict
from freehold.kernel.continuity import RESTORED
from freehold.kernel.databases import opening
from freehold.kernel.presence import require_node
from freehold.kernel.reading import database_url
from freehold.kernel.registry import everything
from freehold.kernel.store import Store
from freehold.shell import daemon


class NotRestored(Conflict):
    """The home did not come out of a backup, or was adopted before."""

    code = "backup.not_restored"


def adopt(home: Path, *, nothing_since: bool) -> None:
    """Let a restored home go on; its node must be stopped.

    Privacy budgets of the rows in it count as spent from now on, unless `nothing_since`: no run was granted and
    no update given after the backup, by this node or another copy.

    Raises:
        NotRestored. NotFound: there is no node. HomeInUse: it runs.
    """
    require_node(home)
    with daemon.lock(home), closing(Store(opening.for_writing(home, database_url(home)))) as store:
        known = store.state(RESTORED)
        if known is None or known["budget"] != "unknown":
            raise NotRestored("nothing is to be settled here", hint="Only a restored home is adopted, once.")
        with store.transaction() as tx:
            tx.set(RESTORED, {**known, "compared": True, "budget": "kept" if nothing_since else "closed"})
            if not nothing_since:
                for close in everything().every("adopted"):
                    close(tx, known)
