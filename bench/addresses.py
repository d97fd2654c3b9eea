"""Which addresses of others a node connects to, which spellings of its own name a signed request may be for.

    python bench/addresses.py

Verdicts are of the code that connects (`freehold.kernel.reaching`), asked with each address as a stranger's, for nodes
on the public network, on a private one and on this machine; nothing is sent. Then a real node runs under each
spelling of an endpoint and is sent a signed request that is right, and one for another name. Exits 1 on a surprise.
"""

import json
import secrets
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402 - after the path
from node_world import World, free_port  # noqa: E402 - after the path

from freehold.core import origins  # noqa: E402
from freehold.core.http_signature import Stamp, read, sign_request, verify  # noqa: E402
from freehold.core.signature_base import Request, signature_base  # noqa: E402
from freehold.kernel import reaching  # noqa: E402
from freehold.kernel.settings import Settings  # noqa: E402

NODES = {
    "public": "https://north.example",
    "private": "http://192.168.1.5:7400",
    "here": "http://127.0.0.1:7400",
}
ADDRESSES = {
    # address -> which of the three nodes may go there on a stranger's word
    "http://93.184.216.34": "public private here",
    "https://93.184.216.34:8443": "public private here",
    "http://[2606:4700::1111]": "public private here",
    "http://[64:ff9b::808:808]": "public private here",
    "http://127.0.0.1:8545": "here",
    "http://127.8.9.1": "here",
    "http://localhost:5432": "here",
    "http://[::1]:7400": "here",
    "http://10.0.0.1": "private",
    "http://172.31.0.1": "private",
    "http://192.168.1.1": "private",
    "http://100.64.0.1": "private",
    "http://[fd00::1]": "private",
    **dict.fromkeys(
        ["http://169.254.169.254", "http://[fd00:ec2::254]", "http://168.63.129.16", "http://100.100.100.200", "http://169.254.1.1", "http://0.0.0.0", "http://[::]", "http://255.255.255.255", "http://224.0.0.1", "http://240.0.0.1", "http://192.0.2.1", "http://198.18.0.1", "http://[fe80::1]", "http://[ff02::1]", "http://[2001:db8::1]", "http://[::ffff:127.0.0.1]", "http://[::ffff:8.8.8.8]", "http://[::7f00:1]", "http://[2002:7f00:1::]", "http://[2001:0:1::1]", "http://[64:ff9b::7f00:1]", "http://[64:ff9b::a9fe:a9fe]", "http://[64:ff9b:1::1]"],
        "",
    ),
    **dict.fromkeys(
        ["http://0x7f.1", "http://2130706433", "http://0177.0.0.1", "http://127.1", "http://1.2.3.4.5", "http://a/b",
         "http://a?x", "http://a#x", "http://u@a", "http://a\\b", "http://a\n", "http://[fe80::1%eth0]", "ftp://a",
         "https://xn--80ak6aa92e.com", "https://p\u0430ypal.com", "https://a\u200b.com", "http://a:0", "http://a:99999"],
        "refused",
    ),
}  # fmt: skip
SPELLINGS = [
    "http://127.0.0.1:{port}", "HTTP://127.0.0.1:{port}/", "http://127.0.0.1.:{port}", "http://localhost:{port}",
    "http://north.example:80", "http://north.example", "https://north.example:443", "https://North.Example.",
    "https://north.example:8443", "https://b\u00fccher.example", "https://xn--bcher-kva.example:443",
    "https://\u4f8b\u3048.jp", "http://[::1]:80", "http://[0:0:0:0:0:0:0:1]:7400", "https://[2001:DB8::0]",
]  # fmt: skip
SEED = b"\x07" * 32


def verdict(text, own):
    """Allowed or not, and why; "refused" where it is no address of a node at all."""
    try:
        origin = origins.parse(text)
    except origins.NotAnOrigin as error:
        return "refused", error.message
    kinds = reaching.allowed_kinds(Settings(), origins.parse(own))
    try:
        reaching.resolved(origin.host, origin.port, kinds)
    except reaching.PeerNotAllowed as error:
        return "no", error.fields["kind"]
    return "yes", ""


def table():
    """Every address for each of the nodes; returns the surprises."""
    surprises = 0
    print(f"{'a stranger is at':<36} {'public':>8} {'private':>8} {'here':>8}  kind or reason")
    for text, where in ADDRESSES.items():
        found = {name: verdict(text, own) for name, own in NODES.items()}
        expected = {
            name: where if where == "refused" else "yes" if name in where.split() else "no" for name in NODES
        }
        wrong = {name for name in NODES if found[name][0] != expected[name]}
        surprises += len(wrong)
        reason = next((why for _, why in found.values() if why), "public")
        marks = " ".join(f"{found[name][0] + ('!' if name in wrong else ''):>8}" for name in NODES)
        print(f"{text!a:<36} {marks}  {reason!a:.60}")
    return surprises


def sent(node, caller, authority, host):
    """Status of an introduction signed for a name, and of its right or wrong way through a node."""
    body = json.dumps({"party": caller.node.party.to_json()}).encode()
    stamp = Stamp(caller.account, caller.node.now(), secrets.token_urlsafe(18))
    headers = sign_request(
        Request("POST", authority, "/peer/hello", "", body), stamp, caller.node.keys.log_seed
    )
    with httpx.Client(trust_env=False) as client:
        url = f"http://127.0.0.1:{node.port}/peer/hello"
        return client.post(url, content=body, headers={**headers, "host": host}).status_code


def spellings(world):
    """A signed request against a node under each spelling; returns the surprises."""
    surprises, caller = 0, world.party("caller")
    print(f"\n{'endpoint':<36} {'signed for':<32} {'right':>6} {'other':>6}")
    for typed in SPELLINGS:
        endpoint = typed.format(port=free_port())
        node = world.party("north", endpoint=endpoint)
        name = origins.parse(endpoint).authority
        right, wrong = sent(node, caller, name, name), sent(node, caller, "south.example", name)
        surprises += (right, wrong) != (200, 401)
        print(f"{endpoint!a:<36} {name:<32} {right:>6} {wrong:>6}")
        node.stop()
    return surprises


def rate(act, seconds=1.0):
    """How often a second."""
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        act()
        count += 1
    return count / (time.perf_counter() - began)


def figures():
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
    stamp = Stamp("0x" + "ab" * 20, 1_000, "n" * 20)
    print()
    for size in (1_000, 1_000_000):
        plain = Request("POST", "north.example", "/peer/grants", "", bytes(size), "https")
        whole = replace(plain, fields=tuple(sign_request(plain, stamp, SEED).items()))
        signs, checks = (
            rate(lambda plain=plain: sign_request(plain, stamp, SEED)),
            rate(lambda whole=whole: verify(whole, read(whole), public, 1_000)),
        )
        print(f"a request of {size:>9,} bytes: {signs:>8,.0f} signed, {checks:>8,.0f} verified a second")
    signed = read(whole)
    based = rate(lambda: signature_base(whole, signed.components, signed.params))
    parsed = rate(lambda: origins.parse("https://north.example:8443"))
    judged = rate(lambda: origins.kind(origins.parse("http://93.184.216.34").address))
    print(
        f"{based:,.0f} signature bases, {parsed:,.0f} names parsed, {judged:,.0f} addresses judged a second"
    )


def main():
    surprises = table()
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        try:
            surprises += spellings(world)
        finally:
            world.close()
    figures()
    print(f"\n{len(ADDRESSES)} addresses, {len(SPELLINGS)} spellings, {surprises} surprises")
    sys.exit(1 if surprises else 0)


if __name__ == "__main__":
    main()
