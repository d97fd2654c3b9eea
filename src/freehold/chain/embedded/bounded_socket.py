"""uvicorn's WebSocket, with an end to what it waits for and keeps.

It reads no more while the other side does not, so that no ping is answered into memory, and ends where nothing is
taken, or no message becomes whole, in the time that HTTP has for the same. What comes at once is parsed a slice at a
time, with others' turns between: thousands of empty frames fit into one read. Needs the `websockets` package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    import asyncio


_SLICE_BYTES = 1024
"""Parsed in one step of the loop: some 170 empty frames, which take about a millisecond. An answer to somebody else takes
several steps, so four times as much made others wait many times as long; large messages are parsed as fast."""


class BoundedSocket(WebSocketsSansIOProtocol):
    """One WebSocket, from its handshake on; the server says how long it waits."""

    _message_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _next_slice: asyncio.Handle | None = None
    _unparsed = b""

    def patience(self) -> tuple[float, float]:
        """Seconds for a message to become whole, and for the other side to take something."""
        raise NotImplementedError

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        for timer in (self._message_timer, self._write_timer, self._next_slice):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    # -- what comes

    def data_received(self, data: bytes) -> None:
        """Parse, or keep what waits for its turn; no more is read meanwhile."""
        self._unparsed += data
        if self._next_slice is None:
            self._parse()
        else:
            self._read_on()

    def _parse(self) -> None:
        """Parse a slice; the clock runs while a message is incomplete."""
        self._next_slice = None
        data, self._unparsed = self._unparsed[:_SLICE_BYTES], self._unparsed[_SLICE_BYTES:]
        super().data_received(data)
        if self._unparsed and not self.transport.is_closing():
            self._next_slice = self.loop.call_soon(self._parse)
        self._read_on()
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
        self._read_on()
        return message

    def _read_on(self) -> None:
        """Read, unless something is to be waited for first."""
        if self.transport.is_closing():
            return
        if self._unparsed or self.read_paused or not self.writable.is_set():
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _await_message(self) -> None:
        self._message_timer = self.loop.call_later(self.patience()[0], self._give_up)

    def _stop_waiting(self) -> None:
        if self._message_timer is not None:
            self._message_timer.cancel()
            self._message_timer = None

    def _give_up(self) -> None:
        if self._unparsed or self.read_paused or not self.writable.is_set():
            # it is not read on at present, so it is not late
            self._await_message()
        else:
            self.transport.abort()

    # -- what goes

    def pause_writing(self) -> None:
        """The other side does not read."""
        super().pause_writing()
        self._read_on()
        if self._write_timer is None:
            self._await_progress()

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        self._read_on()

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
