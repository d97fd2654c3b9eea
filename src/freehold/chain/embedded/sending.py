"""JSON-RPC methods that send: signed transactions, and those of accounts that the node speaks for.

It has one key, that of the development account, which is public. For others it may be asked to send without a
signature (impersonation); such a transaction says of itself that nobody signed it, see `transactions`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from freehold.chain.embedded import genesis
from freehold.chain.embedded.faults import INVALID_PARAMS, LIMIT, REFUSED, Fault
from freehold.chain.embedded.keys import DEV_KEY
from freehold.chain.embedded.messages import impersonated, read_nonce, read_sent, signed
from freehold.chain.embedded.wire import (
    SENDING,
    MethodGroup,
    method,
    read_address,
    read_data,
    read_flag,
    read_members,
    show,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from freehold.chain.embedded.ledger import Ledger
    from freehold.chain.embedded.transactions import Ticket

_MOST_IMPERSONATED = 1_000


class SendingMethods(MethodGroup):
    """Sending, and who the node speaks for."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._impersonated: dict[bytes, None] = {}
        self._impersonates_all = False

    @method("eth_sendRawTransaction")
    def _send_raw_transaction(self, raw: Any) -> str | None:
        return show(self._ledger.settle(self._ledger.offer(read_data(raw, "transaction"))))

    @method("eth_sendRawTransactionSync")
    def _send_raw_transaction_sync(self, raw: Any, _timeout: Any = None) -> str | None:
        # `Methods.sent` makes the receipt of it
        return show(self._ledger.settle(self._ledger.offer(read_data(raw, "transaction"))))

    @method("eth_accounts")
    def _accounts(self) -> list[str | None]:
        return [show(one) for one in {genesis.DEV_ACCOUNT: None} | self._impersonated]

    @method("eth_sendTransaction", SENDING)
    def _send_transaction(self, transaction: Any) -> Callable[[], Ticket]:
        ledger = self._ledger
        header = ledger.next_header()
        call, asked = read_sent(transaction, header.base_fee_per_gas), read_nonce(transaction)
        if "from" not in read_members(transaction, "transaction", ("from",)):
            raise Fault(INVALID_PARAMS, "transaction: from is missing")
        is_own = call.sender == genesis.DEV_ACCOUNT
        if not (is_own or self._impersonates_all or call.sender in self._impersonated):
            raise Fault(REFUSED, f"unknown account: {show(call.sender)}; anvil_impersonateAccount allows it")
        if not call.is_gas_asked:
            gas = ledger.machine.estimate(ledger.machine.state(header), call)
            call = replace(call, gas=gas)

        def offered() -> Ticket:
            with ledger.lock:
                follows = asked is None
                nonce = ledger.following_nonce(call.sender) if asked is None else asked
                if is_own:
                    return ledger.offer(signed(call, nonce, DEV_KEY), is_following=follows)
                return ledger.offer_unsigned(impersonated(call, nonce), is_following=follows)

        return offered

    @method("anvil_impersonateAccount")
    def _impersonate(self, address: Any) -> None:
        wanted = read_address(address, "address")
        if len(self._impersonated) >= _MOST_IMPERSONATED and wanted not in self._impersonated:
            raise Fault(LIMIT, f"at most {_MOST_IMPERSONATED} accounts are impersonated at once")
        self._impersonated[wanted] = None

    @method("anvil_stopImpersonatingAccount")
    def _stop_impersonating(self, address: Any) -> None:
        self._impersonated.pop(read_address(address, "address"), None)

    @method("anvil_autoImpersonateAccount")
    def _impersonate_all(self, enabled: Any) -> None:
        self._impersonates_all = read_flag(enabled, "enabled")
