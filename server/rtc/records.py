"""DTLS records, opened where they come in, sealed and sent at once, of a connection that aiortc has set up.

It calls OpenSSL by pyOpenSSL's own bindings, with one buffer for all records: its public methods cost three times as
much. The names are inner ones, which constraints.txt pins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiortc import RTCDtlsTransport
from OpenSSL import SSL

from server.rtc.intake import Intake

FIRST_RECORD, LAST_RECORD = 20, 63  # first bytes that mean DTLS (RFC 7983)
BUFFER_BYTES = 1 << 14  # no record is longer
HEAD_BYTES = 13  # of a record: type, version, epoch, number, and in the last two its length

_ffi: Any = SSL.__dict__["_ffi"]
_lib: Any = SSL.__dict__["_lib"]


class Records:
    """The records of one connected DTLS transport. `on_packet` gets what was in each, on the event loop.

    Raises AttributeError where the libraries are not those that this was written for.
    """

    def __init__(self, dtls: RTCDtlsTransport, on_packet: Callable[[bytes], None]) -> None:
        connection: Any = dtls._ssl
        self._ssl, self._inbox, self._outbox = connection._ssl, connection._into_ssl, connection._from_ssl
        self._connection = connection  # owns these three
        self._buffer = _ffi.new("char[]", BUFFER_BYTES)
        self._view = _ffi.buffer(self._buffer)
        self._on_packet = on_packet
        self._intake = Intake(dtls, self._take)

    def send(self, packet: bytes) -> None:
        """Seals a packet and sends it. Does nothing where the connection has ended."""
        if _lib.SSL_write(self._ssl, packet, len(packet)) > 0:
            self._flush()
        else:
            _lib.ERR_clear_error()

    def close(self) -> None:
        self._intake.close()

    def _take(self, datagram: bytes) -> bool:
        """A datagram may hold several records. OpenSSL answers some itself, as a handshake message that is repeated.

        A record that is cut off must not get in: to OpenSSL, what comes in is one stream.
        """
        if not FIRST_RECORD <= datagram[0] <= LAST_RECORD:
            return False
        start, end = 0, len(datagram)
        while start + HEAD_BYTES <= end:
            size = HEAD_BYTES + int.from_bytes(datagram[start + HEAD_BYTES - 2 : start + HEAD_BYTES], "big")
            if start + size > end:
                break
            self._open(datagram if size == end else datagram[start : start + size])
            start += size
        self._flush()
        return True

    def _open(self, record: bytes) -> None:
        _lib.BIO_write(self._inbox, record, len(record))
        size = _lib.SSL_read(self._ssl, self._buffer, BUFFER_BYTES)
        if size > 0:
            self._on_packet(self._view[:size])
        else:
            self._look_at_refusal(size)

    def _look_at_refusal(self, result: int) -> None:
        """No packet came out: the other end said goodbye, or it was no record of this connection."""
        if _lib.SSL_get_error(self._ssl, result) == _lib.SSL_ERROR_ZERO_RETURN:
            self._intake.end()
        _lib.ERR_clear_error()

    def _flush(self) -> None:
        """Sends what OpenSSL has sealed."""
        while (size := _lib.BIO_read(self._outbox, self._buffer, BUFFER_BYTES)) > 0:
            self._intake.send(self._view[:size])
