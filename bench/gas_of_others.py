"""Gas of what others ship, on the same embedded chain: their own compiled contracts out of their npm packages.

    npm install --prefix DIR --ignore-scripts @oceanprotocol/contracts@2.6.0
    npm install --prefix DIR --ignore-scripts @ethereum-attestation-service/eas-contracts@1.9.0
    python bench/gas_of_others.py DIR

Nothing of theirs is kept here. docs/comparison.md says what each act is and beside which of ours it stands.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct
from web3 import HTTPProvider, Web3
from web3.logs import DISCARD
from web3.middleware import SignAndSendRawMiddlewareBuilder

from freehold.chain.embedded import DEV_KEY, EmbeddedNode

NOBODY = "0x" + "00" * 20
ETHER = 10**18


class Ground:
    """A chain, its rich account, and contracts out of a folder of npm packages."""

    def __init__(self, url: str, packages: Path) -> None:
        self.web3, self.packages = Web3(HTTPProvider(url)), packages / "node_modules"
        self.rich = Account.from_key(DEV_KEY)
        self.web3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(self.rich), layer=0)
        self.web3.eth.default_account = self.rich.address

    def version(self, package: str) -> str:
        return str(json.loads((self.packages / package / "package.json").read_text())["version"])

    def artifact(self, package: str, name: str) -> dict[str, Any]:
        (path,) = (self.packages / package / "artifacts" / "contracts").rglob(f"{name}.json")
        return dict(json.loads(path.read_text()))

    def deploy(self, package: str, name: str, *arguments: Any) -> Any:
        made = self.artifact(package, name)
        factory = self.web3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
        receipt = self.web3.eth.wait_for_transaction_receipt(factory.constructor(*arguments).transact())
        return self.web3.eth.contract(receipt["contractAddress"], abi=made["abi"])

    def send(self, call: Any) -> Any:
        receipt = self.web3.eth.wait_for_transaction_receipt(call.transact())
        if not receipt["status"]:
            raise RuntimeError(f"{call.fn_name} was refused")
        return receipt


def attestations(ground: Ground) -> tuple[str, dict[str, int]]:
    """EAS: a statement of 32 bytes on chain, and taking it back."""
    package = "@ethereum-attestation-service/eas-contracts"
    registry = ground.deploy(package, "SchemaRegistry")
    eas = ground.deploy(package, "EAS", registry.address)
    schema = ground.send(registry.functions.register("bytes32 asset", NOBODY, True))["logs"][0]["topics"][1]
    holder = Account.create().address
    data = (holder, 0, True, b"\0" * 32, b"\xaa" * 32, 0)
    attested = ground.send(eas.functions.attest((schema, data)))
    uid = attested["logs"][0]["data"]
    revoked = ground.send(eas.functions.revoke((schema, (uid, 0))))
    return f"EAS ({package} {ground.version(package)})", {
        "attest": attested["gasUsed"],
        "revoke": revoked["gasUsed"],
    }


def market(ground: Ground) -> tuple[str, dict[str, int]]:
    """Ocean: data NFT, datatoken and fixed price in one transaction; then approve, buy one token, order with it."""
    package = "@oceanprotocol/contracts"
    me = ground.rich.address
    collector = ground.deploy(package, "OPFCommunityFeeCollector", me, me)
    money = ground.deploy(package, "MockERC20", me, "Dollar", "USD")
    router = ground.deploy(
        package, "FactoryRouter", me, money.address, "0x" + "11" * 20, collector.address, []
    )
    exchange = ground.deploy(package, "FixedRateExchange", router.address)
    factory = ground.deploy(
        package,
        "ERC721Factory",
        ground.deploy(package, "ERC721Template").address,
        ground.deploy(package, "ERC20Template").address,
        router.address,
    )
    ground.send(router.functions.addFactory(factory.address))
    ground.send(router.functions.addFixedRateContract(exchange.address))
    nft = ("Patients", "PAT", 1, "https://example.org/patients", True, me)
    token = (1, ["Patients", "PAT"], [me, me, me, NOBODY], [100 * ETHER, 0], [])
    price = (exchange.address, [money.address, me, me, NOBODY], [18, 18, ETHER, 0, 1])
    published = ground.send(factory.functions.createNftWithErc20WithFixedRate(nft, token, price))
    made = factory.events.TokenCreated().process_receipt(published, errors=DISCARD)[0]["args"]
    datatoken = ground.web3.eth.contract(
        made["newTokenAddress"], abi=ground.artifact(package, "ERC20Template")["abi"]
    )
    approved = ground.send(money.functions.approve(exchange.address, 10 * ETHER))
    (identity,) = exchange.functions.getExchanges().call()
    bought = ground.send(exchange.functions.buyDT(identity, ETHER, 2 * ETHER, NOBODY, 0))
    words = ["bytes", "address", "address", "uint256", "uint256"]
    digest = Web3.solidity_keccak(words, [b"{}", me, NOBODY, 0, 0])
    signed = ground.rich.sign_message(encode_defunct(digest))
    sides = (signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big"))
    fee = (me, NOBODY, 0, signed.v, *sides, 0, b"{}")
    ordered = ground.send(datatoken.functions.startOrder(me, 1, fee, (NOBODY, NOBODY, 0)))
    return f"Ocean ({package} {ground.version(package)})", {
        "publish: NFT, datatoken and fixed price": published["gasUsed"],
        "approve, once": approved["gasUsed"],
        "buy one datatoken": bought["gasUsed"],
        "order with it": ordered["gasUsed"],
    }


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    measured: list[Callable[[Ground], tuple[str, dict[str, int]]]] = [attestations, market]
    with TemporaryDirectory() as folder, EmbeddedNode(Path(folder)) as node:
        ground = Ground(node.url, Path(sys.argv[1]))
        for measure in measured:
            name, rows = measure(ground)
            print(name)
            for act, gas in rows.items():
                print(f"  {act:<40} {gas:>10,}")


if __name__ == "__main__":
    main()
