"""Asset tokens: an id that commits to registrant and document, then a plain ERC-721."""

from contract_world import id_of, refused


def test_registering_mints_the_token_that_follows_from_owner_and_asset(world):
    owner, asset = world.account(), b"\x01" * 32
    token = int.from_bytes(id_of(["address", "bytes32"], owner.address, asset), "big")
    assert world.read(world.Assets, "register", asset, sender=owner) == token
    sent = world.send(owner, world.Assets, "register", asset)
    assert sent.events == [
        ("Transfer", ("0x" + "00" * 20, owner.address, token)),
        ("AssetRegistered", (token, owner.address, asset)),
    ]
    assert world.read(world.Assets, "ownerOf", token) == owner.address
    assert world.read(world.Assets, "tokenIdOf", owner.address, asset) == token


def test_nobody_can_take_an_asset_by_registering_first(world):
    thief, owner, asset = world.account(), world.account(), b"\x02" * 32
    world.send(thief, world.Assets, "register", asset)
    world.send(owner, world.Assets, "register", asset)
    token = world.read(world.Assets, "tokenIdOf", owner.address, asset)
    assert world.read(world.Assets, "ownerOf", token) == owner.address


def test_a_sold_token_cannot_be_registered_again(world):
    owner, buyer, asset = world.account(), world.account(), b"\x03" * 32
    world.send(owner, world.Assets, "register", asset)
    token = world.read(world.Assets, "tokenIdOf", owner.address, asset)
    world.send(owner, world.Assets, "transferFrom", owner.address, buyer.address, token)
    with refused("AlreadyRegistered", token):
        world.send(owner, world.Assets, "register", asset)
    assert world.read(world.Assets, "ownerOf", token) == buyer.address


def test_only_the_holder_moves_a_token(world):
    owner, thief, asset = world.account(), world.account(), b"\x04" * 32
    world.send(owner, world.Assets, "register", asset)
    token = world.read(world.Assets, "tokenIdOf", owner.address, asset)
    with refused("ERC721InsufficientApproval", thief.address, token):
        world.send(thief, world.Assets, "transferFrom", owner.address, thief.address, token)


def test_it_is_an_erc721(world):
    assert world.read(world.Assets, "supportsInterface", bytes.fromhex("80ac58cd"))
    assert world.read(world.Assets, "name") == "Freehold Assets"
