"""What parties that sign, log and anchor everything could do together is found by the check made for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evidence_verdicts import broken
from evidence_world import (
    BOUGHT,
    CAP,
    COLUMNS,
    EPSILON,
    EXPIRES,
    ISSUED,
    LABEL,
    PRICE,
    STAMPED,
    TOKEN,
    USED,
    World,
    forced,
    person,
    table_of,
)

from freehold.core.documents import MoneyLine, Source, Terms, parse_document
from freehold.features.data.rules import table as tables
from freehold.features.training.checks.replaying import table_json
from freehold.features.training.rules.updates import Noise

PLAN, START, TEST, ROUNDS = (f"training/{name}.json" for name in ("plan", "start", "test", "rounds"))
ELSE = "0x" + "77" * 32
OTHER_TEST = table_of("other test", 40)
CHANNEL = {"request": "0x" + "22" * 32, "channel": "0x" + "33" * 32}


def said(name, **more):
    """One claim states something else."""
    return {name: lambda statement: statement | more}


def answer(**more):
    """The receipt of the paid answer says something else."""
    return {"receipt": lambda fields, name, _: fields | more if name == "buyer" else fields}


def trained(who, number, **more):
    """One training receipt says something else."""

    def change(fields, name, at):
        if (name, at) != (who, number):
            return fields
        evidence = fields["evidence"] | more.get("evidence", {})
        return fields | more | {"evidence": evidence}

    return {"receipt": change}


def granted(who, **more):
    """One grant says something else; a dictionary of terms changes its terms."""

    def change(fields, name):
        if name != who:
            return fields
        terms = fields["terms"].model_dump() | more.get("terms", {})
        return fields | more | {"terms": Terms(**terms)}

    return {"grant": change}


def offered(who, **more):
    """An asset says something else."""

    def change(fields, name):
        if name != who:
            return fields
        terms = fields["terms"].model_dump() | more.get("terms", {})
        schema = fields["schema_"] | more.get("schema_", {})
        return fields | more | {"terms": Terms(**terms), "schema_": schema}

    return {"asset": change}


def planned(**fields):
    return {"plan": lambda plan: forced(plan, **fields)}


def measured_on(**fields):
    return {"plan": lambda plan: forced(plan, test=replace(plan.test, **fields))}


def recorded(change):
    """The rounds as shown, changed in place."""

    def apply(files):
        change(files["rounds.json"])
        return files

    return {"training": apply}


def money(units):
    return (
        MoneyLine(account="0x" + "88" * 20, delta_units=-units, reason="use"),
        MoneyLine(account="0x" + "99" * 20, delta_units=units, reason="use"),
    )


def longer(update, name, number):
    return update * 10**6 if (name, number) == ("dan", 2) else update


def invented(shown, number):
    """The builder puts its own numbers in ada's place."""
    if number == 2:
        salt, update = shown[person("ada").account]
        shown = shown | {person("ada").account: (salt, update + 1)}
    return shown


def bound_to_invention(commitments, number):
    return commitments | {person("ada").account: ELSE} if number == 2 else commitments


def dropped(rounds):
    del rounds[2]["revealed"][person("ada").account]


def sketch_changed(rounds):
    rounds[0]["revealed"][person("bob").account]["update"][0] += 64


def without_last(rounds):
    rounds.pop()


def without_one_receipt(rounds):
    rounds[1]["receipts"].pop()


def receipt_twice(rounds):
    rounds[1]["receipts"].append(rounds[1]["receipts"][0])


def receipts_swapped(rounds):
    rounds[1]["receipts"].reverse()


def moved_to_the_first_pair(shares):
    return [shares[0] + 100, shares[1] - 100, *shares[2:]]


def cheaper(world):
    """Ada and the builder agree to a second account of round 2, and show it too."""
    statement = world.envelopes[world.story[5].id].document.statement
    world.claim(world.builder, "training_round", world.plan.run_id, {**statement, "missing": []}, "second")


def another_start(world):
    world.claim(
        world.builder, "training_start", world.plan.run_id, {"start": world.started, "x": 1}, "second"
    )


def kept_back(story, kind):
    """The claim of a kind is logged last."""
    late = [claim for claim in story if claim.claim_kind == kind]
    return [claim for claim in story if claim.claim_kind != kind] + late


def swapped(story):
    """Rounds 1 and 2 are logged the other way round."""
    story[4], story[5] = story[5], story[4]
    return story


