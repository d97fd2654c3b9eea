"""Evidence altered at random: whatever it is, both verifiers come to the same verdict, and neither trips.

Three kinds: one field of one document as its parties would really sign it, with all that follows from it; any value in a
file of finished evidence, under a manifest signed anew; and runs planned and played by other numbers.
"""

from __future__ import annotations

import copy
import random
from dataclasses import replace

import pytest
from evidence_verdicts import agree
from evidence_world import CHAIN_ID, CONTRACTS, EPSILON, NAMES, World, forced, person

from freehold.core.canonical import canonical_bytes, parse
from freehold.core.documents import parse_document
from freehold.core.errors import FreeholdError
from freehold.features.training.rules.logistic import Recipe
from freehold.features.training.rules.record import Sketch
from freehold.features.training.rules.updates import Noise
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.manifest import PATH, sign_files


def values_in(value, at=()):
    """(path, value) of everything in a JSON value."""
    yield at, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from values_in(item, (*at, key))


def put(value, at, change):
    """`value` with what stands at a path changed in place."""
    if not at:
        return change(value)
    for key in at[:-1]:
        value = value[key]
    value[at[-1]] = change(value[at[-1]])
    return None


def other(dice, value, known):
    """Something else of the same kind, or of another."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return dice.choice(
            [value + 1, value - 1, 0, -value, 2 * value, value + 600, 10_001, 2**53 - 1, True, str(value), {}]
        )
    if isinstance(value, str):
        flipped = value[:-1] + dice.choice("0123456789abcdef") if value else "x"
        return dice.choice([flipped, dice.choice(known), "", value + "0", "any", 7, {}])
    if isinstance(value, list):
        turned = copy.copy(value)
        dice.shuffle(turned)
        return dice.choice([turned, value[:-1], value[1:], value + value[:1], [], {}])
    if isinstance(value, dict):
        fewer = dict(value)
        if fewer:
            fewer.pop(dice.choice(sorted(fewer)))
        return dice.choice([fewer, value | {"more": 1}, {}, []])
    return dice.choice([0, "", dice.choice(known)])


def altered_document(dice, honest):
    """A world in which one document says one thing else, and all that follows; None where it cannot be signed."""
    name = dice.choice(sorted(set(honest.named) - {"party eve", "asset eve"}))
    places = list(values_in(honest.named[name].body))
    at, _ = dice.choice(places[1:])
    known = [text for _, text in places if isinstance(text, str)] + list(honest.envelopes)

    def change(document, who):
        if who != name:
            return document
        body = copy.deepcopy(document.body)
        put(body, at, lambda value: other(dice, value, known))
        made = parse_document(body)
        return made if made.id != document.id else document

    world = World({"document": change}, holder=honest.holder, level=honest.level)
    try:
        return world.build()
    except (FreeholdError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
        # nobody can sign or act on it
        return None


def altered_file(dice, honest, bundle):
    """Finished evidence with one value in one file changed, its manifest signed anew."""
    path = dice.choice(sorted(set(bundle.files) - {PATH}))
    value = parse(bundle.files[path])
    places = list(values_in(value))
    # signatures end in a byte that the standalone verifier does not look at
    places = [(at, old) for at, old in places if at[-1:] != ("signature",)]
    known = [text for _, text in places if isinstance(text, str)]
    at, _ = dice.choice(places)
    changed = put(value, at, lambda old: other(dice, old, known))
    try:
        data = canonical_bytes(value if at else changed)
        files = {name: found for name, found in bundle.files.items() if name != PATH} | {path: data}
        return sign_files(
            files,
            honest.subject,
            chain_id=CHAIN_ID,
            contracts=CONTRACTS,
            key=person("builder").key,
            issued_at=1,
        )
    except FreeholdError:
        return None


def other_run(dice):
    """A run by other numbers, honest or not quite."""
    names = tuple(dice.sample(NAMES[:4], dice.randint(1, 4))) + dice.choice([(), ("eve",)])
    rows = {name: dice.choice([3, 8, 20, 40, 60, 300]) for name in NAMES}
    level = dice.choice(["noised", "noised", "update"])

    def plan(made):
        noise, sketch = made.noise, made.sketch
        changes = {
            "recipe": Recipe(
                made.recipe.rounds, dice.choice([1, 1 << 16, 64 << 16]), dice.choice([0, 33, 1_024])
            ),
            "weight_cap_bps": dice.choice([5_000, 7_000, 10_000]),
            "quorum_bps": dice.choice([5_001, 8_000, 10_000]),
            "least_correct_bps": dice.choice([0, 5_000, 9_000]),
            "epsilon_micro": dice.choice([EPSILON, EPSILON - 1, EPSILON - 1_000, 0]),
            "delta_exponent": dice.choice([5, 6, 12]),
            "rows_each": dice.choice([1, 2]),
            "noise": Noise(noise.sigma + dice.choice([0, 1, -1, 50]), dice.choice([noise.update_bits, 4])),
            "sketch": Sketch(dice.choice([0, 16, 64, 256]), sketch.sigma + dice.choice([0, 0, 1, -1, 100])),
            "judge": dice.choice(["", "0x" + "ab" * 20]),
            "label": dice.choice(["ill", "dose", "", "é"]),
            "columns": dice.choice([made.columns, made.columns[::-1]]),
            "patience_seconds": dice.choice([0, 1, 90_000]),
            "test": replace(made.test, positives=dice.choice([made.test.positives, 0, made.test.rows])),
        }
        for name in dice.sample(sorted(changes), dice.choice([0, 0, 1, 1, 2])):
            made = forced(made, **{name: changes[name]})
        return made

    def update(found, name, number):
        return found * factor if number and name == names[0] else found

    factor = dice.choice([1, 1, 1, 2, -1, 3])
    world = World(
        {"plan": plan, "update": update},
        level=level,
        holder=dice.choice(["builder", "val"]),
        owners=names,
        rounds=dice.randint(1, 6),
        rows=rows,
        revoked=tuple(name for name in names if name != "eve" and dice.random() < 0.2),
    )
    try:
        made = world.build(answered=dice.random() < 0.7)
        return made if dice.random() < 0.7 else world.bundle(away=tuple(dice.sample(names, 1)))
    except (FreeholdError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
        return None


@pytest.fixture(scope="module")
def honest():
    world = World()
    world.bundle_made = world.build()
    return world


def tried(make, count, seed):
    """(how many held, how many did not) of alterations that could be made at all."""
    verdicts = []
    for number in range(count):
        made = make(random.Random(f"{seed} {number}"))
        if made is not None:
            try:
                verdicts.append(agree(made))
            except AssertionError as error:
                raise AssertionError(f"{seed} {number}: {error}") from error
    return verdicts.count(True), verdicts.count(False)


def test_documents_altered_before_they_are_signed(honest):
    held, broken = tried(lambda dice: altered_document(dice, honest), 200, "document")
    assert held > 5
    assert broken > 60


def test_values_altered_in_finished_files(honest):
    bundle = honest.bundle_made
    held, broken = tried(lambda dice: altered_file(dice, honest, bundle), 150, "file")
    assert broken > 100
    # nothing that is in evidence can be changed
    assert held < 20


@pytest.mark.slow
def test_runs_by_other_numbers():
    held, broken = tried(other_run, 100, "run")
    assert held > 10
    assert broken > 20


def test_bytes_flipped_at_random(honest):
    dice = random.Random("bytes")
    for _ in range(150):
        path = dice.choice(sorted(honest.bundle_made.files))
        data = bytearray(honest.bundle_made.files[path])
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        assert not agree(Bundle(honest.bundle_made.files | {path: bytes(data)}))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_thousands_of_alterations(honest, part):
    bundle = honest.bundle_made
    validated = World(holder="val", level="update")
    validated.build()
    tried(lambda dice: altered_document(dice, honest), 400, f"more documents {part}")
    tried(lambda dice: altered_document(dice, validated), 200, f"validated {part}")
    tried(lambda dice: altered_file(dice, honest, bundle), 400, f"more files {part}")
    tried(other_run, 400, f"more runs {part}")
