"""The rules of verify_standalone.py: was each use allowed and paid, and does the model follow from its training?

A group of checks each: the generator names a check, then makes it.
"""

from collections import Counter
from itertools import pairwise

import standalone_proofs as proofs
from standalone_files import OFFER, PLAN, TEST, E, at, every, get, load, need, paths, storage
from standalone_proofs import canonical, hash_of, keccak, word


def grants():
    yield "grants.terms"
    for name, grant in every("grant"):
        asset = get(grant["asset"], "asset", name)
        child, parent = grant["terms"], asset["terms"]
        need(grant["issuer"] == asset["owner"] and grant["parent"] is None, "was not issued by the owner")
        need(
            all({*child[key]} <= {*parent[key]} for key in ("purposes", "actions")),
            "allows more than the asset",
        )
        need(parent["not_before"] <= child["not_before"], "begins before the asset's terms")
        need(child["expires_at"] <= parent["expires_at"], "ends after the asset's terms")
        need(child["max_uses"] <= parent["max_uses"], "allows more uses than the asset's terms")
        need(child["price_units"] >= parent["price_units"], "costs less than the asset's terms")
        need(
            all(child[key] == parent[key] for key in ("price_per", "token")),
            "is paid otherwise than the terms",
        )
        need({*parent["duties"]} <= {*child["duties"]}, "leaves out duties")
    yield "grants.bought"
    for name, grant in every("grant"):
        terms = grant["terms"]
        if terms["price_per"] == "grant" and terms["price_units"]:
            fields = (
                name,
                grant["issuer"],
                grant["holder"],
                terms["token"],
                terms["price_units"],
                terms["expires_at"],
            )
            market = E.contracts["Market"]
            offer = proofs.typed(
                "Freehold Market", E.chain_id, market, OFFER, [word(field) for field in fields]
            )
            need(storage("Market", offer.hex()), "is for sale and was not bought")


def receipts():
    yield "receipts.use"
    uses = Counter()
    for name, receipt in every("receipt"):
        grant = get(receipt["grant"], "grant", name)
        terms, parties = grant["terms"], (receipt["holder"], receipt["provider"])
        need(parties == (grant["holder"], grant["issuer"]), "is not between the sides of its grant")
        need(receipt["action"] in terms["actions"], "is an action that its grant does not allow")
        need(receipt["inputs"] == [grant["asset"]], "uses another asset than its grant is for")
        need(receipt["sequence"] <= terms["max_uses"], "is one use too many")
        need(terms["not_before"] <= receipt["issued_at"] < terms["expires_at"], "is outside its grant's time")
        uses.update([(receipt["grant"], receipt["sequence"])])
        need(uses[receipt["grant"], receipt["sequence"]] == 1, "has a number that was used before")
    yield "receipts.money"
    for name, receipt in every("receipt"):
        grant, moved = get(receipt["grant"], "grant", name), Counter()
        price = grant["terms"]["price_units"] if grant["terms"]["price_per"] == "use" else 0
        pool = "0x" + keccak(word(grant["issuer"]) + word(grant["asset"])).hex()
        payee = pool if receipt["action"] == "infer" else grant["issuer"]
        for line in receipt["money"]:
            moved[line["account"]] += line["delta_units"]
        expected = {receipt["holder"]: -price, payee: price} if price else {}
        need({a: units for a, units in moved.items() if units} == expected, "does not move exactly the price")
        spent, cap = receipt["evidence"].get("cumulative_units", price), grant["spend_cap_units"]
        need(not price or price <= spent <= cap, "costs more than the spend cap of its grant")
        need(price * receipt["sequence"] <= cap or not price, "costs more than the spend cap of its grant")


def revocation():
    yield "revocation.standing"
    for name, grant in every("grant"):
        index, log = grant["revocation_index"], E.logs[grant["issuer"]]
        claims = claims_of("revocation", grant["issuer"], name)
        is_revoked = storage("Revocations", grant["issuer"], index >> 8) >> index % 256 & 1
        need(claims or not is_revoked, "is revoked, and nothing shows that its use came first", at(name))
        used = [log[key] for key, one in E.docs.items() if one["type"] == "receipt" and one["grant"] == name]
        for key, claim in claims:
            need(claim["statement"] == {"index": index}, "revokes another index than the grant's", at(key))
            need(log[key] >= max(used, default=-1), "was used after it was revoked", at(name))