def early_opening(story):
    return [claim for claim in story if claim.claim_kind == "test_opening"] + [
        claim for claim in story if claim.claim_kind != "test_opening"
    ]


def only_builder_signs(signatures, name):
    return signatures[1:] if name == "receipt ada 2" else signatures


CASES = {
    # an answer, its price and its grant
    "price of the answer": (answer(money=money(PRICE)), "receipts.money", "answer"),
    "nothing paid": (answer(money=()), "receipts.money", "answer"),
    "over the cap": (answer(evidence=CHANNEL | {"cumulative_units": CAP + 1}), "receipts.money", "answer"),
    "more uses than paid for": (answer(sequence=CAP // PRICE + 1), "receipts.money", "answer"),
    "too many uses": (answer(sequence=51), "receipts.use", "answer"),
    "too late": (answer(issued_at=EXPIRES), "receipts.use", "answer"),
    "other action": (answer(action="train"), "receipts.use", "answer"),
    "other input": (answer(inputs=(ELSE,)), "receipts.use", "answer"),
    "epsilon of an answer": (answer(epsilon_micro=1), "receipts.use", "answer"),
    "delegated": (granted("buyer", parent=ELSE), "grants.terms", "grant buyer"),
    "an answer under a grant for a run": (granted("buyer", run=ELSE), "receipts.use", "answer"),
    "wider purposes": (granted("ada", terms={"purposes": ("research", "sale")}), "grants.terms", "grant ada"),
    "more uses": (granted("ada", terms={"max_uses": 51}), "grants.terms", "grant ada"),
    "cheaper": (granted("ada", terms={"price_units": 1}), "grants.terms", "grant ada"),
    "more revealed": (
        granted("ada", terms={"reveals": "update", "holders": (person("builder").account,)}),
        "grants.terms",
        "grant ada",
    ),
    "more epsilon in a run": (
        granted("ada", terms={"epsilon_run_micro": EPSILON + 1}),
        "grants.terms",
        "grant ada",
    ),
    "more epsilon in all": (
        granted("ada", terms={"epsilon_life_micro": EPSILON + 2_000_000}),
        "grants.terms",
        "grant ada",
    ),
    "another judge": (granted("ada", terms={"judges": ("0x" + "ab" * 20,)}), "grants.terms", "grant ada"),
    "held by another than named": (
        granted("ada", terms={"holders": ("0x" + "ab" * 20,)}),
        "grants.terms",
        "grant ada",
    ),
    "not bought": ({"bought": lambda _: 0}, "grants.bought", "grant ada"),
    # who agreed to which plan, and when
    "a grant without a run": (granted("bob", run=None), "receipts.use", ROUNDS),
    "a grant of another run": (granted("bob", run=ELSE), "receipts.use", ROUNDS),
    "a grant of another run, and receipts of that": (
        granted("dan", run=ELSE)
        | {
            "receipt": lambda fields, name, _: (
                fields | {"evidence": fields["evidence"] | {"run": ELSE}} if name == "dan" else fields
            )
        },
        "training.grants",
        "grant dan",
    ),
    "grants of a first run, plan of a second with another test": (
        {
            "grant": lambda fields, name: fields | ({"run": ELSE} if name != "buyer" else {}),
            "receipt": lambda fields, name, _: (
                fields | {"evidence": fields["evidence"] | {"run": ELSE}} if name != "buyer" else fields
            ),
        },
        "training.grants",
        "first grant",
    ),
    "a grant for other data": (planned(owners=()), "training.grants", "training_start"),
    "data with more rows": (offered("dan", schema_={"rows": 31}), "training.grants", "grant dan"),
    "data with another label": (offered("dan", schema_={"label": "well"}), "training.grants", "grant dan"),
    "several rows of one subject": (offered("dan", schema_={"rows_each": 2}), "training.grants", "grant dan"),
    "a judge nobody agreed to": (planned(judge="0x" + "ab" * 20), "training.grants", "first grant"),
    "level update under noised grants": (planned(level="update"), "training.grants", "first grant"),
    "less epsilon granted": (
        granted("cyd", terms={"epsilon_run_micro": EPSILON - 1}),
        "receipts.use",
        ROUNDS,
    ),
    "a plan that takes more epsilon than granted": (
        planned(epsilon_micro=EPSILON + 1)
        | {
            "receipt": lambda fields, name, _: (
                fields | {"epsilon_micro": min(EPSILON, fields.get("epsilon_micro", 0))}
            )
        },
        "training.grants",
        "first grant",
    ),
    "noise below epsilon": (planned(epsilon_micro=EPSILON - 2_000), "training.replay", PLAN),
    "noise below epsilon by much": (
        {"plan": lambda plan: forced(plan, noise=Noise(plan.noise.sigma // 2, plan.noise.update_bits))},
        "training.replay",
        PLAN,
    ),
    "too few test rows": (measured_on(rows=19, positives=5), "training.replay", PLAN),
    "a test of one label": (measured_on(positives=0), "training.replay", PLAN),
    "no quorum asked": (planned(quorum_bps=5_000), "training.replay", PLAN),
    "not stamped": ({"stamped": lambda _: 0}, "training.stamp", "training_plan"),
    "stamped after the purchase": ({"stamped": lambda _: BOUGHT + 1}, "training.stamp", "grant ada"),
    "stamped long after the grants": (
        {"stamped": lambda _: ISSUED + 601, "bought": lambda _: ISSUED + 625},
        "training.stamp",
        "first grant",
    ),
    "stamped long after the training": (
        {
            "stamped": lambda _: USED + 601,
            "bought": lambda _: USED + 700,
            "grant": lambda fields, _: fields | {"issued_at": USED},
            "receipt": lambda fields, *_: fields | {"issued_at": USED},
        },
        # ada's grant was bought after that too
        "times.order",
        ROUNDS,
    ),
    "training before the stamp": (
        trained("cyd", 0, issued_at=STAMPED - 601) | granted("cyd", issued_at=STAMPED - 590),
        "training.stamp",
        ROUNDS,
    ),
    # what stands in the logs
    "test chosen late": (
        {"story": lambda story: kept_back(story, "test_commitment")},
        "training.order",
        "training_plan",
    ),
    "test opened early": ({"story": early_opening}, "training.order", "test_opening"),
    "rounds before the start": (
        {"story": lambda story: kept_back(story, "training_start")},
        "training.order",
        ROUNDS,
    ),
    "rounds logged in another order": ({"story": swapped}, "training.order", ROUNDS),
    "two accounts of a round": ({"end": cheaper}, "training.claims", "second"),
    "two starts": ({"end": another_start}, "training.claims", "second"),
    "a test of other columns": (
        said("test_commitment", columns=["age"]),
        "training.claims",
        "test_commitment",
    ),
    "another commitment": (said("test_commitment", commitment=ELSE), "training.claims", "test_commitment"),
    "a plan with more in it": (said("training_plan", more=1), "training.claims", "training_plan"),
    "another plan": (
        {"training_plan": lambda said: {"plan": said["plan"] | {"label": "well"}}},
        "training.claims",
        "training_plan",
    ),
    "another file of the plan": (
        {"training": lambda files: files | {"plan.json": files["plan.json"] | {"label": "well"}}},
        "training.claims",
        PLAN,
    ),
    "another file of the start": (
        {"training": lambda files: files | {"start.json": {"grants": {}}}},
        "training.claims",
        START,
    ),
    "rounds shown in another order": (
        recorded(lambda rounds: rounds.reverse()),
        "training.claims",
        ROUNDS,
    ),
    # what owners did
    "a round left out": (recorded(without_last), "logs.inclusion", "first log of round 3"),
    "a receipt left out": (recorded(without_one_receipt), "logs.inclusion", "first log of round 1"),
    "a receipt twice": (recorded(receipt_twice), "documents.ids", ROUNDS),
    "receipts in another order": (recorded(receipts_swapped), "training.receipts", ROUNDS),
    "a receipt by the builder alone": ({"signatures": only_builder_signs}, "documents.signatures", ROUNDS),
    "a receipt of another round": (trained("ada", 2, evidence={"round": 3}), "training.receipts", ROUNDS),
    "a receipt of another update": (trained("ada", 2, output=ELSE), "training.replay", ROUNDS),
    "a receipt with another seed": (trained("ada", 2, evidence={"seed": ELSE}), "training.receipts", ROUNDS),
    "a receipt with more in it": (trained("ada", 2, evidence={"more": 1}), "training.receipts", ROUNDS),
    "a receipt that counts backwards": (trained("ada", 2, sequence=9), "training.receipts", ROUNDS),
    "a receipt under another's grant": (
        {
            "receipt": lambda fields, name, at: (
                fields | {"evidence": fields["evidence"] | {"run": ELSE}}
                if (name, at) == ("ada", 2)
                else fields
            )
        },
        "receipts.use",
        ROUNDS,
    ),
    "less epsilon written down": (trained("ada", 0, epsilon_micro=1), "training.receipts", ROUNDS),
    "no epsilon written down": (trained("ada", 0, epsilon_micro=0), "training.receipts", ROUNDS),
    "epsilon written down twice": (trained("ada", 2, epsilon_micro=EPSILON), "training.receipts", ROUNDS),
    "more epsilon than granted": (trained("ada", 0, epsilon_micro=EPSILON + 1), "receipts.use", ROUNDS),
    "an update invented": ({"revealed": invented}, "training.replay", ROUNDS),
    "an update invented and committed to": (
        {"revealed": invented, "commitments": bound_to_invention},
        "training.receipts",
        ROUNDS,
    ),
    "an update dropped": (recorded(dropped), "training.replay", ROUNDS),
    "a sketch changed": (recorded(sketch_changed), "training.replay", ROUNDS),
    "an update too long": ({"update": longer}, "training.replay", ROUNDS),
    "no quorum in a round": (
        {"shy": lambda _, name, number: number == 2 and name != "dan"},
        "training.replay",
        ROUNDS,
    ),
    "an owner forgotten": (
        {"training_round 2": lambda said: said | {"absent": {}}},
        "training.replay",
        ROUNDS,
    ),
    "another model before a round": (said("training_round 3", previous=ELSE), "training.replay", ROUNDS),
    "another start named": (said("training_round 1", start=ELSE), "training.replay", ROUNDS),
    "who did not reveal left unnamed": (said("training_round 2", missing=[]), "training.replay", ROUNDS),
    "who did reveal named": (
        said("training_round 1", missing=[person("ada").account]),
        "training.replay",
        ROUNDS,
    ),
    "a start of too few rows": (
        {
            "start.json": lambda start: {
                "grants": {person("dan").account: start["grants"][person("dan").account]}
            }
        },
        "training.receipts",
        ROUNDS,
    ),
    # what came of it
    "another table opened": (
        {"opened": lambda _: table_json(OTHER_TEST)},
        "training.replay",
        TEST,
    ),
    "another table of the same labels opened": (
        {"opened": lambda value: value | {"features": [row[::-1] for row in value["features"]]}},
        "valuation.test",
        TEST,
    ),
    "another table committed to afterwards": (
        {
            "opened": lambda _: table_json(OTHER_TEST),
            **said("test_opening", commitment="0x" + tables.commitment(OTHER_TEST, b"s" * 32).hex()),
        },
        "training.replay",
        TEST,
    ),
    "another opening": (said("test_opening", commitment=ELSE), "valuation.test", "test_opening"),
    "more in the opening": (said("test_opening", more=1), "valuation.test", "test_opening"),
    "a short salt": (said("test_opening", salt="0x77"), "training.replay", "test_opening"),
    "another salt": (said("test_opening", salt="0x" + "77" * 32), "valuation.test", TEST),
    "a model of the builder's own": (
        {"worth": lambda worth: worth | {"model": ELSE}},
        "training.model",
        "model",
    ),
    "other columns sold": (offered("model", schema_={"columns": ["dose", "age"]}), "training.model", "model"),
    "other recipe named": (offered("model", schema_={"recipe": {}}), "training.model", "model"),
    "sold for other purposes": (
        offered("model", terms={"purposes": ("research", "sale")}),
        "training.terms",
        "model",
    ),
    "sold for longer": (offered("model", terms={"expires_at": EXPIRES + 1}), "training.terms", "model"),
    "sold for another action": (
        offered("model", terms={"actions": ("infer", "redistribute")}),
        "training.terms",
        "model",
    ),
    "sold without a duty": (
        {
            "asset": lambda fields, name: (
                fields | {"terms": fields["terms"].model_copy(update={"duties": ("cite",)})}
                if name == "cyd"
                else fields
            )
        },
        "training.terms",
        "model",
    ),
    "sold in another token": (
        offered("model", terms={"token": "0x" + "ab" * 20}),
        "valuation.split",
        "model",
    ),
    "inflated metrics": (
        offered("model", schema_={"metrics": {"correct": 40, "test_rows": 40}}),
        "valuation.quality",
        "model",
    ),
    "no metrics": (offered("model", schema_={"metrics": {}}), "valuation.quality", "model"),
    "worse than planned": (planned(least_correct_bps=10_000), "valuation.quality", "model"),
    "values": (said("contribution", values=["1", "2", "3", "4"]), "valuation.shares", "contribution"),
    "errors": (said("contribution", errors=["0"] * 4), "valuation.shares", "contribution"),
    "shares": (
        {"contribution": lambda said: said | {"shares_bps": moved_to_the_first_pair(said["shares_bps"])}},
        "valuation.shares",
        "contribution",
    ),
    "shares, and all that follows from them": (
        {"worth": lambda worth: worth | {"shares_bps": moved_to_the_first_pair(worth["shares_bps"])}},
        "valuation.shares",
        "contribution",
    ),
    "scores": (
        {"contribution": lambda said: said | {"scores": said["scores"] | {"single_correct": 1}}},
        "valuation.shares",
        "contribution",
    ),
    "the last round's silence": (said("contribution", missing=[]), "valuation.shares", "contribution"),
    "another model valued": (said("contribution", model=ELSE), "valuation.shares", "contribution"),
    "more in a contribution": (said("contribution", more=1), "valuation.shares", "contribution"),
    "an agreement that is not here": (said("release", agreements=[ELSE]), "valuation.agreements", "release"),
    "an agreement twice": (
        {"release": lambda said: said | {"agreements": sorted([*said["agreements"], said["agreements"][0]])}},
        "valuation.agreements",
        "release",
    ),
    "agreements out of order": (
        {"release": lambda said: said | {"agreements": said["agreements"][::-1]}},
        "valuation.agreements",
        "release",
    ),
    "an agreement to something else": (
        said("agreement ada", contribution=ELSE),
        "valuation.agreements",
        "agreement ada",
    ),
    "no agreement by the owner": (
        {"release": lambda said: said | {"agreements": sorted(said["agreements"])[:0]}},
        "valuation.agreements",
        "release",
    ),
    "owners of too few rows agreed": (
        {"agreeing": lambda _: ("cyd",)},
        "valuation.agreements",
        "release",
    ),
    "the silent not named": (said("release", silent=[]), "valuation.split", "release"),
    "earlier runs hidden": (said("release", earlier=[]), "valuation.split", "release"),
    "more in a release": (said("release", more=1), "valuation.split", "release"),
    "another run": (said("release", run=ELSE), "valuation.split", "release"),
    "another pool": (said("release", pool=ELSE), "valuation.split", "release"),
    "another root": (said("release", split_root=ELSE), "valuation.split", "release"),
    "other shares released": (
        {"release": lambda said: said | {"shares": said["shares"][::-1]}},
        "valuation.split",
        "release",
    ),
    "pool with another split": ({"pool": lambda pool: (pool[0], b"\x07" * 32)}, "valuation.split", "release"),
    "pool with more shares": ({"pool": lambda pool: (*pool, 10_001)}, "valuation.split", "release"),
    "pool in another token": ({"pool": lambda pool: ("0x" + "ab" * 20, pool[1])}, "valuation.split", "model"),
    "lineage without weights": (
        {
            "asset": lambda fields, name: (
                fields
                | {
                    "derived_from": tuple(
                        Source(asset=one.asset, role=one.role) for one in fields["derived_from"]
                    )
                }
                if name == "model"
                else fields
            )
        },
        "valuation.lineage",
        "model",
    ),
}


def culprit(world, what):
    if what == "first grant":
        return world.path(f"grant {next(iter(world.grants))}")
    if what == "first log of round 3":
        last = world.made[3].commitments
        return min(f"logs/{account}.json" for account in (person("builder").account, *last))
    if what == "first log of round 1":
        last = world.made[1].commitments
        return min(f"logs/{account}.json" for account in (person("builder").account, max(last)))
    return world.path(what) if what in world.named else what


@pytest.mark.parametrize("name", CASES)
def test_collusion_is_found_by_the_check_made_for_it(name):
    tweak, check, what = CASES[name]
    world = World(tweak)
    found = broken(world.build())
    assert found, "nothing was found"
    assert found[0] == (check, culprit(world, what))


def test_a_grant_used_after_its_revocation_is_found():
    world = World(revoked=())
    world.tweak["start.json"] = lambda start: world.revoke("bob") or start
    assert broken(world.build())[0] == ("revocation.standing", world.path("grant bob"))


def test_a_revocation_on_chain_alone_is_found():
    world = World(revoked=())
    world.tweak["end"] = lambda _: world.ledger.revoke(
        person("cyd").account, world.named["grant cyd"].revocation_index
    )
    assert broken(world.build())[0] == ("revocation.standing", world.path("grant cyd"))


def test_a_revocation_of_another_index_is_found():
    world = World(said("revocation bob", index=0))
    assert broken(world.build())[0] == ("revocation.standing", world.path("revocation bob"))


def test_the_answers_grant_may_be_revoked_later_too():
    world = World(revoked=("bob", "buyer"))
    assert broken(world.build()) == []


def test_an_agreement_by_somebody_who_owns_nothing_is_found():
    world = World()

    def more(statement):
        stranger = world.person("stranger")
        claim = world.claim(
            stranger, "agreement", world.plan.run_id, {"contribution": world.named["contribution"].id}, "own"
        )
        return statement | {"agreements": sorted([*statement["agreements"], claim.id])}

    world.tweak["release"] = more
    assert broken(world.build())[0] == ("valuation.agreements", world.path("release"))


def test_a_use_of_the_owners_data_beside_the_rounds_is_found():
    world = World()

    def beside(_):
        body = world.named["receipt ada 3"].body | {"sequence": 9, "output": ELSE}
        world.keep("beside", parse_document(body), person("ada"), world.builder)

    world.tweak["end"] = beside
    assert broken(world.build())[0] == ("training.receipts", world.path("beside"))


# a validator that keeps the test table


def test_a_validators_log_shows_commitment_before_opening():
    world = World(holder="val")
    assert broken(world.build()) == []
    for change, file in (
        (lambda story: kept_back(story, "test_commitment"), "test_opening"),
        (early_opening, "test_opening"),
    ):
        world = World({"story": change}, holder="val")
        assert broken(world.build())[0] == ("training.order", world.path(file))


def test_a_test_that_the_builder_opens_in_a_validators_place_is_found():
    world = World(holder="val")
    made = world.claim

    def claim(signer, kind, *rest, **more):
        return made(world.builder if kind == "test_opening" else signer, kind, *rest, **more)

    world.claim = claim
    assert broken(world.build())[0] == ("training.claims", world.path("model"))


JUNK = {
    "test_commitment": ({}, {"commitment": []}),
    "training_plan": ({}, {"plan": {"owners": 7}}, {"plan": []}),
    "training_start": ({}, {"start": {"grants": []}}),
    "training_round 1": ({}, {"number": None}, {"number": 1, "commitments": 3}),
    "test_opening": ({}, {"commitment": 1, "salt": 2}),
    "contribution": ({}, {"accounts": {}, "values": "many", "shares_bps": None}),
    "agreement ada": ({}, {"contribution": {}}),
    "release": ({}, {"agreements": 3}, {"agreements": [[]]}, {"agreements": [{}], "shares": 1}),
}


@pytest.mark.parametrize("name", JUNK)
def test_a_claim_that_makes_no_sense_is_named_not_tripped_over(name):
    for statement in JUNK[name]:
        world = World({name: lambda _, made_up=statement: made_up})
        found = broken(world.build())
        assert found[0][0].split(".")[0] in {"training", "valuation"}, (found, statement)
        assert found[0][1] in {world.path(name), START}, (found, statement)


def test_wider_terms_than_the_assets_are_found():
    for more in (
        {"price_units": PRICE - 1},
        {"max_uses": 51},
        {"expires_at": EXPIRES + 1},
        {"not_before": 0, "purposes": ("research", "sale")},
        {"actions": ("infer", "train")},
        {"token": "0x" + "ab" * 20},
        {"price_per": "grant"},
    ):
        world = World(granted("buyer", terms=more))
        assert broken(world.build())[0] == ("grants.terms", world.path("grant buyer")), more


def test_the_world_is_what_it_says():
    world = World()
    world.build()
    assert world.plan.columns == COLUMNS
    assert (world.plan.label, world.model.terms.token) == (LABEL, TOKEN)
    assert len(world.plan.owners) == 5 == len(world.start.grants) + 1
    assert [len(one["receipts"]) for one in world.shown] == [4, 4, 3, 4]
    assert [len(one["revealed"]) for one in world.shown] == [4, 3, 3, 3]
    # ada and bob share half of their rows, and the noise leaves enough of it to be seen
    counted = {name: world.weights[person(name).account] for name in world.grants}
    assert counted["ada"] < 60
    assert counted["bob"] < 50
    assert len(world.agreements) == 3
