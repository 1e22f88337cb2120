"""What an offer asks for, looked at before aiortc sees it."""

from __future__ import annotations

from aiortc import RTCIceCandidate
from aiortc.sdp import SessionDescription

from server.protocol import TransportName
from server.rtc.transport import SdpError

MOST_CANDIDATES = 64  # each is an address that the server sends to, to see whether someone is there

_KIND: dict[TransportName, str] = {"channel": "application", "rtp": "audio", "opus": "audio"}
_DEFAULT: dict[str, TransportName] = {"application": "channel", "audio": "opus"}
_WORDS = {"application": "one data channel", "audio": "one sound track"}


def read_offer(sdp: str, wanted: TransportName | None) -> TransportName:
    """The transport of an offer that has one media section, the right one for it. Raises SdpError.

    Without a wish, a data channel means `channel` and a sound track `opus`.
    """
    try:
        media = SessionDescription.parse(sdp).media
    except Exception as error:  # aiortc's parser raises what it happens to stumble on
        raise SdpError(f"the offer is no SDP: {cause_of(error)}") from None
    kinds = [section.kind for section in media]
    transport = wanted or _DEFAULT.get(kinds[0] if kinds else "", "channel")
    if kinds != [_KIND[transport]]:
        found = ", ".join(kinds) or "nothing"
        raise SdpError(f"the offer must have {_WORDS[_KIND[transport]]} and nothing else; it has {found}")
    section = media[0]
    if section.dtls is None or not section.dtls.fingerprints:
        raise SdpError("the offer has no DTLS fingerprint")
    if section.ice is None or not section.ice.usernameFragment or not section.ice.password:
        raise SdpError("the offer has no ICE user name and password")
    if len(section.ice_candidates) > MOST_CANDIDATES:
        raise SdpError(f"the offer has more than {MOST_CANDIDATES} candidates")
    for candidate in section.ice_candidates:
        check_candidate(candidate)
    return transport


def check_candidate(candidate: RTCIceCandidate) -> None:
    """aioice sends to it from a task that nobody watches. Raises SdpError."""
    if not 1 <= candidate.port <= 65535:
        raise SdpError(f"a candidate's port is {candidate.port}, outside 1..65535")


def cause_of(error: Exception) -> str:
    """The first line of what an error says, or its kind."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