def claims_of(kind, issuer, subject):
    """(id, claim) in the order of the issuer's log."""
    wanted = kind, issuer, subject
    found = [
        item
        for item in every("claim")
        if tuple(item[1][k] for k in ("claim_kind", "issuer", "subject")) == wanted
    ]
    return sorted(found, key=lambda item: E.logs[issuer][item[0]])


def only(kind, subject):
    found = claims_of(kind, E.model["owner"], subject)
    need(
        len(found) == 1,
        f"has {len(found)} {kind} claims by its builder where there must be one",
        at(E.model_id),
    )
    E.file = at(found[0][0])
    return found[0]


def training():
    E.model_id = get(E.receipt["grant"], "grant", E.manifest["subject"])["asset"]
    E.model = get(E.model_id, "asset", E.receipt["grant"])
    E.run = E.model["schema"].get("run")
    if E.model["asset_kind"] != "model" or not (E.run or E.model["derived_from"]):
        return
    yield "training.order"
    need(isinstance(E.run, str), "has sources and does not name the run that made it", at(E.model_id))
    plan_id, claim = only("training_plan", E.run)
    plan, E.owners, builder = claim["statement"]["plan"], claim["statement"]["owners"], E.model["owner"]
    need(hash_of(b"freehold/training-plan/v1\0" + canonical(plan)) == E.run, "holds the plan of another run")
    commitment, committed = only("test_commitment", plan["test_commitment"])
    need(committed["statement"]["commitment"] == plan["test_commitment"], "states another commitment")
    rounds = claims_of("training_round", builder, E.run)
    for number, (name, one) in enumerate(rounds, 1):
        E.file = at(name)
        need(one["statement"]["record"]["number"] == number, f"stands where round {number} must stand")
    need(len(rounds) == plan["recipe"]["rounds"], "plans other than the rounds recorded", at(plan_id))
    last = [only("test_opening", E.run), only("contribution", E.run), only("release", E.model_id)]
    sequence = [commitment, plan_id, *(name for name, _ in rounds + last)]
    for earlier, later in pairwise(sequence):
        need(
            E.logs[builder][earlier] < E.logs[builder][later],
            "comes too early in the builder's log",
            at(later),
        )
    yield "training.receipts"
    E.accounts, E.file = [owner["account"] for owner in E.owners], at(plan_id)
    need(plan["owners"] == E.accounts == sorted({*E.accounts}), "does not name its owners once each, sorted")
    done = [one for _, one in every("receipt") if one["action"] == "train"]
    done = [one for one in done if one["evidence"].get("run") in (E.run, None)]
    signed = {(one["grant"], one["evidence"].get("round"), one["output"]) for one in done}
    E.file = at(plan_id)
    for owner, data, statistics in zip(E.owners, plan["data"], plan["statistics"], strict=True):
        grant = get(owner["grant"], "grant", plan_id)
        sides = grant["issuer"], grant["holder"], grant["asset"]
        need(
            sides == (owner["account"], builder, owner["asset"]),
            "names a grant for something else",
            at(plan_id),
        )
        asset = get(owner["asset"], "asset", plan_id)
        need(asset["content"]["commitment"] == data, "names other data than the asset", at(plan_id))
        need(
            (owner["grant"], 0, hash_of(statistics)) in signed,
            "has statistics without a receipt",
            at(plan_id),
        )
    granted = {owner["account"]: owner["grant"] for owner in E.owners}
    for number, (name, one) in enumerate(rounds, 1):
        for account, output in one["statement"]["record"]["update_hashes"].items():
            need(
                (granted.get(account), number, output) in signed,
                "counts an update without a receipt",
                at(name),
            )
    yield "training.replay"
    need(load(PLAN) == plan, "is not the plan in the builder's log")
    names = [f"training/round-{number:03d}.json" for number in range(1, len(rounds) + 1)]
    for path in sorted({*paths("training/round-")} ^ {*names}):
        need(False, "is missing, or is of a round that the log does not have", path)
    records = [load(path) for path in names]
    for path, record, (_, one) in zip(names, records, rounds, strict=True):
        logged = {key: value for key, value in record.items() if key != "updates"}
        need(logged == one["statement"]["record"], "records other hashes than the builder's log", path)
    E.file = at(last[0][0])
    salt = bytes.fromhex(last[0][1]["statement"]["salt"][2:])
    need(16 <= len(salt) <= 64, "opens the test table without a salt of 16 to 64 bytes")
    models = [[0] * (len(plan["columns"]) + 1) for _ in range(1 << len(E.owners))]
    for path, record in zip(names, records, strict=True):
        E.file, context = path, {"run": E.run, "round": record["number"]}
        need({*record["updates"]} == {*record["update_hashes"]}, "has not one hash for each update")
        for account, update in record["updates"].items():
            shape = {len(update) * 2, *map(len, update)} == {len(models), len(models[0])}
            need(shape and all(abs(w) <= 1 << 21 for model in update for w in model), "holds no such update")
            again = proofs.array_hash({"kind": "update", "owner": account, **context}, update)
            need(
                again == record["update_hashes"][account], f"holds another update of {account} than its hash"
            )
        present = {E.accounts.index(account): update for account, update in record["updates"].items()}
        models = proofs.aggregated(models, present, [part["rows"] for part in plan["statistics"]])
        need(
            proofs.array_hash({"kind": "models", **context}, models) == record["models_hash"],
            "leads elsewhere",
        )
    table, scaling = load(TEST), proofs.pooled(plan["statistics"])
    need(proofs.is_table(table, plan), "is not a table with the plan's columns and label")
    E.test_commitment, E.committed = proofs.table_commitment(table, salt), plan["test_commitment"]
    utilities, correct = proofs.scored(models, table, scaling)
    values = proofs.shapley(utilities)
    E.earned = {"accounts": E.accounts, "utilities": utilities, "values": [str(value) for value in values]}
    E.earned |= {
        "shares_bps": proofs.shares_bps(values),
        "correct": correct,
        "test_rows": len(table["labels"]),
    }
    yield "training.model"
    context = {"kind": "model", "scaling": scaling, "recipe": plan["recipe"], "columns": plan["columns"]}
    E.file, made = at(E.model_id), proofs.array_hash(context, models[-1])
    need(E.model["content"]["commitment"] == made, "is another model than its training leads to")
    yield "training.terms"
    for offered, allowed in (
        (E.model["terms"], get(one["grant"], "grant", plan_id)["terms"]) for one in E.owners
    ):
        E.file = at(E.model_id)
        narrow = all({*offered[key]} <= {*allowed[key]} for key in ("purposes", "actions"))
        need(
            narrow and offered["expires_at"] <= allowed["expires_at"],
            "is offered for more than owners allowed",
        )
        need({*allowed["duties"]} <= {*offered["duties"]}, "leaves out a duty that an owner set")


