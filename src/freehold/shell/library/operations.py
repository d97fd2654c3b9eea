"""Every operation as a method. Written by `python -m freehold.shell.generate`; change a feature's `wire.py`."""

# what is answered was read as the shape that its operation says
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from freehold.features.data import wire as data_wire
from freehold.features.earnings import wire as earnings_wire
from freehold.features.gateway import library as gateway_library
from freehold.features.gateway import wire as gateway_wire
from freehold.features.grants import library as grants_library
from freehold.features.grants import wire as grants_wire
from freehold.features.identity import wire as identity_wire
from freehold.features.models import wire as models_wire
from freehold.features.notifications import wire as notifications_wire
from freehold.features.payments import wire as payments_wire
from freehold.features.privacy import wire as privacy_wire
from freehold.features.proof import library as proof_library
from freehold.features.proof import wire as proof_wire
from freehold.features.training import library as training_library
from freehold.features.training import wire as training_wire
from freehold.kernel import wire as kernel_wire
from freehold.kernel.client import Identified, Performs
from freehold.kernel.shape import Rows

__all__ = ["Operations"]


class Operations(grants_library.Methods, gateway_library.Methods, proof_library.Methods, Performs):
    """What a node does for its owner; what is left out has the default of the request."""

    def status(self) -> kernel_wire.Status:
        """Show this node, its chain and its money."""
        return self._perform(kernel_wire.STATUS)

    def work(self) -> kernel_wire.Overview:
        """What the node does by itself, and its jobs: state, attempts, last error, next try."""
        return self._perform(kernel_wire.WORK)

    def log(self) -> kernel_wire.LogShown:
        """Show this node's transparency log.

        The checkpoint is signed; the chain vouches for the entries that are anchored.
        """
        return self._perform(kernel_wire.LOG)

    def anchor(self) -> kernel_wire.Anchored:
        """Put the fingerprint of this node's log on chain, so that what stands in it can be proven from now on."""
        return self._perform(kernel_wire.ANCHOR)

    def gas(self) -> dict[str, Any]:
        """Gas that this node has spent, by kind of act."""
        return self._perform(kernel_wire.GAS)

    def spending(self) -> kernel_wire.Spending:
        """What this node may spend, and what the last 24 hours took of it."""
        return self._perform(kernel_wire.SPENDING)

    def limit(
        self, *, per_day: str | float | None = None, per_act: str | float | None = None
    ) -> kernel_wire.Spending:
        """Set what this node may spend.

        A limit is in dollars and counts from now on, also in a node that runs; what is left out stays, 0 is no limit.
        """
        return self._perform(kernel_wire.LIMIT, **locals())

    def people(self) -> Rows[kernel_wire.PersonShown]:
        """List the people who have a log-in besides the owner."""
        return self._perform(kernel_wire.PEOPLE)

    def add_person(self, name: str, role: Literal["decider", "finance", "auditor"]) -> kernel_wire.CodeMade:
        """Invite somebody into the console, with a code shown once.

        With the code they choose a password, within 72 hours. The node signs with its own keys for all of them; who acted inside it, its trail says.
        """
        return self._perform(kernel_wire.ADD_PERSON, **locals())

    def change_role(
        self, name: str, role: Literal["decider", "finance", "auditor"]
    ) -> kernel_wire.PeopleShown:
        """Give somebody another role.

        Whoever is logged in under that name has to log in again.
        """
        return self._perform(kernel_wire.CHANGE_ROLE, **locals())

    def reset_person(self, name: str) -> kernel_wire.CodeMade:
        """Make a new code for somebody who lost the password.

        Their password and their sessions end at once.
        """
        return self._perform(kernel_wire.RESET_PERSON, **locals())

    def remove_person(self, name: str) -> kernel_wire.PeopleShown:
        """Take somebody's log-in away at once.

        What they did stays in the trail.
        """
        return self._perform(kernel_wire.REMOVE_PERSON, **locals())

    def meet(self, url: str) -> str:
        """Meet another node, and search its catalogue from now on."""
        return self._perform(identity_wire.MEET, **locals())

    def peers(self) -> Rows[identity_wire.PeerKnown]:
        """List the nodes whose catalogues are searched."""
        return self._perform(identity_wire.PEERS)

    def forget_peer(self, url: str) -> identity_wire.PeerForgotten:
        """Search another node's catalogue no more.

        What came of its offers stays. One that the settings name is taken out of config.toml.
        """
        return self._perform(identity_wire.FORGET, **locals())

    def privacy(
        self, asset: str | Identified | None = None, *, limit: int | None = None
    ) -> Rows[privacy_wire.BudgetLine]:
        """Show the privacy budget of your data and what was spent.

        Tables that share a row share their budget. What is left is the epsilon of the largest run that still fits:
        costs add up more slowly than their epsilons.
        """
        return self._perform(privacy_wire.BUDGETS, **locals())

    def inspect(
        self,
        path: str | Path,
        label: str,
        *,
        positive: str | None = None,
        subject: str | None = None,
        rows_each: int | None = None,
        left_out: Sequence[str] | None = None,
        read_as: Sequence[str] | None = None,
        bounds: Mapping[str, Sequence[float]] | None = None,
        epsilon: str | float | None = None,
        epsilon_life: str | float | None = None,
        supersedes: str | Identified | None = None,
    ) -> data_wire.TableShown:
        """What publishing a table would find, and what its epsilon means; nothing is changed."""
        return self._perform(data_wire.INSPECT, **locals())

    def publish(
        self,
        path: str | Path,
        label: str,
        *,
        price: str | float | None = None,
        max_uses: int | None = None,
        days: int | None = None,
        approval: Literal["automatic", "ask"] | None = None,
        positive: str | None = None,
        subject: str | None = None,
        rows_each: int | None = None,
        left_out: Sequence[str] | None = None,
        read_as: Sequence[str] | None = None,
        bounds: Mapping[str, Sequence[float]] | None = None,
        epsilon: str | float | None = None,
        epsilon_life: str | float | None = None,
        supersedes: str | Identified | None = None,
        name: str | None = None,
        description: str | None = None,
        purposes: Sequence[str] | None = None,
        reveals: Literal["noised", "update"] | None = None,
        holders: Sequence[str] | None = None,
        judges: Sequence[str] | None = None,
    ) -> data_wire.AssetRow:
        """Offer a table on your terms.

        It is sealed in this node's vault; what others see is a signed description. Training shows them noised sums over
        its distinct rows; epsilon bounds what those tell about any one row. Rows go to nobody but a judge that you name;
        from exact updates, if you offer them, they can be rebuilt. Terms that are left out
        are those of the version superseded, or your usual ones.
        """
        return self._perform(data_wire.PUBLISH, **locals())

    def search(
        self,
        text: str | None = None,
        *,
        kind: str | None = None,
        limit: int | None = None,
        before: str | Identified | None = None,
    ) -> Rows[data_wire.AssetRow]:
        """Find what peers offer."""
        return self._perform(data_wire.SEARCH, **locals())

    def assets(
        self, *, limit: int | None = None, before: str | Identified | None = None
    ) -> Rows[data_wire.OwnAsset]:
        """List your datasets and models, on offer or not."""
        return self._perform(data_wire.ASSETS, **locals())

    def withdraw(self, asset: str | Identified) -> data_wire.OfferState:
        """Take a dataset off offer.

        No new grants are issued on it. Those that exist stay until you revoke them.
        """
        return self._perform(data_wire.WITHDRAW, **locals())

    def offer(self, asset: str | Identified) -> data_wire.OfferState:
        """Offer a dataset again that was taken off offer."""
        return self._perform(data_wire.OFFER, **locals())

    def set_approval(
        self, asset: str | Identified, approval: Literal["automatic", "ask"]
    ) -> data_wire.OfferState:
        """Choose how grants on a dataset come about.

        automatic: whoever asks within its terms, and pays, gets one at once. ask: you decide each request.
        """
        return self._perform(data_wire.DECIDE, **locals())

    def usual_terms(self) -> data_wire.UsualTerms:
        """Show the terms with which new tables begin."""
        return self._perform(data_wire.USUAL)

    def set_usual_terms(
        self,
        *,
        price: str | float | None = None,
        max_uses: int | None = None,
        days: int | None = None,
        approval: Literal["automatic", "ask"] | None = None,
    ) -> data_wire.UsualTerms:
        """Set the terms with which new tables begin.

        What is left out stays. They count where `publish` says nothing else. Tables that are published already stay as they are.
        """
        return self._perform(data_wire.SET_USUAL, **locals())

    def grants(self, *, limit: int | None = None, before: str | Identified | None = None) -> Any:
        """List the grants that this node issued or holds."""
        return self._perform(grants_wire.LIST, **locals())

    def revoke(self, grant: str | Identified) -> grants_wire.Revocation:
        """Take a grant back.

        Denied here at once, said in the log, which is anchored with it, and shown to everybody by one bit on chain.
        What was trained before stays trained.
        """
        return self._perform(grants_wire.REVOKE, **locals())

    def requests(self) -> Any:
        """List requests that wait for an owner's word, both ways.

        Those made to you, where you decide each one by hand, and those you made to others.
        """
        return self._perform(grants_wire.REQUESTS)

    def accept(self, request: str | Identified) -> grants_wire.RequestRow:
        """Issue the grant that was asked for."""
        return self._perform(grants_wire.ACCEPT, **locals())

    def counter(
        self,
        request: str | Identified,
        *,
        price: str | float | None = None,
        max_uses: int | None = None,
        days: int | None = None,
        purposes: Sequence[str] | None = None,
        note: str | None = None,
    ) -> grants_wire.RequestRow:
        """Offer other terms for a request.

        They stay within the published terms, and the price does not go below the published one.
        """
        return self._perform(grants_wire.COUNTER, **locals())

    def refuse(self, request: str | Identified, reason: str) -> grants_wire.RequestRow:
        """Say no to a request, and why.

        The same account is not heard about the same asset for a day.
        """
        return self._perform(grants_wire.REFUSE, **locals())

    def take(
        self,
        request: str | Identified,
        *,
        offer: str | Identified | None = None,
        at_most: str | float | None = None,
    ) -> grants_wire.GrantRow:
        """Take up the other terms an owner offered, and pay."""
        return self._perform(grants_wire.TAKE, **locals())

    def drop(self, request: str | Identified) -> grants_wire.AskRow:
        """Forget a request you made; a training job that made it stops."""
        return self._perform(grants_wire.DROP, **locals())

    def channels(self) -> payments_wire.Channels:
        """List channels: those paid from, and those still to settle."""
        return self._perform(payments_wire.LIST)

    def close_channel(self, channel: str) -> payments_wire.Closing:
        """Take back what a channel still holds.

        The first call asks to close; the seller then has a day to settle what was paid. Call again after that
        to get the rest.
        """
        return self._perform(payments_wire.CLOSE, **locals())

    def retry_channel(self, channel: str) -> payments_wire.Retried:
        """Settle a channel once more that failed or was refused.

        A settlement that was mined and failed has cost its gas, so the node does not send another by itself.
        """
        return self._perform(payments_wire.RETRY, **locals())

    def settle(self) -> payments_wire.Settlement:
        """Bring what buyers paid to the chain."""
        return self._perform(payments_wire.SETTLE)

    def models(self) -> Rows[models_wire.ModelRow]:
        """List models."""
        return self._perform(models_wire.LIST)

    def model(self, model: str | Identified) -> models_wire.ModelShown:
        """Show one model: whose data made it, how good it is, what its pool holds."""
        return self._perform(models_wire.SHOW, **locals())

    def earnings(self) -> earnings_wire.Earnings:
        """Show what grants and models earned this node."""
        return self._perform(earnings_wire.EARNINGS)

    def claim(self, model: str | Identified | None = None) -> earnings_wire.Claims:
        """Move your share of revenue to your wallet."""
        return self._perform(earnings_wire.CLAIM, **locals())

    def serve(
        self,
        model: str | Identified,
        *,
        on: bool | None = None,
        calls_per_buyer: int | None = None,
        rows_per_buyer: int | None = None,
    ) -> gateway_wire.Served:
        """Sell answers of a model by the call.

        Exact answers give a simple model away: as many as it has columns, and one, solve for its weights. Train it
        with --round-to for rounded ones. A buyer with several accounts goes around the limits per buyer.
        """
        return self._perform(gateway_wire.SERVE, **locals())

    def quote(
        self,
        model: str | Identified,
        rows: int | None = None,
        *,
        at_most: str | float | None = None,
        deposit_calls: int | None = None,
    ) -> gateway_wire.CallQuote:
        """What a call of so many rows would cost and set aside now; nothing is signed."""
        return self._perform(gateway_wire.QUOTE, **locals())

    def plan(
        self,
        assets: str | Identified | Iterable[str | Identified],
        *,
        test: str | Path,
        name: str | None = None,
        price: str | float | None = None,
        per: Literal["call", "row"] | None = None,
        rows_per_call: int | None = None,
        round_to: int | None = None,
        at_most: str | float | None = None,
        shown: str | float | None = None,
        epsilon: str | float | None = None,
        exact: bool | None = None,
        rounds: int | None = None,
        quorum_bps: int | None = None,
        patience_seconds: int | None = None,
        weight_cap_bps: int | None = None,
        least_correct_bps: int | None = None,
        review: bool | None = None,
        compare: bool | None = None,
        positive: str | None = None,
        read_as: Sequence[str] | None = None,
        purpose: str | None = None,
        validator: str | None = None,
        judge: str | None = None,
    ) -> training_wire.Preview:
        """What `train` with the same arguments would come to; nobody is asked and nothing is paid."""
        return self._perform(training_wire.PLAN, **locals())

    def train(
        self,
        assets: str | Identified | Iterable[str | Identified],
        *,
        test: str | Path,
        name: str,
        price: str | float | None = None,
        per: Literal["call", "row"] | None = None,
        rows_per_call: int | None = None,
        round_to: int | None = None,
        at_most: str | float | None = None,
        shown: str | float | None = None,
        epsilon: str | float | None = None,
        exact: bool | None = None,
        rounds: int | None = None,
        quorum_bps: int | None = None,
        patience_seconds: int | None = None,
        weight_cap_bps: int | None = None,
        least_correct_bps: int | None = None,
        review: bool | None = None,
        compare: bool | None = None,
        positive: str | None = None,
        read_as: Sequence[str] | None = None,
        purpose: str | None = None,
        validator: str | None = None,
        judge: str | None = None,
    ) -> training_library.Training:
        """Train a model on datasets of others.

        Buys grants where needed, trains inside the owners' nodes under noise, measures what each contributed, lets
        the owners check it, and releases the model with shares and a revenue pool. Owners who decide by hand are
        asked first; the job names those who have not answered, and goes on by itself once they agree. A model that
        is no better than always giving the commoner label is held back, and one to `review` until it was seen.
        """
        return training_library.Training(self, self._perform(training_wire.TRAIN, **locals()))

    def jobs(self) -> Rows[training_wire.Job]:
        """List training jobs.

        Under the list stands who was away in which rounds and why, who has not agreed to the shares, and what
        was held back.
        """
        return self._perform(training_wire.JOBS)

    def progress(self, job: str | Identified) -> training_wire.Job:
        """Look at a training job."""
        return self._perform(training_wire.PROGRESS, **locals())

    def resume(
        self, job: str | Identified, *, at_most: str | float | None = None
    ) -> training_library.Training:
        """Go on with a training job, or look at one that runs or is done.

        Grants that are missing are bought. What it may cost is counted from the order on, and never more than was
        allowed then.
        """
        return training_library.Training(self, self._perform(training_wire.RESUME, **locals()))

    def release(self, job: str | Identified) -> training_library.Training:
        """Release a model that was held back as no better than its baseline."""
        return training_library.Training(self, self._perform(training_wire.RELEASE, **locals()))

    def hold_test(
        self,
        path: str | Path,
        *,
        label: str,
        builder: str,
        positive: str | None = None,
        read_as: Sequence[str] | None = None,
    ) -> training_wire.TestHeld:
        """Keep a test table for a builder who is not to see it yet.

        It is shown once the run that it measures is over. It is sealed in this node's vault. The builder orders with the commitment this prints and with your account.
        """
        return self._perform(training_wire.HOLD, **locals())

    def tests(self) -> Rows[training_wire.TestRow]:
        """List test tables kept here, and the run each was opened for."""
        return self._perform(training_wire.TESTS)

    def audit(self, model: str | Identified, *, owner: str | None = None) -> training_wire.Audited:
        """Have an owner open its table to you, and repeat its updates.

        The finding is a signed claim in your log. The table stays in memory and is not kept.
        """
        return self._perform(training_wire.AUDIT, **locals())

    def receipts(self, *, limit: int | None = None, before: str | Identified | None = None) -> Any:
        """List uses of data and models."""
        return self._perform(proof_wire.RECEIPTS, **locals())

    def receipt(self, receipt: str | Identified) -> kernel_wire.SignedReceipt:
        """Show one receipt in full, with its signatures."""
        return self._perform(proof_wire.RECEIPT, **locals())

    def lineage(self, asset: str | Identified) -> proof_wire.Lineage:
        """Show what something was made from."""
        return self._perform(proof_wire.LINEAGE, **locals())

    def evidence_files(self, receipt: str | Identified) -> proof_wire.EvidenceFiles:
        """Collect the files that prove one answer.

        Public files only, from its payment back to the commitments to the training data.
        """
        return self._perform(proof_wire.EVIDENCE, **locals())

    def notifications(self) -> notifications_wire.Notifications:
        """Show where notifications go and what of, without secrets."""
        return self._perform(notifications_wire.SHOW)

    def set_notifications(
        self,
        *,
        smtp_server: str | None = None,
        smtp_port: int | None = None,
        smtp_security: Literal["starttls", "tls", "none"] | None = None,
        smtp_user: str | None = None,
        smtp_password: str | None = None,
        sender: str | None = None,
        to: Sequence[str] | None = None,
        webhook_url: str | None = None,
        without: Sequence[str] | None = None,
        language: str | None = None,
        console_url: str | None = None,
        on: Sequence[Literal["email", "webhook"]] | None = None,
        off: Sequence[Literal["email", "webhook"]] | None = None,
    ) -> notifications_wire.NotificationsKept:
        """Set where notifications go and what of.

        What is left out stays. A webhook gets a new secret whenever its address is given, shown this once.
        """
        return self._perform(notifications_wire.SET, **locals())

    def send_test_notification(self, channel: Literal["email", "webhook"]) -> notifications_wire.Tested:
        """Send a test, and say what the server answered."""
        return self._perform(notifications_wire.TEST, **locals())
