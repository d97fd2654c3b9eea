"""What a stranger's address can make a node do: nothing but connect to where nodes may be, for paths of our own."""

import ipaddress
import re
import time
from pathlib import Path

import pytest
from node_world import Party, World
from trap import Drip, Trap

import freehold
from freehold.core import origins
from freehold.core.errors import FreeholdError
from freehold.core.signing import seal
from freehold.features.identity import peers
from freehold.kernel import reaching
from freehold.kernel.reaching import PeerNotAllowed, PeerUnreachable
from freehold.kernel.settings import Settings
from freehold.log.note import Signer
from freehold.vault.keystore import Keys

PUBLIC = "https://north.example"


@pytest.fixture
def trap():
    made = Trap()
    yield made
    made.close()


@pytest.fixture(scope="module")
def north(world: World) -> Party:
    """A node that others reach on the public network."""
    return world.party("north", endpoint=PUBLIC)


def says_it_is_at(known: Party, *endpoints: str) -> str:
    """A party that `known` has heard of, which signed that its node is there; returns its account."""
    keys = Keys.generate()
    stranger = known.node.party_document().model_copy(
        update={
            "account": keys.account,
            "account_key": "0x" + keys.account_public.hex(),
            "log_key": str(Signer.from_seed(f"freehold/{keys.account}", keys.log_seed).key),
            "endpoints": endpoints,
        }
    )
    known.node.accept_party(seal(stranger, keys.account_key, known.node.domain))
    return keys.account


def asked(node: Party, account: str) -> FreeholdError:
    with pytest.raises(FreeholdError) as failed:
        node.services.peers.ask(account, "/peer/grants", {}, timeout=5)
    return failed.value


# where a stranger may be


@pytest.mark.parametrize(
    "spelled",
    ["127.0.0.1", "localhost", "LOCALHOST.", "127.0.0.2", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"],
)
def test_a_public_node_is_not_sent_into_its_own_machine(north, trap, spelled):
    account = says_it_is_at(north, f"http://{spelled}:{trap.port}")
    assert isinstance(asked(north, account), PeerNotAllowed)
    assert trap.came == []


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "169.254.169.254", "[fd00:ec2::254]", "0.0.0.0", "[::]",
     "224.0.0.1", "255.255.255.255", "[fe80::1]", "[2002:a00:1::]", "[2001:0:1::1]", "192.0.2.1"],
)  # fmt: skip
def test_nor_into_its_network_nor_to_where_clouds_keep_keys(north, host):
    began = time.monotonic()
    assert isinstance(asked(north, says_it_is_at(north, f"http://{host}")), PeerNotAllowed)
    assert time.monotonic() - began < 5, "nothing was tried"


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "0.0.0.0", "[fe80::1]", "10.0.0.1"])
def test_a_node_on_this_machine_meets_others_here_and_goes_no_further(world, trap, host):
    local = world.party("local")
    assert isinstance(asked(local, says_it_is_at(local, f"http://{host}")), PeerNotAllowed)
    assert not isinstance(asked(local, says_it_is_at(local, trap.url)), PeerNotAllowed)
    assert trap.came


def test_the_owner_decides_otherwise(world, trap):
    generous = world.party("generous", endpoint=PUBLIC, allow_private_peers="yes")
    assert not isinstance(asked(generous, says_it_is_at(generous, trap.url)), PeerNotAllowed)
    assert trap.came
    strict, seen = world.party("strict", allow_private_peers="no"), len(trap.came)
    assert isinstance(asked(strict, says_it_is_at(strict, trap.url)), PeerNotAllowed)
    assert len(trap.came) == seen
    for party in (generous, strict):
        metadata = says_it_is_at(party, "http://169.254.169.254")
        assert isinstance(asked(party, metadata), PeerNotAllowed), "no owner wants that"


def test_what_the_owner_typed_may_be_here_and_only_that_place(north, world, trap):
    friend = world.party("friend")
    peers.add(north.services, friend.url)
    assert peers.known(north.node) == [friend.url]
    assert north.services.peers.ask(friend.account, "/peer/proofs", {"ids": []}) is not None
    other = says_it_is_at(north, trap.url)
    assert isinstance(asked(north, other), PeerNotAllowed), "another port of the same host"
    peers.forget(north.node, friend.url.upper().replace("HTTP", "http") + "/")
    assert peers.known(north.node) == []
    assert trap.came == []


ALLOWED = [
    ("auto", "https://north.example", {"public"}),
    ("auto", "http://93.184.216.34", {"public"}),
    ("auto", "http://127.0.0.1:7400", {"public", "loopback"}),
    ("auto", "http://localhost:7400", {"public", "loopback"}),
    ("auto", "http://[::1]:7400", {"public", "loopback"}),
    ("auto", "http://192.168.1.5:7400", {"public", "private"}),
    ("auto", "http://[fd00::1]:7400", {"public", "private"}),
    ("auto", "http://169.254.1.1", {"public"}),
    ("yes", "https://north.example", {"public", "private", "loopback"}),
    ("no", "http://127.0.0.1:7400", {"public"}),
]


