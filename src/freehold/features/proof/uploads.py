"""Evidence that somebody uploaded, checked in a process of its own while its page waits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from freehold.core.errors import FreeholdError, Unavailable
from freehold.core.texts import said
from freehold.features.proof.examining import Finding, Outcome
from freehold.kernel.evidence.checks.chain import of_chain
from freehold.kernel.evidence.verify import NO_LINEAGE
from freehold.kernel.limits import Busy
from freehold.kernel.node import Node
from freehold.kernel.web.forms import Upload

MOST_SECONDS = 900.0
_KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONHOME", "SSL_CERT_FILE")
"""What a child needs to start; the rest may hold secrets."""
READ = "evidence.read"


class Uploaded:
    """One upload being checked, or checked."""

    def __init__(self, name: str, at: int) -> None:
        self.name, self.at = name, at
        self.findings: list[Finding] = []
        self.report: dict[str, Any] = {}
        self.done = False

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
    """Checks one upload at a time; ends with the node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._turn = threading.Lock()
        self._child: subprocess.Popen[str] | None = None

    def take_in(self, upload: Upload) -> Uploaded:
        """Check an upload, which is deleted then. Raises `Busy`: another one is being checked."""
        if not self._turn.acquire(blocking=False):
            upload.close()
            raise Busy(said("another upload is being checked just now"), hint=said("Try again in a minute."))
        made = Uploaded(upload.name, self._node.now())
        threading.Thread(target=self._run, args=(made, upload), name="check an upload", daemon=True).start()
        return made

    def stop(self) -> None:
        """End what is under way."""
        child = self._child
        if child is not None:
            with suppress(OSError):
                child.kill()

    def _run(self, made: Uploaded, upload: Upload) -> None:
        try:
            self._judge(made, self._ask(str(upload.path)))
        except FreeholdError as error:
            made.findings.append(Finding(READ, "bad", error.said))
        finally:
            upload.close()
            made.done = True
            self._turn.release()

    def _ask(self, path: str) -> dict[str, Any]:
        command = [sys.executable, "-B", "-m", "freehold.features.proof.apart"]
        kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=kept,
        )
        try:
            shown, _ = self._child.communicate(path + "\n", timeout=MOST_SECONDS)
            answer: dict[str, Any] = json.loads(shown)
        except subprocess.TimeoutExpired:
            raise Unavailable(said("checking took too long and was ended")) from None
        except ValueError:
            raise Unavailable(
                said("checking took more time or memory than evidence may, and was ended")
            ) from None
        finally:
            self._child.kill()
            self._child.wait()
            self._child = None
        return answer

    def _judge(self, made: Uploaded, answer: dict[str, Any]) -> None:
        """What the child found, and what this node's own network says of the block that all of it hangs on."""
        if "report" not in answer:
            made.findings.append(Finding(READ, "bad", f"{answer['error']}. {answer['hint']}".strip()))
            return
        made.report = answer["report"]
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
            return Finding("chain.block", "open", error.said)
        except FreeholdError as error:
            return Finding("chain.block", "bad", error.said)
