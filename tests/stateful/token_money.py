"""The test dollar at random: balances, allowances, permits, authorizations, against a ledger of its own."""

from collections import Counter

from contract_world import FAR, RECEIVE_FIELDS, World, refused
from economy_money import DAY, Hand
from hypothesis.stateful import RuleBasedStateMachine, invariant

PERMIT = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
CANCEL = "CancelAuthorization(address authorizer,bytes32 nonce)"
KINDS = ("transferWithAuthorization", "receiveWithAuthorization")
NONCES = 6
"""Authorization nonces an account uses: few, so that second times happen."""


class Token(RuleBasedStateMachine):
    """Three people; each act is done or refused as the ledger says."""

    world: World
    fired: Counter

    def __init__(self) -> None:
        super().__init__()
        self.token = self.world.deploy("TestDollar")
        self.people = [self.world.account() for _ in range(3)]
        self.wallet = [0, 0, 0]
        self.allowed: Counter = Counter()
        self.permits = [0, 0, 0]
        self.ended: set[tuple[int, int]] = set()
        for number in range(3):
            self.mint(Hand(number, 1, 0, 0, 1_000, signs=False))

    def mint(self, hand: Hand) -> None:
        self.world.mint(self.people[hand.one], hand.amount, self.token)
        self.wallet[hand.one] += hand.amount
        self.fired["mint"] += 1

    def transfer(self, hand: Hand) -> None:
        error = "ERC20InsufficientBalance" if hand.amount > self.wallet[hand.one] else None
        act = (self.people[hand.one], self.token, "transfer", self.people[hand.other].address, hand.amount)
        if self._done("transfer", act, error):
            self._move(hand.one, hand.other, hand.amount)

    def approve(self, hand: Hand) -> None:
        act = (self.people[hand.one], self.token, "approve", self.people[hand.other].address, hand.amount)
        self._done("approve", act, None)
        self.allowed[hand.one, hand.other] = hand.amount

    def transfer_from(self, hand: Hand) -> None:
        owner, spender = hand.one, hand.other
        error = "ERC20InsufficientBalance" if hand.amount > self.wallet[owner] else None
        if hand.amount > self.allowed[owner, spender]:
            error = "ERC20InsufficientAllowance"
        addresses = (self.people[owner].address, self.people[spender].address)
        if self._done(
            "transfer_from",
            (self.people[spender], self.token, "transferFrom", *addresses, hand.amount),
            error,
        ):
            self.allowed[owner, spender] -= hand.amount
            self._move(owner, spender, hand.amount)

    def permit(self, hand: Hand) -> None:
        """In order, or with an old nonce, or by another's key, or late."""
        owner, spender = self.people[hand.one], self.people[hand.other]
        fault = hand.percent % 4
        nonce = self.permits[hand.one] + (fault == 1)
        deadline = self.world.now() - 1 if fault == 2 else FAR
        signer = spender if fault == 3 else owner
        values = (owner.address, spender.address, hand.amount)
        signed = self.world.sign(signer, self.token, PERMIT, *values, nonce, deadline)
        tail = (deadline, signed[64], signed[:32], signed[32:64])
        error = (None, "ERC2612InvalidSigner", "ERC2612ExpiredSignature", "ERC2612InvalidSigner")[fault]
        if self._done("permit", (spender, self.token, "permit", *values, *tail), error):
            self.permits[hand.one] += 1
            self.allowed[hand.one, hand.other] = hand.amount

    def authorization(self, hand: Hand) -> None:
        """Of either kind: in time, not yet, late, a second time, by another's key."""
        payer, payee = self.people[hand.one], self.people[hand.other]
        kind, number, fault = KINDS[hand.signs], hand.index % NONCES, hand.percent % 5
        now = self.world.now()
        after, before = {1: (now + DAY, FAR), 2: (0, now - 1)}.get(fault, (0, FAR))
        values = (payer.address, payee.address, hand.amount, after, before, self._nonce(number))
        struct = f"{kind[0].upper()}{kind[1:]}({RECEIVE_FIELDS})"
        signed = self.world.sign(payee if fault == 3 else payer, self.token, struct, *values)
        error = self._authorization_error(hand, number, fault)
        if self._done("authorization", (payee, self.token, kind, *values, signed), error):
            self.ended.add((hand.one, number))
            self._move(hand.one, hand.other, hand.amount)

    def cancel(self, hand: Hand) -> None:
        person, number = self.people[hand.one], hand.index % NONCES
        signer = self.people[hand.other] if hand.percent % 5 == 0 else person
        signed = self.world.sign(signer, self.token, CANCEL, person.address, self._nonce(number))
        error = "ERC3009UsedAuthorization" if (hand.one, number) in self.ended else None
        if signer is not person:
            error = "ERC3009InvalidSignature"
        act = (signer, self.token, "cancelAuthorization", person.address, self._nonce(number), signed)
        if self._done("cancel", act, error):
            self.ended.add((hand.one, number))

    # -- what always holds

    @invariant()
    def every_balance_is_as_reckoned(self) -> None:
        assert self.world.balances(self.people, self.token) == self.wallet
        assert self.world.read(self.token, "totalSupply") == sum(self.wallet)

    def teardown(self) -> None:
        """Allowances and nonces are as reckoned, and everybody can spend all."""
        if not hasattr(self, "ended"):
            return
        for number, one in enumerate(self.people):
            for other_number, other in enumerate(self.people):
                allowed = self.world.read(self.token, "allowance", one.address, other.address)
                assert allowed == self.allowed[number, other_number]
            assert self.world.read(self.token, "nonces", one.address) == self.permits[number]
            for nonce in range(NONCES):
                used = self.world.read(self.token, "authorizationState", one.address, self._nonce(nonce))
                assert used is ((number, nonce) in self.ended)
        for number in (1, 2):
            self.world.send(
                self.people[number], self.token, "transfer", self.people[0].address, self.wallet[number]
            )
            self._move(number, 0, self.wallet[number])
        self.every_balance_is_as_reckoned()

    # -- parts of acts

    def _authorization_error(self, hand: Hand, number: int, fault: int) -> str | None:
        if fault == 3:
            return "ERC3009InvalidSignature"
        if fault in (1, 2):
            return "ERC3009InvalidAuthorizationTime"
        if (hand.one, number) in self.ended:
            return "ERC3009UsedAuthorization"
        return "ERC20InsufficientBalance" if hand.amount > self.wallet[hand.one] else None

    def _done(self, name: str, act: tuple, error: str | None) -> bool:
        if error is None:
            self.world.send(*act)
            self.fired[name] += 1
            return True
        with refused(error):
            self.world.send(*act)
        self.fired[f"{name} refused: {error}"] += 1
        return False

    def _move(self, one: int, other: int, amount: int) -> None:
        self.wallet[one] -= amount
        self.wallet[other] += amount

    def _nonce(self, number: int) -> bytes:
        return number.to_bytes(32, "big")