@pytest.mark.parametrize(("setting", "own", "kinds"), ALLOWED, ids=range(len(ALLOWED)))
def test_where_strangers_may_be_follows_from_where_the_node_is(setting, own, kinds):
    assert reaching.allowed_kinds(Settings(allow_private_peers=setting), origins.parse(own)) == kinds


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_node_that_listens_everywhere_is_public_until_it_says_where_it_is(host):
    here = origins.parse("http://127.0.0.1:7400")
    assert reaching.allowed_kinds(Settings(host=host), here) == {"public"}
    assert reaching.allowed_kinds(Settings(host=host, endpoint=str(here)), here) == {"public", "loopback"}


# how they are followed


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(world, trap, status):
    line = f"HTTP/1.1 {status} Elsewhere\r\nlocation: {trap.url}/secret\r\ncontent-length: 0\r\n\r\n"
    sender, local = Trap("127.0.0.2", line.encode()), world.party("led")
    asked(local, says_it_is_at(local, sender.url))
    assert sender.came
    assert trap.came == []
    sender.close()


def test_proxies_of_the_environment_see_nothing(world, trap, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, trap.url)
    friend, local = world.party("friend"), world.party("local")
    local.knows(friend)
    local.services.peers.ask(friend.account, "/peer/proofs", {"ids": []})
    assert trap.came == []


def test_an_answer_that_never_ends_is_waited_for_no_longer_than_asked(world):
    local, server = world.party("local"), Drip("head")
    account, began = says_it_is_at(local, server.url), time.monotonic()
    with pytest.raises(PeerUnreachable):
        local.services.peers.ask(account, "/peer/grants", {}, timeout=0.5)
    assert time.monotonic() - began < 5
    server.close()


# what of an address is used


@pytest.mark.parametrize(
    "ending",
    [
        "/admin",
        "/admin?drop=1",
        "?drop=1",
        "/?x=",
        "#x",
        "/admin#",
        "\r\nx: y",
        "/%2e%2e",
        "\\admin",
        "@evil.example",
        " ",
    ],
    ids=range(11),
)
def test_nothing_but_host_and_port_of_an_address_is_used(world, trap, ending):
    local = world.party("local")
    refused = asked(local, says_it_is_at(local, trap.url + ending))
    assert isinstance(refused, PeerUnreachable)
    assert refused.hint
    assert trap.came == []


@pytest.mark.parametrize(
    "spelled", ["HTTP://127.0.0.1:{port}/", "http://127.0.0.1.:{port}", "http://localhost:{port}"]
)
def test_an_address_signed_in_another_spelling_is_used_in_the_one_spelling(world, spelled):
    local, friend = world.party("local"), world.party("friend")
    document = friend.node.party_document()
    kept = document.model_copy(
        update={"endpoints": (spelled.format(port=friend.port),), "created_at": document.created_at + 1}
    )
    sealed = friend.node.seal(kept)
    with friend.node.store.transaction() as tx:
        tx.put(sealed, public=True)
        tx.set("party", sealed.document.id)
    local.node.accept_party(sealed)
    assert local.node.party_of(friend.account) == kept, "the document stays as it was signed"
    assert local.services.peers.ask(friend.account, "/peer/proofs", {"ids": []}) is not None


def test_peers_kept_in_another_spelling_are_one_peer_and_can_be_forgotten(world):
    local = world.party("local")
    with local.node.store.transaction() as tx:
        tx.set("peers", {"HTTP://A.example:80/": "0x1", "http://a.example": "0x1", "no address": "0x2"})
    assert peers.known(local.node) == ["http://a.example", "no address"]
    assert [one["url"] for one in peers.refresh(local.services)] == ["http://a.example", "no address"]
    peers.forget(local.node, "http://a.example")
    peers.forget(local.node, "no address")
    assert peers.known(local.node) == []


def test_one_room_connects_to_what_strangers_name():
    """Whoever adds a client, or a field that holds a URL, decides here whose word it follows."""
    source = Path(freehold.__file__).parent
    clients = {
        str(path.relative_to(source)) for path in source.rglob("*.py")
        if re.search(r"httpx\.(Async)?Client\(|urlopen|httpx\.(get|post|stream)\(", path.read_text())
    }  # fmt: skip
    assert clients == {
        "kernel/reaching.py",  # strangers: checked
        "chain/endpoint.py",  # rpc_url, the owner's setting
        "shell/doctor/home.py",  # this node itself
        "shell/doctor/network.py",  # peers that the owner typed
        "kernel/client.py",  # this node itself
        "quickstart/play.py",  # the nodes that it starts
    }
    named = re.findall(r"^    (\w*(?:url|uri|endpoint|link|href|callback)\w*):", (source / "core/documents.py").read_text(), re.MULTILINE)  # fmt: skip
    assert named == ["endpoints"]


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.1", "8.8.8.8"])
def test_kinds_of_ipv4_in_ipv6_clothes_are_never_nearer_than_the_address_itself(text):
    inner = ipaddress.IPv4Address(text)
    for clothes in (
        f"::ffff:{text}",
        f"64:ff9b::{text}",
        f"2002:{int(inner) >> 16:x}:{int(inner) & 0xFFFF:x}::",
    ):
        assert origins.kind(ipaddress.ip_address(clothes)) in {"never", origins.kind(inner)} - {
            "loopback",
            "private",
        }
