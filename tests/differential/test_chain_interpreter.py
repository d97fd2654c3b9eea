"""The loop against py-evm's own, on programs drawn at random: same end, gas, stack, memory, output and state."""

from dataclasses import replace

import pytest
from eth.vm.forks.prague.computation import PragueComputation
from hypothesis import example, given, settings
from hypothesis import strategies as st

from freehold.chain.embedded import genesis
from freehold.chain.embedded.interpreter import _DONE_HERE, Computation
from freehold.chain.embedded.ledger import Ledger
from freehold.chain.embedded.machine import Call
from freehold.chain.embedded.state import State

pytestmark = pytest.mark.filterwarnings("ignore:SELFDESTRUCT opcode present")

TARGET, OTHER = b"\x77" * 20, b"\x78" * 20
EDGES = [0, 1, 2, 31, 32, 33, 255, 256, 2**64, 2**128, 2**255, 2**256 - 1]


class TheirComputation(PragueComputation):
    """py-evm's, as it comes."""


class TheirState(State):
    """Ours in everything but the loop."""

    computation_class = TheirComputation


def pushed(value):
    size = (value.bit_length() + 7) // 8
    return bytes([0x5F + size]) + value.to_bytes(size, "big")


numbers = st.sampled_from(EDGES) | st.integers(0, 2**256 - 1) | st.integers(0, 120)
listed = st.sampled_from(sorted(_DONE_HERE)).map(lambda code: bytes([code]))
others = st.sampled_from(
    bytes.fromhex("0507080a0b1213151a1d203031323334363738393d3e424344545558595a5c5d5ea0a1f1f3fafdfe")
).map(lambda code: bytes([code]))
sums = st.tuples(numbers, numbers, listed).map(lambda given: pushed(given[0]) + pushed(given[1]) + given[2])
programs = st.lists(numbers.map(pushed) | listed | sums | others | st.just(b"\x5b"), max_size=60).map(
    b"".join
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    ledger = Ledger(tmp_path_factory.mktemp("chain"))
    yield ledger.machine, replace(ledger.head, gas_limit=genesis.GAS_LIMIT)
    ledger.close()


def ran(machine, kind, code, data, gas):
    """Everything that a run left behind."""
    evm, header = machine
    state = evm.state(header, kind)
    state.set_code(TARGET, code)
    # returns what it was sent, so that calls have an answer
    state.set_code(OTHER, bytes.fromhex("365f5f37365ff3"))
    call = Call(sender=b"\x01" * 20, to=TARGET, data=data, gas=gas)
    executor = state.get_transaction_executor()
    done = executor.build_computation(executor.build_evm_message(call), call)
    stack = [item if isinstance(item, int) else int.from_bytes(item, "big") for item in done._stack.values]
    return {
        "error": (type(done.error).__name__, str(done.error)) if done.is_error else None,
        "gas": done.get_gas_remaining(),
        "refund": done.get_gas_refund(),
        "stack": stack,
        "memory": bytes(done._memory._bytes),
        "output": bytes(done.output),
        "logs": done.get_log_entries(),
        "root": state.make_state_root(),
    }


@settings(max_examples=400, deadline=None)
@given(programs, st.binary(max_size=70), st.integers(21_000, 21_400) | st.just(200_000))
@example(b"\x5b" + pushed(0) + b"\x56", b"", 60_000)  # a loop, until the gas is gone
@example(pushed(1) * 1_024 + b"\x5f", b"", 200_000)  # one too many
@example(b"\x60\x04\x56\x61\x5b\x5b\x00", b"", 60_000)  # a jump into a push
@example(b"\x7f\x01", b"", 60_000)  # a push that the code ends in
@example(b"\x60\x01\x60\xff\x57", b"", 60_000)  # a jump beyond the end
@example(bytes.fromhex("60075a905b6001900380600457"), b"", 60_000)
def test_programs_end_as_in_py_evm(machine, code, data, gas):
    gas += 16 * len(data)
    assert ran(machine, State, code, data, gas) == ran(machine, TheirState, code, data, gas)


def test_what_is_done_here_is_what_runs(machine):
    evm, header = machine
    assert evm.state(header).computation_class is Computation
