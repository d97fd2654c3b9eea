"""How many small faults in the code that guards money, rights and evidence the tests notice.

    python bench/mutation.py                         a sample of every area
    python bench/mutation.py rights --sample 0       all mutants of one area
    python bench/mutation.py --journal run.jsonl     go on where an earlier run stopped
    python bench/mutation.py --only NAME             one mutant, with what the tests said

Each mutant is put into a copy of the tree and the area's tests run against it until one fails. A mutant
that outlives them is a hole in the tests, or changes nothing that matters; which of both, and why, stands
in bench/mutation_survivors.json. Exits 1 where less than 90 of 100 die, explained ones not counted.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from _mutants import Mutant, mutants, sources

ROOT = Path(__file__).resolve().parents[1]
EXPLAINED = ROOT / "bench" / "mutation_survivors.json"
BAR = 0.9
SAMPLE = 50
"""Mutants of each area, drawn by their names: always the same ones while the code stays."""


@dataclass(frozen=True)
class Area:
    """Sources that guard one thing, and the tests that should notice when they no longer do, quick ones first."""

    sources: tuple[str, ...]
    tests: tuple[str, ...]


AREAS = {
    "rights": Area(
        (
            "src/freehold/kernel/rights/*.py",
            "src/freehold/kernel/use.py",
            "src/freehold/kernel/countersigning.py",
            "src/freehold/core/terms.py",
            "src/freehold/features/grants/granting.py",
            "src/freehold/features/grants/issuing.py",
            "src/freehold/features/training/admitting.py",
            "src/freehold/kernel/uses.py",
        ),
        (
            "tests/unit/test_rights.py",
            "tests/faults/test_use.py",
            "tests/unit/test_node_uses.py",
            "tests/unit/test_core_documents.py",
            "tests/faults/test_node_grants.py",
            "tests/faults/test_training_plans.py",
            "tests/faults/test_node_requests.py",
            "tests/faults/test_node_hostile_owner.py",
            "tests/faults/test_training_protocol.py",
            "tests/e2e/test_inference_market.py",
            "tests/e2e/test_consent.py",
        ),
    ),
    "money": Area(
        (
            "src/freehold/features/payments/rules/*.py",
            "src/freehold/features/gateway/rules/*.py",
            "src/freehold/features/models/rules/*.py",
            "src/freehold/core/money.py",
            "src/freehold/features/gateway/serving.py",
            "src/freehold/features/gateway/served.py",
            "src/freehold/features/payments/closing.py",
            "src/freehold/features/payments/spending.py",
            "src/freehold/features/payments/settling.py",
            "src/freehold/features/gateway/transfers.py",
            "src/freehold/features/gateway/buying.py",
            "src/freehold/kernel/ceiling.py",
            "src/freehold/kernel/keeping/*.py",
        ),
        (
            "tests/unit/test_inference_rules.py",
            "tests/property/test_core_properties.py",
            "tests/faults/test_spending_ceiling.py",
            "tests/faults/test_keeper.py",
            "tests/faults/test_answers_sold.py",
            "tests/faults/test_inference_vouchers.py",
            "tests/faults/test_inference_buyer.py",
            "tests/faults/test_meanwhile.py",
            "tests/e2e/test_inference_market.py",
            "tests/e2e/test_inference_transfer.py",
            "tests/faults/test_inference_pruning.py",
            "tests/faults/test_inference_kill.py",
            "tests/faults/test_training_values.py",
        ),
    ),
    "evidence": Area(
        (
            "src/freehold/kernel/evidence/**/*.py",
            "src/freehold/features/*/checks/*.py",
            "src/freehold/chain/proof.py",
        ),
        (
            "tests/unit/test_evidence_bundle.py",
            "tests/unit/test_evidence_assembly.py",
            "tests/unit/test_chain_proof.py",
            "tests/property/test_evidence_rules.py",
            "tests/faults/test_evidence_times.py",
            "tests/faults/test_evidence_lineage.py",
            "tests/faults/test_evidence_block.py",
            "tests/faults/test_evidence_rows.py",
            "tests/faults/test_evidence_spellings.py",
            "tests/faults/test_evidence_tampering.py",
            "tests/faults/test_evidence_collusion.py",
            "tests/faults/test_evidence_differences.py",
            "tests/faults/test_evidence_alterations.py",
        ),
    ),
    "store": Area(
        ("src/freehold/log/*.py", "src/freehold/kernel/store.py", "src/freehold/kernel/databases/session.py"),
        (
            "tests/unit/test_log_note.py",
            "tests/unit/test_log_tiles.py",
            "tests/unit/test_log_store.py",
            "tests/property/test_log_tree.py",
            "tests/property/test_log_text.py",
            "tests/vectors",
            "tests/unit/test_node_store.py",
            "tests/unit/test_node_logs.py",
            "tests/unit/test_databases_connecting.py",
            "tests/unit/test_databases_migrations.py",
            "tests/property/test_databases_agree.py",
            "tests/faults/test_postgres_faults.py",
            "tests/faults/test_log_kill.py",
        ),
    ),
    "vault": Area(
        ("src/freehold/vault/*.py", "src/freehold/durable.py"),
        (
            "tests/unit/test_vault_blobs.py",
            "tests/unit/test_vault_keystore.py",
            "tests/unit/test_vault_sealing.py",
            "tests/unit/test_vault_vault.py",
            "tests/property/test_vault_seals.py",
            "tests/unit/test_backup_envelope.py",
            "tests/unit/test_vault_bounds.py",
            "tests/unit/test_durable.py",
            "tests/faults/test_local_secrets.py",
            "tests/faults/test_vault_faults.py",
            "tests/faults/test_vault_s3.py",
        ),
    ),
    "console": Area(
        (
            "src/freehold/shell/web/gate.py",
            "src/freehold/shell/web/sessions.py",
            "src/freehold/kernel/http/gate.py",
        ),
        (
            "tests/unit/test_console_gate.py",
            "tests/unit/test_console_sessions.py",
            "tests/unit/test_node_gate.py",
            "tests/console/test_console_guards.py",
            "tests/console/test_console_security.py",
        ),
    ),
}


class Bench:
    """Copies of the tree, one for each worker, in which mutants live for a while."""

    def __init__(self, place: Path, workers: int) -> None:
        self._free = deque[Path]()
        self._lock = Lock()
        self._killers: dict[str, str] = {}
        self._measuring = Lock()
        self._seconds: dict[str, float] = {}
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        tracked = [name for name in names.decode().split("\0") if name and (ROOT / name).is_file()]
        for number in range(workers):
            tree = place / str(number)
            for name in tracked:
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name)
            for ignored in ("tests/clients/node_modules", "contracts/node_modules"):
                if (ROOT / ignored).exists():
                    (tree / ignored).symlink_to(ROOT / ignored)
            self._free.append(tree)

    def first_failure(self, area: Area, mutant: Mutant) -> tuple[str, str]:
        """The test that notices ("" for none, "time" where they do not end), and what pytest said."""
        tests = list(area.tests)
        with self._lock:
            tree = self._free.popleft()
            killer = self._killers.get(mutant.path, tests[0])
        tests.remove(killer)
        original = (ROOT / mutant.path).read_bytes()
        try:
            for test in (killer, *tests):
                limit = self._limit(tree, test)
                (tree / mutant.path).write_bytes(mutant.apply(original))
                said, failed = _pytest(tree, test, limit)
                (tree / mutant.path).write_bytes(original)
                if failed:
                    self._killers[mutant.path] = test
                    return failed, said
            return "", said
        finally:
            (tree / mutant.path).write_bytes(original)
            with self._lock:
                self._free.append(tree)

    def _limit(self, tree: Path, test: str) -> float:
        """Seconds a file of tests may take with a mutant: some times what it takes without, which is tried once."""
        with self._measuring:
            if test not in self._seconds:
                began = time.monotonic()
                said, failed = _pytest(tree, test, 1_800)
                if failed:
                    sys.exit(f"{test} fails without any mutant: {failed}\n{said[-4_000:]}")
                self._seconds[test] = time.monotonic() - began
            return 3 * self._seconds[test] + 30


def _pytest(tree: Path, test: str, limit_seconds: float) -> tuple[str, str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "--no-header", "--tb=short", "-rfE", test]  # fmt: skip
    # a test that is skipped for want of a tool would let every mutant live
    wanted = {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1", "FREEHOLD_NO_SKIPS": "1"}
    environment = {**os.environ, **wanted}
    process = subprocess.Popen(
        command,
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0], "time"
    if process.returncode == 0:
        return said, ""
    lines = [line.split()[1] for line in said.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return said, lines[0] if lines else "pytest"


def chosen(area: Area, sample: int) -> list[Mutant]:
    """The area's mutants, or an even draw of them."""
    found = [mutant for path in sources(ROOT, area.sources) for mutant in mutants(ROOT, path)]
    if sample:
        found = sorted(found, key=lambda mutant: mutant.draw)[:sample]
    return sorted(found, key=lambda mutant: (mutant.path, mutant.line))


