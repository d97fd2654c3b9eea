"""uvicorn's WebSocket, with an end to what it waits for and keeps.

It reads no more while the other side does not, so that no ping is answered into memory, and ends where nothing is
taken, or no message becomes whole, in the time that HTTP has for the same. Needs the `websockets` package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    import asyncio


class BoundedSocket(WebSocketsSansIOProtocol):
    """One WebSocket, from its handshake on; the server says how long it waits."""

    _message_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def patience(self) -> tuple[float, float]:
        """Seconds for a message to become whole, and for the other side to take something."""
        raise NotImplementedError

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        for timer in (self._message_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    # -- what comes

    def data_received(self, data: bytes) -> None:
        """Parse; the clock runs while a message is incomplete."""
        super().data_received(data)
        is_partial = bool(self.frames or self.conn.reader.buffer)
        if is_partial and self._message_timer is None:
            self._await_message()
        elif not is_partial:
            self._stop_waiting()

    def send_receive_event_to_app(self) -> None:
        """A message is whole."""
        self._stop_waiting()
        super().send_receive_event_to_app()

    async def receive(self) -> Any:
        """The next message; no more is read while the other side does not read."""
        message = await super().receive()
        if not self.writable.is_set() and not self.transport.is_closing():
            self.transport.pause_reading()
        return message

    def _await_message(self) -> None:
        self._message_timer = self.loop.call_later(self.patience()[0], self._give_up)

    def _stop_waiting(self) -> None:
        if self._message_timer is not None:
            self._message_timer.cancel()
            self._message_timer = None

    def _give_up(self) -> None:
        if self.read_paused or not self.writable.is_set():
            # it is not read on at present, so it is not late
            self._await_message()
        else:
            self.transport.abort()

    # -- what goes

    def pause_writing(self) -> None:
        """The other side does not read."""
        super().pause_writing()
        if not self.transport.is_closing():
            self.transport.pause_reading()
        if self._write_timer is None:
            self._await_progress()

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def keepalive_timeout(self) -> None:
        """A ping was not answered; one that waits behind an answer that is being read is asked again later."""
        if self.writable.is_set():
            super().keepalive_timeout()
        else:
            self.pong_timer = self.pending_ping_payload = None
            self.schedule_ping()

    def _await_progress(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        self._write_timer = self.loop.call_later(self.patience()[1], self._require_progress, unsent)

    def _require_progress(self, before: int) -> None:
        if self.transport.get_write_buffer_size() < before:
            self._await_progress()
        else:
            self.transport.abort()
