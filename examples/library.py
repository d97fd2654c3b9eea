"""The whole main job from Python: two owners, a builder and a buyer, on a chain of their own.

    python examples/library.py [FOLDER]

Starts a local chain and four nodes as processes (below `main`), which is what people do with
`freehold chain run` and `freehold up` on machines of their own, and ends them again.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import make_tables

import freehold
from freehold.core.money import dollars


def main(folder: Path) -> None:
    make_tables.main(folder / "tables")
    with ExitStack() as running:
        rpc_url = start_chain(running, folder)
        north, south, builder, buyer = (
            start_node(running, folder / name, rpc_url) for name in ("north", "south", "builder", "buyer")
        )

        # two owners offer their tables, each with a privacy budget; they name no judge, so no row leaves their nodes
        for owner, name in ((north, "north"), (south, "south")):
            table = folder / "tables" / f"{name}.csv"
            print(owner.inspect(table, "malignant").rows, "rows in", name)
            owner.publish(
                table,
                "malignant",
                name=f"{name}-tumours",
                price="2.50",
                max_uses=50,
                epsilon=1,
                epsilon_life=4,
            )
            builder.meet(owner.status().url)

        # a builder finds them, looks at what a run would come to, buys grants and trains
        # nothing is bought before its owner has said how much may be spent
        builder.limit(per_day="10")
        offers, test = builder.search("tumours", kind="dataset"), folder / "tables" / "test.csv"
        plan = builder.plan(offers, test=test)
        print(f"{plan.rounds} rounds for {dollars(plan.total_units)}. {plan.sentence}")
        training = builder.train(offers, test=test, name="screening", price="0.01")
        for progress in training:
            print(f"{progress.step} {progress.round}/{progress.rounds}")
        model = training.wait()
        print(
            f"right on {model.correct} of {model.test_rows} test rows, guessing on {model.majority_correct}"
        )
        for part in model.contributions:
            agreed = "and agrees" if part.agreed else "and has not agreed"
            print(
                f"{part.name} contributed {part.share_bps / 100:.2f} %, give or take {part.error_ppm / 10_000:.2f}, {agreed}"
            )
        builder.serve(model)

        # a buyer pays by the call
        buyer.meet(builder.status().url)
        model = next(offer for offer in buyer.search("screening", kind="model") if not offer.mine)
        answer = buyer.predict(model, new_patients(folder, model.columns), at_most="0.10")
        print("labels", [output.label for output in answer.outputs], "for", dollars(answer.paid_units))

        # the money reaches the owners
        builder.settle()
        for owner in (north, south):
            claimed = owner.claim()
            earned = owner.earnings()
            print(
                f"{owner.status().name} claimed {dollars(claimed.units)}, earned {dollars(earned.earned_units)}"
            )

        # once the seller anchored its log (daily by itself), the buyer can prove the answer from payment to data
        builder.anchor()
        evidence = buyer.evidence(answer, folder / "evidence")
        checked = freehold.verify(evidence.directory, rpc_url=rpc_url)
        print(f"{len(checked.checks)} checks, {'all hold' if checked else 'NOT all hold'}")

        # an owner changes its mind
        grant = next(grant for grant in north.grants() if grant.issued)
        north.revoke(grant)
        print("revoked:", [grant.revoked for grant in north.grants()])


def new_patients(folder: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows as mappings; lists in the model's order and data frames do as well."""
    header, *lines = (folder / "tables" / "new-patients.csv").read_text().splitlines()
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    return [{name: row[name] for name in columns} for row in rows]


def start_chain(running: ExitStack, folder: Path) -> str:
    """A chain on a free port, with Freehold's contracts on it; returns its URL."""
    process = start(running, ["chain", "run", "--port", "0", "--json", "--home", str(folder / "chain")])
    assert process.stdout
    return str(json.loads(process.stdout.readline())["url"])


def start_node(running: ExitStack, home: Path, rpc_url: str) -> freehold.Node:
    """A node on a free port, its passphrase through a pipe; returns once it answers."""
    reading, writing = os.pipe()
    os.write(writing, b"a passphrase for this example\n")
    os.close(writing)
    command = ["up", "--name", home.name.title(), "--port", "0", "--rpc-url", rpc_url, "--home", str(home)]
    process = start(running, [*command, "--passphrase-fd", str(reading)], reading)
    os.close(reading)
    while not (home / "node.json").exists():
        if process.poll() is not None:
            raise SystemExit(f"{home.name} did not start")
        time.sleep(0.05)
    return running.enter_context(freehold.connect(home))


def start(running: ExitStack, arguments: list[str], *descriptors: int) -> subprocess.Popen[str]:
    """A `freehold` process that ends with this one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "freehold", *arguments],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        pass_fds=descriptors,
    )
    running.callback(end, process)
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