def valuation():
    if not E.earned:
        return
    yield "valuation.test"
    need(only("test_opening", E.run)[1]["statement"]["commitment"] == E.committed, "opens another commitment")
    need(E.test_commitment == E.committed, "is not the table committed to before training", TEST)
    yield "valuation.shares"
    stated = only("contribution", E.run)[1]["statement"]
    for key in {*stated, "accounts", "utilities", "shares_bps"}:
        need(
            key in E.earned and stated.get(key) == E.earned[key],
            f"states other {key} than the training gives",
        )
    yield "valuation.lineage"
    E.file = at(E.model_id)
    weights = zip((owner["asset"] for owner in E.owners), E.earned["shares_bps"], strict=True)
    stated = sorted((one["asset"], one["weight"]) for one in E.model["derived_from"])
    need(stated == sorted(weights), "does not name the data it was trained on with their shares")
    yield "valuation.split"
    release = only("release", E.model_id)[1]["statement"]
    paid = {one["account"]: one["shares"] for one in release["shares"]}
    earned = {a: share for a, share in zip(E.accounts, E.earned["shares_bps"], strict=True) if share}
    need(len(paid) == len(release["shares"]), "names a payee twice")
    need(
        {a: share for a, share in paid.items() if share} == earned, "splits by other shares than were earned"
    )
    root, pool = proofs.split_root(paid), "0x" + keccak(word(E.model["owner"]) + word(E.model_id)).hex()
    follows = {"run": E.run, "pool": pool, "split_root": "0x" + root.hex()}
    need(release == release | follows, "names another run, pool or root than follows")
    packed, on_chain = storage("Revenue", pool), storage("Revenue", pool, offset=1)
    need(on_chain == int.from_bytes(root, "big"), "is not the split by which the pool on chain pays")
    need(packed >> 160 == sum(paid.values()), "is not the split by which the pool on chain pays")
    need(packed % 2**160 == int(E.model["terms"]["token"], 16), "is priced in another token", at(E.model_id))
