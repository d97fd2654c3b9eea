"""The half of the economy that moves money: sales, pools, channels; money in is money out plus money held, to the unit.

A ghost ledger mirrors every balance. Besides honest acts, each kind of second helping is tried and must be
refused. At the end everybody takes out what is theirs.
"""

from collections import Counter
from dataclasses import dataclass

from contract_world import FAR, SplitTree, World, id_of, refused
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from freehold.core.signing import OFFER_TYPE, VOUCHER_TYPE

DAY = 86_400


@dataclass(frozen=True)
class Hand:
    """Who acts and on what; an act reads what it needs."""

    one: int
    step: int
    index: int
    percent: int
    amount: int
    signs: bool

    @property
    def other(self) -> int:
        return (self.one + self.step) % 3


hands = st.builds(
    Hand,
    one=st.integers(0, 2),
    step=st.integers(1, 2),
    index=st.integers(0, 23),
    percent=st.integers(0, 100),
    amount=st.integers(1, 10_000),
    signs=st.booleans(),
)
SELDOM = (
    "mint",
    "buy",
    "buy_again",
    "let_a_day_pass",
    "send_money_astray",
    "open_channel",
    "top_up",
    "forge",
)
OFTEN = ("withdraw", "settle", "request_close", "claim", "deposit", "let_a_day_pass")
MONEY_ACTS = (*OFTEN, *OFTEN, *SELDOM)
"""Names of methods, as often as they should happen."""
REQUEST_CLOSE = "RequestClose(bytes32 channel,uint256 deadline)"


@dataclass
class Pool:
    id: bytes
    tree: SplitTree
    owners: dict[int, int]
    income: int
    paid: dict[int, int]

    def due(self, owner: int) -> int:
        return self.income * self.owners[owner] // sum(self.owners.values()) - self.paid[owner]


@dataclass
class Channel:
    id: bytes
    payer: int
    pool: Pool
    deposited: int
    settled: int = 0
    closes_at: int | None = None
    ended: bool = False


