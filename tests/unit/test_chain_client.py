"""The client against the local chain, and against servers that lie."""

import http.server
import json
import threading
from itertools import pairwise

import pytest

from freehold.chain import deployments
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.errors import ChainUnreachable, ContractNotDeployed, ContractReverted, RpcError
from freehold.chain.rpc import Rpc
from freehold.chain.transaction import Transaction, account_of
from freehold.core.errors import InvalidInput, NotAllowed, NotFound, Unavailable

ME = account_of(DEV_KEY)
OTHER = "0x" + "22" * 20


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as running:
        yield running


@pytest.fixture(scope="module")
def chain(node):
    with Rpc(node.url) as rpc:
        connected = Chain(rpc)
        deployments.deploy_missing(connected, DEV_KEY)
        yield connected


def test_reads_what_it_sent(chain):
    before = chain.read("TestDollar", "balanceOf", OTHER)
    receipt = chain.send(DEV_KEY, "TestDollar", "mint", OTHER, 10**6)
    assert receipt.status == 1
    assert receipt.block_number == chain.block_number()
    assert chain.read("TestDollar", "balanceOf", OTHER) == before + 10**6
    assert chain.read("TestDollar", "balanceOf", OTHER, block=receipt.block_number - 1) == before
    address, abi = deployments.address("TestDollar"), deployments.artifact("TestDollar").abi
    assert chain.read((address, abi), "balanceOf", bytes.fromhex(OTHER[2:])) == before + 10**6


def test_several_outputs_come_as_a_tuple(chain):
    chain.send(DEV_KEY, "LogAnchors", "anchor", 5, "0x" + "ab" * 32)
    root, size, anchored_at = chain.read("LogAnchors", "headOf", ME)
    assert (root, size) == (b"\xab" * 32, 5)
    assert anchored_at > 1_700_000_000


def test_a_revert_surfaces_as_the_contracts_error_before_anything_is_sent(chain):
    chain.send(DEV_KEY, "Revocations", "revoke", 7)
    head = chain.block_number()
    with pytest.raises(ContractReverted) as refused:
        chain.send(DEV_KEY, "Revocations", "revoke", 7)
    assert refused.value.name == "AlreadyRevoked"
    assert refused.value.arguments == (ME, 7)
    assert refused.value.fields == {"name": "AlreadyRevoked", "args": [ME, "7"], "contract": "Revocations"}
    assert "AlreadyRevoked" in str(refused.value)
    assert chain.block_number() == head


def test_a_revert_of_a_view_is_decoded_by_any_shipped_abi(chain):
    with pytest.raises(ContractReverted) as refused:
        # the interface given knows no errors; the shipped ones do
        chain.read((deployments.address("Assets"), [_VIEW]), "ownerOf", 1)
    assert refused.value.name == "ERC721NonexistentToken"
    assert refused.value.arguments == (1,)


def test_a_transaction_that_fails_in_its_block_raises_the_reason(chain):
    # signed with enough gas, past the estimate that would have refused it
    chain.send(DEV_KEY, "Revocations", "revoke", 90)
    data = deployments.artifact("Revocations").interface.function("revoke", (90,)).encode((90,))
    nonce = int(chain.rpc.call("eth_getTransactionCount", ME, "latest"), 16)
    to = bytes.fromhex(deployments.address("Revocations")[2:])
    raw = Transaction(31337, nonce, to, data, 100_000, 100, 1).sign(DEV_KEY)
    tx_hash = chain.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
    assert chain.wait(tx_hash).status == 0
    with pytest.raises(ContractReverted, match="AlreadyRevoked"):
        chain.settled(tx_hash, contract="Revocations")


@pytest.mark.parametrize(
    ("data", "name", "arguments"),
    [
        ("08c379a0" + f"{32:064x}{2:064x}" + "6e6f".ljust(64, "0"), "Error", ("no",)),
        ("4e487b71" + f"{0x11:064x}", "Panic", (0x11,)),
        ("deadbeef", "Unknown", (bytes.fromhex("deadbeef"),)),
        ("", "Unknown", ()),
    ],
)
def test_reason_strings_and_panics_are_named(chain, data, name, arguments):
    size = len(data) // 2
    # copies the revert data that follows to memory and reverts with it
    address = place(chain, f"60{size:02x}600c60003960{size:02x}6000fd{data}")
    with pytest.raises(ContractReverted) as refused:
        chain.submit_data(DEV_KEY, address, b"")
    assert (refused.value.name, refused.value.arguments) == (name, arguments)


