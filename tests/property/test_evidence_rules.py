"""Nothing that is handed in makes verification raise, and its Merkle root is the market's."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.core.canonical import canonical_bytes
from freehold.evidence.bundle import Bundle
from freehold.evidence.checks.valuation import split_root
from freehold.evidence.reading import Replayed
from freehold.evidence.verify import verify
from freehold.market.split import SplitTree

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
        f"documents/0x{'ab' * 32}.json",
        f"logs/0x{'cd' * 20}.json",
    ]
)
ACCOUNTS = st.integers(1, 2**160 - 1).map(lambda number: f"0x{number:040x}")


def unreachable(plan, rounds, test, salt) -> Replayed:
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
    report = verify(Bundle(files), replay=unreachable)
    assert not report.ok
    assert report.checks[-1].file == "manifest.json"


@given(st.dictionaries(PATHS, st.binary(max_size=64), max_size=5))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_a_report(files):
    report = verify(Bundle(files), replay=unreachable)
    assert [check.ok for check in report.checks] == [False]


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
    report = verify(Bundle({"manifest.json": data}), replay=unreachable)
    assert report.checks[0].file == "manifest.json"


@given(st.dictionaries(ACCOUNTS, st.integers(0, 10_000), min_size=1, max_size=12))
@settings(deadline=None)
def test_the_split_root_is_that_of_the_market(paid):
    assert split_root(list(paid.items())) == SplitTree(list(paid.items())).root
