"""Nothing that is handed in makes verification raise, and its Merkle root is the market's."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import rlp
from eth_hash.auto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.core.canonical import canonical_bytes
from freehold.core.errors import FreeholdError, InvalidTable
from freehold.core.fixed import sigmoid_table
from freehold.features.models.rules.split import SplitTree
from freehold.features.privacy.rules import privacy
from freehold.features.training.checks.replaying import read_table, replay
from freehold.features.training.checks.run import Replayed
from freehold.features.training.rules import valuation
from freehold.kernel.evidence.bundle import Bundle
from freehold.kernel.evidence.verify import verify

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples"))
import verify_standalone

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.sampled_from(
    [
        "manifest.json",
        "chain.json",
        "training/plan.json",
        "training/rounds.json",
        f"documents/0x{'ab' * 32}.json",
        f"logs/0x{'cd' * 20}.json",
    ]
)
ACCOUNTS = st.integers(1, 2**160 - 1).map(lambda number: f"0x{number:040x}")


def alone(files) -> str:
    """The file on which the standalone verifier stops, before any group holds."""
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        next(verify_standalone.checks(files))
    return verify_standalone.E.file


def unreachable(plan, start, rounds, test, salt) -> Replayed:
    raise AssertionError("nothing here gets as far as a replay")


@given(st.dictionaries(PATHS, JSON, max_size=5))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_gives_a_report_that_names_a_file(values):
    files = {}
    for path, value in values.items():
        try:
            files[path] = canonical_bytes(value)
        except Exception:  # noqa: BLE001 - an integer that no file can hold
            files[path] = b"[" * 100_000
    report = verify(Bundle(files), rules={"training.replay": unreachable})
    assert not report.ok
    assert report.checks[-1].file == "manifest.json"
    assert alone(files) == "manifest.json"


@given(st.dictionaries(PATHS, st.binary(max_size=64), max_size=5))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_a_report(files):
    report = verify(Bundle(files), rules={"training.replay": unreachable})
    assert [check.ok for check in report.checks] == [False]
    assert alone(files) == "manifest.json"


@given(
    st.fixed_dictionaries(
        {
            "document": st.fixed_dictionaries(
                {
                    "type": st.just("claim"),
                    "version": st.just(1),
                    "issuer": ACCOUNTS,
                    "claim_kind": st.just("evidence"),
                    "subject": st.just("0x" + "11" * 32),
                    "statement": JSON,
                    "issued_at": st.just(1),
                }
            ),
            "signatures": st.lists(JSON, max_size=2),
        }
    )
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_statement_gives_a_report(value):
    try:
        data = canonical_bytes(value)
    except Exception:  # noqa: BLE001 - an integer that no file can hold
        return
    report = verify(Bundle({"manifest.json": data}), rules={"training.replay": unreachable})
    assert report.checks[0].file == "manifest.json"


@given(st.dictionaries(ACCOUNTS, st.integers(0, 10_000), min_size=1, max_size=12))
@settings(deadline=None)
def test_the_split_root_is_that_of_the_market(paid):
    leaves = sorted(
        keccak(keccak(int(account, 16).to_bytes(32) + count.to_bytes(32))) for account, count in paid.items()
    )
    nodes = [b""] * (len(leaves) - 1) + leaves[::-1]
    for i in range(len(leaves) - 2, -1, -1):
        nodes[i] = keccak(b"".join(sorted(nodes[2 * i + 1 : 2 * i + 3])))
    assert SplitTree(list(paid.items())).root == nodes[0]


@given(st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=17), max_leaves=40))
def test_the_standalone_verifier_reads_rlp(value):
    assert verify_standalone.rlp(rlp.encode(value)) == [value]


@given(
    st.integers(1, 10**12),
    st.integers(5, 12),
)
@settings(deadline=None)
def test_the_standalone_verifier_converts_a_budget_to_within_its_tolerance(rho_nano, exponent):
    found = 1e6 * verify_standalone.epsilon(rho_nano / 1e9, exponent * math.log(10))
    exact = privacy.epsilon_micro(rho_nano, exponent)
    # beyond the most that a plan may take, floats may be off by more than the tolerance
    if exact <= 100_000_000:
        assert exact - 1 - 0.001 < max(found, 0) <= exact + 0.001


@given(JSON, JSON, st.lists(st.tuples(JSON, JSON), max_size=3), JSON, JSON)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_record_of_any_shape_is_refused_with_its_part(plan, start, rounds, test, salt):
    with pytest.raises(FreeholdError) as refused:
        replay(plan, start, rounds, test, salt)
    assert refused.value.fields["part"] == "plan"


@given(JSON)
@settings(deadline=None)
def test_a_table_of_any_shape_is_refused(value):
    with pytest.raises(InvalidTable):
        read_table(value)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**30), st.integers(0, 10**30), st.integers(0, 10**6)),
        min_size=1,
        max_size=9,
    )
)
def test_both_share_alike(owners):
    values, errors, rows = (list(column) for column in zip(*owners, strict=True))
    if sum(rows):
        named = [dict(enumerate(column)) for column in (values, errors, rows)]
        assert verify_standalone.share(*named) == valuation.shares_bps(values, errors, rows)


def test_floats_are_exact_enough_for_the_standalone_sigmoid():
    exact = [65536 / (1 + math.exp(k / -1024)) for k in range(-16384, 16385)]
    assert [round(value) for value in exact] == sigmoid_table().tolist()
    assert min(abs(value % 1 - 0.5) for value in exact) > 1e-5
