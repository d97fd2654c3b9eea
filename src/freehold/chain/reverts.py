"""Contract errors as Python classes: one table from every custom error to its class and a hint.

```
ContractReverted
├── ActDone            what was asked has happened already; nothing is left to do
├── ActUntimely        too late or too early
├── SignatureRejected  a signature is not the signer's, or not for this
├── MoneyMissing       balance, allowance or deposit does not cover it
├── NotYourAct         this account may not do it
├── SubjectUnknown     the channel, pool or token named does not exist
├── TokenMisbehaved    the token did not move what it was told to
└── ArgumentRefused    a value the contract does not take
```

Catch `ContractReverted` for all of them; its `name` is the custom error's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold.chain import deployments
from freehold.chain.answers import read_data
from freehold.chain.errors import ContractReverted, RpcError

if TYPE_CHECKING:
    from freehold.chain.abi import Interface


class ActDone(ContractReverted, code="chain.act_done"):
    """A contract refused what has happened already; nothing is left to do."""


class ActUntimely(ContractReverted, code="chain.act_untimely"):
    """A contract refused what comes too late or too early; the arguments say when it counts."""


class SignatureRejected(ContractReverted, code="chain.signature_rejected"):
    """A contract refused a signature: another signer, another content, or another chain."""


class MoneyMissing(ContractReverted, code="chain.money_missing"):
    """A contract refused what balance, allowance or deposit do not cover."""


class NotYourAct(ContractReverted, code="chain.not_your_act"):
    """A contract refused an act that belongs to another account."""


class SubjectUnknown(ContractReverted, code="chain.subject_unknown"):
    """A contract was asked about something it does not know."""


class TokenMisbehaved(ContractReverted, code="chain.token_misbehaved"):
    """A token did not move exactly what it was told to; nothing was moved."""


class ArgumentRefused(ContractReverted, code="chain.argument_refused"):
    """A contract refused a value."""


_SIGN_AGAIN = "sign again with the account's own key, for this chain and these very values"
_NEW_DEADLINE = "sign again with a later deadline"
_EXACT = "use a token that moves exactly the amount it is told to"
_NO_ZERO = "name a real account, not the zero address"

TABLE: dict[str, tuple[type[ContractReverted], str]] = {
    # acts that happen once
    "AlreadyRegistered": (ActDone, "this owner has registered the asset before; its token stands"),
    "AlreadyRevoked": (ActDone, "the grant is revoked already"),
    "AlreadyStamped": (ActDone, "the hash was stamped before; its first time stands"),
    "AlreadyBought": (ActDone, "the offer was bought before; the grant counts"),
    "AlreadyReleased": (ActDone, "the model was released before; its shares are fixed"),
    "ChannelExists": (ActDone, "take a new salt for another channel to the same pool"),
    "PoolExists": (ActDone, "the model's pool is open already; use it"),
    "SizeMustGrow": (ActDone, "this size of the log, or a larger one, is anchored already"),
    "NothingToClaim": (ActDone, "everything due was paid out; claim again after the next deposit"),
    "NothingToSettle": (ActDone, "this voucher, or a later one, was settled already"),
    "ERC3009UsedAuthorization": (
        ActDone,
        "the payment was made, or its authorization cancelled; sign a new one",
    ),
    # time
    "SignatureExpired": (ActUntimely, _NEW_DEADLINE),
    "ERC2612ExpiredSignature": (ActUntimely, _NEW_DEADLINE),
    "ERC3009InvalidAuthorizationTime": (ActUntimely, "sign the payment again for a span that includes now"),
    "OfferExpired": (ActUntimely, "ask the seller for a new offer"),
    "NotYetWithdrawable": (ActUntimely, "ask for the close first, then withdraw a day later"),
    "ChannelClosing": (ActUntimely, "the channel is closing; open a new one"),
    "ChannelEnded": (ActUntimely, "the channel has ended and its rest was withdrawn; open a new one"),
    # signatures
    "InvalidSignature": (SignatureRejected, _SIGN_AGAIN),
    "ERC2612InvalidSigner": (SignatureRejected, _SIGN_AGAIN),
    "ERC3009InvalidSignature": (SignatureRejected, _SIGN_AGAIN),
    "ECDSAInvalidSignature": (SignatureRejected, _SIGN_AGAIN),
    "ECDSAInvalidSignatureLength": (SignatureRejected, "a signature has 65 bytes: r, s, v"),
    "ECDSAInvalidSignatureS": (SignatureRejected, "s must be in the lower half of the curve's order"),
    "InvalidAccountNonce": (SignatureRejected, "sign the permit again with the account's current nonce"),
    # money
    "ERC20InsufficientBalance": (MoneyMissing, "the account holds less than this; add money first"),
    "ERC20InsufficientAllowance": (MoneyMissing, "approve the spender for the amount first"),
    "VoucherExceedsDeposit": (MoneyMissing, "the channel holds less than the voucher says; top it up first"),
    "ERC6909InsufficientBalance": (MoneyMissing, "the account holds fewer shares than this"),
    "ERC6909InsufficientAllowance": (MoneyMissing, "the owner has not approved so many shares"),
    # who may
    "NotThePayer": (NotYourAct, "only the channel's payer may do this"),
    "NotTheBuyer": (NotYourAct, "only the buyer named in the offer can buy"),
    "NotTransferable": (NotYourAct, "model shares do not change hands; revenue follows the release"),
    "ERC721IncorrectOwner": (NotYourAct, "another account owns the token"),
    "ERC721InsufficientApproval": (NotYourAct, "the token's owner must approve this account first"),
    # what is not there
    "UnknownPool": (SubjectUnknown, "open the model's revenue pool first, or check its id"),
    "UnknownChannel": (SubjectUnknown, "open the channel first, or check its id"),
    "ERC721NonexistentToken": (SubjectUnknown, "no asset is registered under this token id"),
    # tokens
    "InexactTransfer": (TokenMisbehaved, _EXACT),
    "SafeERC20FailedOperation": (TokenMisbehaved, _EXACT),
    "ReentrancyGuardReentrantCall": (
        TokenMisbehaved,
        "the token called back while money moved; use another one",
    ),
    # values
    "InvalidAmount": (ArgumentRefused, "the amount must be above zero and within 128 bits"),
    "InvalidPool": (ArgumentRefused, "a pool needs a token, a split root and shares above zero"),
    "InvalidProof": (ArgumentRefused, "account, shares and proof must be those of the pool's split"),
    "InvalidOwnerCount": (ArgumentRefused, "give 1 to 256 owners and as many share counts"),
    "DuplicateOwner": (ArgumentRefused, "name every owner once"),
    "ZeroShare": (ArgumentRefused, "leave owners without a share out"),
    "SellerIsBuyer": (ArgumentRefused, "nobody buys from itself"),
    "MintTooLarge": (ArgumentRefused, "mint at most 2^64 - 1 units at once"),
    "InvalidShortString": (
        ArgumentRefused,
        "the token's name does not decode; this contract is not as shipped",
    ),
    "StringTooLong": (ArgumentRefused, "the token's name is too long; this contract is not as shipped"),
    "SafeCastOverflowedUintDowncast": (ArgumentRefused, "the number is larger than the contract can hold"),
    "ERC20InvalidApprover": (ArgumentRefused, _NO_ZERO),
    "ERC20InvalidReceiver": (ArgumentRefused, _NO_ZERO),
    "ERC20InvalidSender": (ArgumentRefused, _NO_ZERO),
    "ERC20InvalidSpender": (ArgumentRefused, _NO_ZERO),
    "ERC6909InvalidApprover": (ArgumentRefused, _NO_ZERO),
    "ERC6909InvalidReceiver": (ArgumentRefused, _NO_ZERO),
    "ERC6909InvalidSender": (ArgumentRefused, _NO_ZERO),
    "ERC6909InvalidSpender": (ArgumentRefused, _NO_ZERO),
    "ERC721InvalidApprover": (ArgumentRefused, "only the owner, or an operator of all its tokens, approves"),
    "ERC721InvalidOperator": (ArgumentRefused, _NO_ZERO),
    "ERC721InvalidOwner": (ArgumentRefused, _NO_ZERO),
    "ERC721InvalidReceiver": (ArgumentRefused, "the receiver is a contract that takes no ERC-721 tokens"),
    "ERC721InvalidSender": (ArgumentRefused, _NO_ZERO),
}
"""Class and hint of every custom error of the shipped contracts, by its name."""

_PLAIN_HINTS = {
    "Error": "the contract gave this reason itself",
    "Panic": "the contract stopped on an arithmetic or memory fault: code 0x11 is overflow, 0x12 division by zero",
    "Unknown": "the contract is not one of Freehold's; its own documentation may name this error",
}


def reverted(name: str, arguments: tuple[object, ...], contract: str) -> ContractReverted:
    """The exception for a contract's error."""
    kind, hint = TABLE.get(name, (ContractReverted, _PLAIN_HINTS.get(name, "")))
    return kind(name, arguments, contract, hint=hint)


def refusal(error: RpcError, interface: Interface, label: str) -> RpcError | ContractReverted:
    """The contract's own error, when the node's error carries one that any known ABI can name."""
    carried = error.data.get("data") if isinstance(error.data, dict) else error.data
    if not isinstance(carried, str) or not carried.startswith("0x"):
        is_revert = error.rpc_code == 3 or "revert" in error.message
        return ContractReverted("Reverted", (), label, hint=error.message) if is_revert else error
    data = read_data(carried)
    for one in (interface, *(deployments.artifact(name).interface for name in deployments.names())):
        named = one.error(data)
        if named is not None:
            return reverted(*named, label)
    return reverted("Unknown", (data,) if data else (), label)