def place(chain, runtime):
    """Deploy runtime code as it stands."""
    init = f"60{len(runtime) // 2:02x}600c60003960{len(runtime) // 2:02x}6000f3{runtime}"
    chain.settled(chain.submit_data(DEV_KEY, deployments.PROXY, bytes(32) + bytes.fromhex(init)))
    return deployments.create2_address(deployments.PROXY, bytes(32), bytes.fromhex(init))


def test_events_are_decoded_and_narrowed_by_indexed_arguments(chain):
    first = chain.block_number() + 1
    chain.send(DEV_KEY, "TestDollar", "mint", "0x" + "31" * 20, 1)
    chain.send(DEV_KEY, "TestDollar", "mint", "0x" + "32" * 20, 2)
    chain.send(DEV_KEY, "TestDollar", "mint", "0x" + "33" * 20, 3)
    values = lambda **more: [e.args["value"] for e in chain.events("TestDollar", "Transfer", first, **more)]  # noqa: E731
    assert values() == [1, 2, 3]
    assert values(to="0x" + "32" * 20) == [2]
    assert values(to=["0x" + "31" * 20, "0x" + "33" * 20]) == [1, 3]
    assert values(to_block=first) == [1]
    (event,) = chain.events("TestDollar", "Transfer", first, to="0x" + "33" * 20)
    assert event.address == deployments.address("TestDollar")
    assert event.args["from"] == "0x" + "00" * 20
    with pytest.raises(InvalidInput):
        chain.events("TestDollar", "Transfer", value=3)
    with pytest.raises(InvalidInput):
        chain.events("TestDollar", "Nothing")


def test_threads_sharing_a_key_never_collide(chain):
    before, failures = chain.read("TestDollar", "balanceOf", OTHER), []

    def send():
        try:
            for _ in range(4):
                chain.send(DEV_KEY, "TestDollar", "mint", OTHER, 1)
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert chain.read("TestDollar", "balanceOf", OTHER) == before + 24


def test_two_clients_with_one_key_recover_from_each_others_nonces(node, chain):
    def sent() -> int:
        return int(chain.rpc.call("eth_getTransactionCount", account_of(DEV_KEY), "latest"), 16)

    balance, count, receipts = chain.read("TestDollar", "balanceOf", OTHER), sent(), []
    with Rpc(node.url) as rpc:
        rival = Chain(rpc)
        for _ in range(3):
            receipts.append(chain.send(DEV_KEY, "TestDollar", "mint", OTHER, 1))
            receipts.append(rival.send(DEV_KEY, "TestDollar", "mint", OTHER, 1))
    assert {receipt.status for receipt in receipts} == {1}
    assert chain.read("TestDollar", "balanceOf", OTHER) == balance + 6
    assert sent() == count + 6, "each took effect once, and none was sent twice"


def test_a_dropped_chain_tail_does_not_leave_a_nonce_gap(chain):
    held = chain.rpc.call("evm_snapshot")
    chain.send(DEV_KEY, "TestDollar", "mint", OTHER, 1)
    chain.rpc.call("evm_revert", held)
    # the client remembers a nonce the chain no longer has; the transaction must still settle
    receipt = chain.send(DEV_KEY, "TestDollar", "mint", OTHER, 1)
    assert receipt.status == 1


def test_funding_tops_up_on_local_chains(chain):
    chain.fund(OTHER, 10**18)
    assert chain.balance(OTHER) == 10**18
    chain.fund(OTHER, 1)
    assert chain.balance(OTHER) == 10**18


def test_one_ether_lasts(chain):
    key = b"\x09" * 32
    chain.fund(account_of(key), 10**18)
    chain.send(key, "TestDollar", "mint", OTHER, 1)
    assert 10**18 - chain.balance(account_of(key)) < 10**6


