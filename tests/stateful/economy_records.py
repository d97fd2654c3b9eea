"""The half of the economy that records: log heads, revocations, asset tokens, released shares, stamps.

A ghost of each record is kept beside the chain's. Every act in an account's name is done by transaction or by a
signature that somebody else submits; each act that must have no effect is tried as well: a log that shrinks, a
second revocation, another's token, a changed release, a second stamp, a late signature, another's signature.
"""

from contract_world import id_of, refused
from economy_money import Hand, Money
from hypothesis.stateful import invariant

ANCHOR = "Anchor(address account,uint64 size,bytes32 root,uint256 deadline)"
REVOKE = "Revoke(address issuer,uint256 index,uint256 deadline)"
REGISTER = "Register(address owner,bytes32 asset,uint256 deadline)"
RELEASE = "Release(address releaser,bytes32 model,address[] owners,uint256[] shares,uint256 deadline)"
INDICES = (0, 1, 127, 128, 254, 255, 256, 257, 511, 512, 2**255, 2**256 - 1)
RECORD_ACTS = ("anchor", "revoke", "register", "move_token", "release", "move_shares", "stamp")
DEADLINE = 2**40


class Records(Money):
    """What was said, beside the money that moved."""

    def __init__(self) -> None:
        self.heads = [(bytes(32), 0, 0)] * 3
        self.revoked: set[tuple[int, int]] = set()
        self.holders: dict[int, int] = {}
        self.released: dict[int, dict[int, int]] = {}
        self.stamped: dict[bytes, int] = {}
        super().__init__()

    def anchor(self, hand: Hand) -> None:
        size = max(0, self.heads[hand.one][1] + hand.percent // 10 - 1)
        root = self._next()
        error = None if size > self.heads[hand.one][1] else "SizeMustGrow"
        sent = self._act(hand, "LogAnchors", "anchor", ANCHOR, (size, root), error)
        if sent:
            self.heads[hand.one] = (root, size, sent.block_time)

    def revoke(self, hand: Hand) -> None:
        index = INDICES[(hand.index + hand.amount) % len(INDICES)]
        error = "AlreadyRevoked" if (hand.one, index) in self.revoked else None
        if self._act(hand, "Revocations", "revoke", REVOKE, (index,), error):
            self.revoked.add((hand.one, index))

    def register(self, hand: Hand) -> None:
        asset = self._document(hand)
        token = self._id("Assets", "tokenIdOf", hand.one, asset)
        error = "AlreadyRegistered" if token in self.holders else None
        if self._act(hand, "Assets", "register", REGISTER, (asset,), error):
            self.holders[token] = hand.one

    def move_token(self, hand: Hand) -> None:
        if not self.holders:
            return
        token, holder = sorted(self.holders.items())[hand.index % len(self.holders)]
        sender = holder if hand.percent > 30 else hand.other
        taker = (holder + hand.step) % 3
        people = self.people
        act = ("transferFrom", people[holder].address, people[taker].address, token)
        if sender != holder:
            with refused("ERC721InsufficientApproval", people[sender].address, token):
                self.world.send(people[sender], self.world.Assets, *act)
            self._fired("move_token of another")
            return
        self.world.send(people[sender], self.world.Assets, *act)
        self.holders[token] = taker
        self._fired("move_token")

    def release(self, hand: Hand) -> None:
        model = self._document(hand)
        made = self._id("ModelShares", "idOf", hand.one, model)
        owners = {hand.one: hand.amount, hand.other: hand.percent + 1}
        lists = ([self.people[owner].address for owner in owners], list(owners.values()))
        error = "AlreadyReleased" if made in self.released else None
        if self._act(hand, "ModelShares", "release", RELEASE, (model, *lists), error):
            self.released[made] = owners

    def move_shares(self, hand: Hand) -> None:
        if not self.released:
            return
        made, owners = sorted(self.released.items())[hand.index % len(self.released)]
        owner = sorted(owners)[hand.index % len(owners)]
        with refused("NotTransferable"):
            args = (self.people[(owner + hand.step) % 3].address, made, hand.percent)
            self.world.send(self.people[owner], self.world.ModelShares, "transfer", *args)
        self._fired("move_shares")

    def stamp(self, hand: Hand) -> None:
        """Anybody stamps; the hashes are this economy's own."""
        made = self._hash(hand.index)
        act = (self.people[hand.other], self.world.Timestamps, "stamp", made)
        if made in self.stamped:
            with refused("AlreadyStamped", made):
                self.world.send(*act)
            self._fired("stamp refused: AlreadyStamped")
            return
        self.stamped[made] = self.world.send(*act).block_time
        self._fired("stamp")

    # -- what always holds

    @invariant()
    def the_newest_records_are_as_reckoned(self) -> None:
        person = self.serial % 3
        address = self.people[person].address
        assert self.world.read(self.world.LogAnchors, "headOf", address) == self.heads[person]
        self._check_revocation(person, INDICES[self.serial % len(INDICES)])

    def teardown(self) -> None:
        """Every record that was ever made still stands, and no other."""
        if not hasattr(self, "channels"):
            return
        for person, head in enumerate(self.heads):
            assert self.world.read(self.world.LogAnchors, "headOf", self.people[person].address) == head
            for index in INDICES:
                self._check_revocation(person, index)
        for token, holder in self.holders.items():
            assert self.world.read(self.world.Assets, "ownerOf", token) == self.people[holder].address
        for made, owners in self.released.items():
            for person, one in enumerate(self.people):
                held = self.world.read(self.world.ModelShares, "balanceOf", one.address, made)
                assert held == owners.get(person, 0)
            assert self.world.read(self.world.ModelShares, "totalSupply", made) == sum(owners.values())
        for made in map(self._hash, range(6)):
            assert self.world.read(self.world.Timestamps, "stampedAt", made) == self.stamped.get(made, 0)
        super().teardown()

    # -- parts of acts

    def _act(self, hand: Hand, contract: str, function: str, struct: str, values: tuple, error: str | None):
        """By transaction or signature; sometimes by a late signature or another's, which must be refused."""
        target, actor = self.world.contracts[contract], self.people[hand.one]
        how = function + (" by signature" if hand.signs else "")
        act = (actor, target, function, *values)
        if hand.signs:
            late, forged = hand.percent % 10 == 0, hand.percent % 10 == 1
            deadline = self.world.now() - 1 if late else DEADLINE
            signer = self.people[hand.other] if forged else actor
            signed = self.world.sign(signer, target, struct, actor.address, *values, deadline)
            args = (actor.address, *values, deadline, signed)
            act = (self.world.deployer, target, f"{function}BySig", *args)
            error = "SignatureExpired" if late else "InvalidSignature" if forged else error
        if error is None:
            sent = self.world.send(*act)
            self._fired(how)
            return sent
        with refused(error):
            self.world.send(*act)
        self._fired(f"{how} refused: {error}")
        return None

    def _check_revocation(self, person: int, index: int) -> None:
        found = self.world.read(self.world.Revocations, "isRevoked", self.people[person].address, index)
        assert found is ((person, index) in self.revoked)

    def _hash(self, index: int) -> bytes:
        return id_of(["address", "uint256"], self.people[0].address, index % 6)

    def _document(self, hand: Hand) -> bytes:
        """One of a few ids, so that second times happen."""
        return (1 + hand.index % 6).to_bytes(32, "big")

    def _id(self, contract: str, function: str, person: int, document: bytes) -> int:
        address = self.people[person].address
        return self.world.read(self.world.contracts[contract], function, address, document)