class Money(RuleBasedStateMachine):
    world: World
    fired: Counter

    def __init__(self) -> None:
        super().__init__()
        world = self.world
        self.token = world.deploy("TestDollar")
        self.people = [world.account() for _ in range(3)]
        self.wallet = [0, 0, 0]
        self.stray = {world.Market: 0, world.Revenue: 0, world.Channels: 0}
        self.minted = 0
        self.serial = 0
        self.pools = [self._pool(shares) for shares in ({0: 7, 1: 2, 2: 1}, {1: 1, 2: 1})]
        self.channels: list[Channel] = []
        self.bought: list[tuple] = []
        for person in self.people:
            for contract in self.stray:
                world.send(person, self.token, "approve", contract.address, 2**255)
        self.started = False
        for number in range(3):
            self.mint(Hand(number, 1, number, 10, 10_000, False))
            self.open_channel(Hand(number, 1, number, 10, 1, False))
        self.deposit(Hand(0, 1, 0, 10, 1, False))
        self.started = True

    def mint(self, hand):
        self.world.mint(self.people[hand.one], hand.amount, self.token)
        self.wallet[hand.one] += hand.amount
        self.minted += hand.amount
        self._fired("mint")

    def buy(self, hand):
        buyer, seller = self.people[hand.one], self.people[hand.other]
        price = self.wallet[hand.one] * hand.percent // 100
        offer = (self._next(), seller.address, buyer.address, self.token.address, price, FAR)
        signed = self.world.sign(seller, self.world.Market, OFFER_TYPE, *offer)
        if hand.signs:
            nonce = self.world.read(self.world.Market, "hashOffer", offer)
            paid = self.world.authorize(buyer, self.world.Market, price, nonce, self.token)
            args = (seller, self.world.Market, "buyWithAuthorization", offer, signed, 0, FAR, paid)
        else:
            args = (buyer, self.world.Market, "buy", offer, signed)
        self.world.send(*args)
        self.wallet[hand.one] -= price
        self.wallet[hand.other] += price
        self.bought.append(args)
        self._fired("buy", hand)

    def buy_again(self, hand):
        if self.bought:
            with refused("AlreadyBought"):
                self.world.send(*self.bought[hand.index % len(self.bought)])
            self._fired("buy_again")

    def deposit(self, hand):
        payer, pool, amount = self.people[hand.one], self.pools[hand.index % 2], self._afforded(hand)
        if amount == 0:
            return
        if hand.signs:
            salt = self._next()
            nonce = id_of(["bytes32", "bytes32"], pool.id, salt)
            paid = self.world.authorize(payer, self.world.Revenue, amount, nonce, self.token)
            args = (pool.id, payer.address, amount, 0, FAR, salt, paid)
            self.world.send(self.world.deployer, self.world.Revenue, "depositWithAuthorization", *args)
        else:
            self.world.send(payer, self.world.Revenue, "deposit", pool.id, amount)
        self.wallet[hand.one] -= amount
        pool.income += amount
        self._fired("deposit", hand)

    def claim(self, hand):
        pool, owner = self.pools[hand.index % 2], hand.one
        if owner not in pool.owners:
            with refused("InvalidProof"):
                self._claim(pool, owner, hand.other, shares=1, proof=[])
            self._fired("claim as a stranger")
        elif pool.due(owner) == 0:
            with refused("NothingToClaim"):
                self._claim(pool, owner, hand.other)
            self._fired("claim twice")
        else:
            due = pool.due(owner)
            self._claim(pool, owner, hand.other)
            self._paid(pool, owner, due)
            self._fired("claim")

    def open_channel(self, hand):
        payer, pool, amount = self.people[hand.one], self.pools[hand.index % 2], self._afforded(hand)
        if amount == 0:
            return
        salt = self._next()
        channel = id_of(["address", "bytes32", "bytes32"], payer.address, pool.id, salt)
        if hand.signs:
            paid = self.world.authorize(payer, self.world.Channels, amount, channel, self.token)
            args = (payer.address, pool.id, amount, salt, 0, FAR, paid)
            self.world.send(self.world.deployer, self.world.Channels, "openWithAuthorization", *args)
        else:
            self.world.send(payer, self.world.Channels, "open", pool.id, amount, salt)
        self.wallet[hand.one] -= amount
        self.channels.append(Channel(channel, hand.one, pool, amount))
        self._fired("open", hand)

    def top_up(self, hand):
        channel, amount = self._channel(hand), self._afforded(hand)
        if amount == 0:
            return
        payer = self.people[hand.one]
        act = (payer, self.world.Channels, "topUp", channel.id, amount)
        if hand.signs:
            salt = self._next()
            nonce = id_of(["bytes32", "bytes32"], channel.id, salt)
            paid = self.world.authorize(payer, self.world.Channels, amount, nonce, self.token)
            args = (channel.id, payer.address, amount, 0, FAR, salt, paid)
            act = (self.world.deployer, self.world.Channels, "topUpWithAuthorization", *args)
        if channel.closes_at is not None:
            with refused("ChannelClosing"):
                self.world.send(*act)
            return
        self.world.send(*act)
        self.wallet[hand.one] -= amount
        channel.deposited += amount
        self._fired("top_up", hand)

    def settle(self, hand):
        channel = self._channel(hand)
        cumulative = channel.deposited * hand.percent // 80
        error = self._settle_error(channel, cumulative)
        if error is not None:
            with refused(error):
                self._settle(channel, cumulative)
            self._fired(f"settle refused: {error}")
            return
        self._settle(channel, cumulative)
        channel.pool.income += cumulative - channel.settled
        channel.settled = cumulative
        self._fired("settle")

    def request_close(self, hand):
        channel = self._channel(hand)
        person = channel.payer if hand.percent > 30 else hand.other
        error = "NotThePayer" if person != channel.payer else "ChannelClosing"
        act = (self.people[person], self.world.Channels, "requestClose", channel.id)
        if hand.signs:
            signed = self.world.sign(self.people[person], self.world.Channels, REQUEST_CLOSE, channel.id, FAR)
            act = (self.world.deployer, self.world.Channels, "requestCloseBySig", channel.id, FAR, signed)
            error = error.replace("NotThePayer", "InvalidSignature")
        if person != channel.payer or channel.closes_at is not None:
            with refused(error):
                self.world.send(*act)
            self._fired(f"request_close refused: {error}")
            return
        channel.closes_at = self.world.send(*act).block_time + DAY
        self._fired("request_close by signature" if hand.signs else "request_close")

    def forge(self, hand):
        """Anybody's voucher but the payer's."""
        channel = self._channel(hand)
        if channel.ended or channel.settled == channel.deposited:
            return
        forger = self.people[(channel.payer + hand.step) % 3]
        voucher = self.world.sign(forger, self.world.Channels, VOUCHER_TYPE, channel.id, channel.deposited)
        with refused("InvalidSignature", self.people[channel.payer].address):
            self.world.send(forger, self.world.Channels, "settle", channel.id, channel.deposited, voucher)
        self._fired("forge")

    def let_a_day_pass(self, hand):
        self.world.wait(DAY + 60)
        self._fired("let_a_day_pass")

    def withdraw(self, hand):
        closing = [one for one in self.channels if one.closes_at is not None and not one.ended]
        channel = self._channel(hand) if hand.signs or not closing else closing[hand.index % len(closing)]
        if channel.ended or channel.closes_at is None or self.world.now() < channel.closes_at:
            with refused("ChannelEnded" if channel.ended else "NotYetWithdrawable"):
                self._withdraw(channel, hand.one)
            self._fired("withdraw twice" if channel.ended else "withdraw early")
            return
        self._withdraw(channel, hand.one)
        self._fired("withdraw")

    def send_money_astray(self, hand):
        contract = list(self.stray)[hand.index % 3]
        self.world.mint(contract, hand.amount, self.token)
        self.stray[contract] += hand.amount
        self.minted += hand.amount
        self._fired("send_money_astray")

    # -- what always holds

    @invariant()
    def every_balance_is_as_reckoned(self):
        pooled = sum(pool.income - sum(pool.paid.values()) for pool in self.pools)
        locked = sum(channel.deposited - channel.settled for channel in self.channels if not channel.ended)
        held = {self.world.Market: 0, self.world.Revenue: pooled, self.world.Channels: locked}
        expected = [*self.wallet, *(money + self.stray[contract] for contract, money in held.items())]
        assert self.world.balances([*self.people, *held], self.token) == expected
        assert sum(self.wallet) + sum(held.values()) + sum(self.stray.values()) == self.minted

    def teardown(self):
        """Everybody can leave with what is theirs, whatever happened before."""
        if not hasattr(self, "channels"):
            return
        for channel in self.channels:
            if channel.closes_at is None:
                self.world.send(self.people[channel.payer], self.world.Channels, "requestClose", channel.id)
        self.world.wait(DAY + 1)
        for channel in self.channels:
            if not channel.ended:
                self._withdraw(channel, channel.payer)
        for pool in self.pools:
            for owner in pool.owners:
                if due := pool.due(owner):
                    self._claim(pool, owner, owner)
                    self._paid(pool, owner, due)
            *_, total_in, paid_out = self.world.read(self.world.Revenue, "poolOf", pool.id)
            assert (total_in, paid_out) == (pool.income, sum(pool.paid.values()))
            assert 0 <= total_in - paid_out < len(pool.owners)
        self.every_balance_is_as_reckoned()

    # -- parts of acts

    def _fired(self, act: str, hand: Hand | None = None) -> None:
        """Counts the acts of the run, not those of its start."""
        if hand is not None:
            act += " by authorization" if hand.signs else " by allowance"
        self.fired[act] += self.started

    def _next(self) -> bytes:
        self.serial += 1
        return id_of(["address", "uint256"], self.token.address, self.serial)

    def _pool(self, owners: dict[int, int]) -> Pool:
        tree = SplitTree({self.people[owner].address: shares for owner, shares in owners.items()})
        opener, model = self.people[0], self._next()
        total = sum(owners.values())
        self.world.send(opener, self.world.Revenue, "open", model, self.token.address, tree.root, total)
        pool = id_of(["address", "bytes32"], opener.address, model)
        return Pool(pool, tree, owners, 0, dict.fromkeys(owners, 0))

    def _channel(self, hand: Hand) -> Channel:
        return self.channels[hand.index % len(self.channels)]

    def _afforded(self, hand: Hand) -> int:
        return self.wallet[hand.one] * hand.percent // 300

    def _claim(self, pool: Pool, owner: int, sender: int, shares: int | None = None, proof=None) -> None:
        account = self.people[owner].address
        if shares is None:
            shares, proof = pool.owners[owner], pool.tree.proof(account)
        args = (pool.id, account, shares, proof)
        self.world.send(self.people[sender], self.world.Revenue, "claim", *args)

    def _paid(self, pool: Pool, owner: int, due: int) -> None:
        pool.paid[owner] += due
        self.wallet[owner] += due

    def _settle_error(self, channel: Channel, cumulative: int) -> str | None:
        if channel.ended:
            return "ChannelEnded"
        if cumulative <= channel.settled:
            return "NothingToSettle"
        return "VoucherExceedsDeposit" if cumulative > channel.deposited else None

    def _settle(self, channel: Channel, cumulative: int) -> None:
        payer = self.people[channel.payer]
        voucher = self.world.sign(payer, self.world.Channels, VOUCHER_TYPE, channel.id, cumulative)
        self.world.send(self.world.deployer, self.world.Channels, "settle", channel.id, cumulative, voucher)

    def _withdraw(self, channel: Channel, sender: int) -> None:
        self.world.send(self.people[sender], self.world.Channels, "withdraw", channel.id)
        channel.ended = True
        self.wallet[channel.payer] += channel.deposited - channel.settled
