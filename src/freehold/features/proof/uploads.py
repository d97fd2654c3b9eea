"""Evidence that somebody uploaded, checked in a process of its own while its page waits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

from freehold.core.errors import FreeholdError, Unavailable
from freehold.core.texts import Span, said, unpacked
from freehold.features.proof.examining import Finding, Outcome
from freehold.kernel.evidence.checks.chain import of_chain
from freehold.kernel.evidence.verify import NO_LINEAGE
from freehold.kernel.node import Node
from freehold.kernel.web.forms import Upload
from freehold.kernel.web.words import problem

MOST_SECONDS = 900.0
TURN_SECONDS = 60.0
"""For as long a check goes on for sure; after that only while nobody waits for it to end."""
_LOOK_SECONDS = 0.2
_KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONHOME", "SSL_CERT_FILE")
"""What a child needs to start; the rest may hold secrets."""
READ = "evidence.read"


class Uploaded:
    """One upload that waits, is being checked, or was checked."""

    def __init__(self, name: str, at: int, whose: str) -> None:
        self.name, self.at, self.whose = name, at, whose
        self.findings: list[Finding] = []
        self.report: dict[str, Any] = {}
        self.begun = self.left = self.done = False
        """Left: whoever brought it brought another one, or the node stops."""

    @property
    def verdict(self) -> str:
        """running, good, bad or open."""
        if not self.done:
            return "running"
        outcomes = {one.outcome for one in self.findings}
        return "bad" if "bad" in outcomes else "open" if "open" in outcomes else "good"

    @property
    def named_failure(self) -> Finding | None:
        """The first check that failed."""
        return next((one for one in self.findings if one.outcome == "bad"), None)


class Uploads:
    """Checks one upload at a time, of each person the latest, in the order in which they came; ends with the node.

    What a stranger made may take as long as it can: it has one turn, and goes on only while nobody else waits.
    """

    def __init__(self, node: Node, turn_seconds: float = TURN_SECONDS) -> None:
        self._node, self._turn_seconds = node, turn_seconds
        self._moved = threading.Condition()
        self._line: list[Uploaded] = []
        """The first is being checked."""

    def take_in(self, upload: Upload, whose: str) -> Uploaded:
        """Check an upload when its turn comes, and delete it then; an earlier one of the same person is left."""
        made = Uploaded(upload.name, self._node.now(), whose)
        with self._moved:
            for earlier in self._line:
                earlier.left |= earlier.whose == whose
            self._line.append(made)
            self._moved.notify_all()
        threading.Thread(target=self._run, args=(made, upload), name="check an upload", daemon=True).start()
        return made

    def stop(self) -> None:
        """End what is under way, and what waits."""
        with self._moved:
            for one in self._line:
                one.left = True
            self._moved.notify_all()

    def _run(self, made: Uploaded, upload: Upload) -> None:
        try:
            with self._moved:
                self._moved.wait_for(lambda: made.left or self._line[0] is made)
            made.begun = True
            self._judge(made, self._ask(made, str(upload.path)))
        except FreeholdError as error:
            made.findings.append(Finding(READ, "bad", problem(error)))
        finally:
            upload.close()
            made.done = True
            with self._moved:
                self._line.remove(made)
                self._moved.notify_all()

    def _ask(self, made: Uploaded, path: str) -> dict[str, Any]:
        command = [sys.executable, "-B", "-m", "freehold.features.proof.apart"]
        kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        self._require_turn(made, 0)
        began = time.monotonic()
        told: str | None = path + "\n"
        with subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=kept,
        ) as child:
            try:
                while True:
                    try:
                        shown, _ = child.communicate(told, timeout=_LOOK_SECONDS)
                        break
                    except subprocess.TimeoutExpired:
                        told = None
                        self._require_turn(made, time.monotonic() - began)
            finally:
                child.kill()
        try:
            answer: dict[str, Any] = json.loads(shown)
        except ValueError:
            raise Unavailable(
                said("checking took more time or memory than evidence may, and was ended")
            ) from None
        return answer

    def _require_turn(self, made: Uploaded, seconds: float) -> None:
        if made.left:
            raise Unavailable(said("this check was ended, since another file was chosen or the node stops"))
        if seconds > MOST_SECONDS:
            raise Unavailable(said("checking took too long and was ended"))
        if seconds > self._turn_seconds and len(self._line) > 1:
            raise Unavailable(
                said("checking took over {span}, and others wait", span=Span(int(self._turn_seconds))),
                hint=said("Choose the file again later. It goes on for longer while nobody waits."),
            )

    def _judge(self, made: Uploaded, answer: dict[str, Any]) -> None:
        """What the child found, and what this node's own network says of the block that all of it hangs on."""
        if "report" not in answer:
            why = FreeholdError(unpacked(answer["error"]), hint=unpacked(answer["hint"]))
            made.findings.append(Finding(READ, "bad", problem(why)))
            return
        made.report = unpacked(answer["report"])
        for check in made.report["checks"]:
            outcome: Outcome = "good" if check["ok"] else "open" if check["is_newer"] else "bad"
            if check["name"] == "chain.block" and check["ok"]:
                made.findings.append(self._block(made.report))
            else:
                made.findings.append(Finding(check["name"], outcome, check["detail"], check["file"]))
        if made.report["verdict"] == "no_lineage":
            made.findings.append(Finding("model.lineage", "bad", NO_LINEAGE))

    def _block(self, report: dict[str, Any]) -> Finding:
        node, found = self._node, str(report["block_hash"])
        if report["chain_id"] != node.chain_id:
            text = said(
                "it is of another network than this node's, so nobody here can vouch for its block {hash}",
                hash=found,
            )
            return Finding("chain.block", "open", text)
        try:
            shown = node.chain.rpc.call("eth_getBlockByHash", found, False)
            if not isinstance(shown, dict):
                return Finding("chain.block", "bad", said("the network of this node has no such block"))
            return Finding(
                "chain.block",
                "good",
                of_chain(int(shown["number"], 16), found, node.chain, must_be_final=False),
            )
        except Unavailable as error:
            return Finding("chain.block", "open", problem(error))
        except FreeholdError as error:
            return Finding("chain.block", "bad", problem(error))