def test_arguments_that_do_not_fit_are_refused_before_the_network(chain):
    for function, args in (("mint", (OTHER,)), ("mint", (OTHER, -1)), ("mint", ("0x12", 1)), ("burn", ())):
        with pytest.raises(InvalidInput):
            chain.send(DEV_KEY, "TestDollar", function, *args)
    with pytest.raises(NotFound):
        chain.read("Nothing", "x")


def test_a_missing_contract_is_named(chain):
    with pytest.raises(ContractNotDeployed, match=OTHER):
        chain.read((OTHER, deployments.artifact("TestDollar").abi), "balanceOf", ME)


def test_rpc_errors_carry_code_and_message(chain):
    with pytest.raises(RpcError) as refused:
        chain.rpc.call("eth_nothing")
    assert refused.value.rpc_code == -32601
    with pytest.raises(RpcError):
        chain.rpc.batch([("eth_chainId",), ("eth_nothing",)])
    assert chain.rpc.batch([("eth_chainId",), ("net_version",)]) == ["0x7a69", "31337"]
    assert chain.rpc.batch([]) == []


def test_an_absent_chain_is_unavailable_and_its_secret_url_is_not_told():
    with (
        pytest.raises(ChainUnreachable) as refused,
        Rpc("http://127.0.0.1:9/v3/secret-key", timeout=1) as rpc,
    ):
        rpc.call("eth_chainId")
    assert isinstance(refused.value, Unavailable)
    assert "secret" not in str(refused.value.problem())
    for url in ("ftp://x", "nonsense", "http://", "http://u:secret-key\n@x", "http://secret-key\0"):
        with pytest.raises(InvalidInput):
            Rpc(url)


@pytest.fixture
def liar():
    """A server that answers every request with what the test sets."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers["content-length"])
            request = json.loads(self.rfile.read(size))
            body = server.answer(request)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"",
        [],
        7,
        {"id": 99, "result": "0x1"},
        {"id": 1},
        {"id": 1, "error": "no"},
        {"id": 1, "result": 7},
        {"id": 1, "result": "0x"},
        {"id": 1, "result": "0x" + "f" * 65},
        {"id": 1, "result": None},
    ],
)
def test_answers_that_make_no_sense_are_refused(liar, answer):
    liar.answer = lambda _: answer
    with Rpc(f"http://127.0.0.1:{liar.server_port}") as rpc, pytest.raises(ChainUnreachable):
        Chain(rpc).block_number()


def test_an_endless_answer_is_cut(liar, monkeypatch):
    monkeypatch.setattr("freehold.chain.rpc.MOST_ANSWER_BYTES", 1_000)
    liar.answer = lambda _: b'{"id": 1, "result": "' + b"0" * 2_000
    with Rpc(f"http://127.0.0.1:{liar.server_port}") as rpc, pytest.raises(ChainUnreachable, match="exceeds"):
        rpc.call("eth_chainId")


def test_wide_event_ranges_are_paged_when_the_node_refuses_them(liar):
    asked = []

    def answer(request):
        wanted = request["params"][0]
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        if last - first >= 1_000:
            return {"id": request["id"], "error": {"code": -32005, "message": "range too wide"}}
        asked.append((first, last))
        return {"id": request["id"], "result": []}

    liar.answer = answer
    with Rpc(f"http://127.0.0.1:{liar.server_port}") as rpc:
        assert Chain(rpc).events("TestDollar", "Transfer", 5, 4_321) == []
    assert asked[0][0] == 5
    assert asked[-1][1] == 4_321
    assert all(after[0] == before[1] + 1 for before, after in pairwise(asked))


def test_only_local_chains_give_ether(liar):
    liar.answer = lambda request: {"id": request["id"], "result": "0x1"}
    with Rpc(f"http://127.0.0.1:{liar.server_port}") as rpc, pytest.raises(NotAllowed):
        Chain(rpc).fund(OTHER, 1)


_VIEW = {
    "type": "function", "name": "ownerOf", "stateMutability": "view",
    "inputs": [{"name": "id", "type": "uint256"}], "outputs": [{"name": "", "type": "address"}],
}  # fmt: skip