def explained() -> dict[str, str]:
    """Why each mutant that may live does."""
    return json.loads(EXPLAINED.read_text()) if EXPLAINED.exists() else {}


def examine(bench: Bench, name: str, todo: list[Mutant], done: dict[str, str], journal: Path | None, jobs: int) -> None:  # fmt: skip
    """Fill `done` with which test killed each mutant."""
    area = AREAS[name]
    left = [mutant for mutant in todo if mutant.name not in done]
    if not left:
        return
    lock = Lock()

    def one(mutant: Mutant) -> None:
        killer, _ = bench.first_failure(area, mutant)
        with lock:
            done[mutant.name] = killer
            if journal:
                with journal.open("a") as file:
                    file.write(json.dumps({"mutant": mutant.name, "killed_by": killer}) + "\n")
            print(f"{'lives' if not killer else 'dies '} {mutant.name}", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, left))


def report(name: str, todo: list[Mutant], done: dict[str, str]) -> tuple[int, int]:
    """Print one line an area and its unexplained survivors; returns killed and counted."""
    reasons = explained()
    alive = [mutant for mutant in todo if not done[mutant.name]]
    counted = len(todo) - sum(mutant.name in reasons for mutant in alive)
    killed = len(todo) - len(alive)
    print(
        f"{name:10} {len(todo):5} mutants {killed:5} die {len(todo) - counted:4} explained  net {killed / max(1, counted):6.1%}"
    )
    for mutant in alive:
        if mutant.name not in reasons:
            print(f"    lives: {mutant.path}:{mutant.line} {mutant.name.split('::', 1)[1]}")
    return killed, counted


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    reader.add_argument("areas", nargs="*", metavar="AREA", help=f"of {', '.join(AREAS)}; all by default")
    reader.add_argument(
        "--sample", type=int, default=SAMPLE, help=f"mutants an area; 0 for all (default {SAMPLE})"
    )
    reader.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="workers")
    reader.add_argument(
        "--journal", type=Path, help="file to note results in, and to take noted results from"
    )
    reader.add_argument("--only", metavar="NAME", help="one mutant by its name, with what the tests say")
    given = reader.parse_args()
    unknown = set(given.areas) - set(AREAS)
    if unknown:
        reader.error(f"no area {', '.join(sorted(unknown))}; there are: {', '.join(AREAS)}")
    names = given.areas or list(AREAS)
    done: dict[str, str] = {}
    if given.journal and given.journal.exists():
        rows = (json.loads(line) for line in given.journal.read_text().splitlines())
        done = {row["mutant"]: row["killed_by"] for row in rows}
    with TemporaryDirectory(prefix="freehold-mutants-") as place:
        bench = Bench(Path(place), given.jobs)
        if given.only:
            for name in names:
                for mutant in chosen(AREAS[name], 0):
                    if mutant.name == given.only:
                        sys.exit(bench.first_failure(AREAS[name], mutant)[1])
            reader.error("no mutant of that name")
        killed = counted = 0
        for name in names:
            todo = chosen(AREAS[name], given.sample)
            examine(bench, name, todo, done, given.journal, given.jobs)
            died, of = report(name, todo, done)
            killed, counted = killed + died, counted + of
    print(f"{'all':10} {killed} of {counted} die: {killed / max(1, counted):.1%}")
    sys.exit(killed < BAR * counted)


if __name__ == "__main__":
    main()
