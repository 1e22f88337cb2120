"""A WHIP or WHEP client out of GStreamer's webrtcbin, for the system's Python: `gst_client.py whip|whep URL SECONDS`.

Says one JSON object at the end: the HTTP statuses, the ICE state and, for whep, the loudest level that it heard.
"""

import json
import sys
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402  # versions must be named first

TONE = (
    "audiotestsrc is-live=true wave=sine freq=300 volume=0.5 ! audioconvert ! audioresample ! opusenc ! "
    "rtpopuspay pt=96 ! application/x-rtp,media=audio,encoding-name=OPUS,payload=96,clock-rate=48000 ! web."
)
OPUS = "application/x-rtp,media=audio,encoding-name=OPUS,payload=96,clock-rate=48000"


def described(kind, sdp):
    """GStreamer's form of a description."""
    _, message = GstSdp.SDPMessage.new()
    GstSdp.sdp_message_parse_buffer(sdp, message)
    return GstWebRTC.WebRTCSessionDescription.new(kind, message)


class Client:
    def __init__(self, kind, url):
        Gst.init(None)
        self.kind, self.url, self.location, self.etag = kind, url, None, None
        self.result = {"post": None, "patch": None, "delete": None, "ice": None, "level_dbfs": None}
        self.loop = GLib.MainLoop()
        source = TONE if kind == "whip" else ""
        self.pipeline, self.bin = Gst.Pipeline(), Gst.parse_launch(f"( webrtcbin name=web bundle-policy=3 {source} )")
        self.pipeline.add(self.bin)
        self.web = self.bin.get_by_name("web")
        self.web.connect("on-negotiation-needed", self.negotiate)
        self.web.connect("notify::ice-gathering-state", self.gathered)
        self.web.connect("pad-added", self.listen)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::element", self.measured)

    def run(self, seconds):
        direction = GstWebRTC.WebRTCRTPTransceiverDirection
        if self.kind == "whep":
            self.web.emit("add-transceiver", direction.RECVONLY, Gst.Caps.from_string(OPUS))
        self.pipeline.set_state(Gst.State.PLAYING)
        if self.kind == "whip":
            self.web.emit("get-transceiver", 0).set_property("direction", direction.SENDONLY)
        GLib.timeout_add(int(1000 * seconds), self.loop.quit)
        self.loop.run()
        self.result["ice"] = self.web.get_property("ice-connection-state").value_nick
        if self.location:
            fragment = b"a=end-of-candidates\r\n"
            tag = {"If-Match": self.etag}
            self.result["patch"] = self.ask("PATCH", self.location, fragment, "application/trickle-ice-sdpfrag", **tag)
            self.result["delete"] = self.ask("DELETE", self.location)
        self.pipeline.set_state(Gst.State.NULL)
        print(json.dumps(self.result))

    def negotiate(self, web):
        def made(promise):
            reply = promise.get_reply()  # it owns the offer, and must outlive it
            text = reply.get_value("offer").sdp.as_text()
            offer = described(GstWebRTC.WebRTCSDPType.OFFER, text.encode())
            web.emit("set-local-description", offer, Gst.Promise.new())

        web.emit("create-offer", None, Gst.Promise.new_with_change_func(made))

    def gathered(self, web, _):
        if web.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.post)

    def post(self):
        offer = self.web.get_property("local-description").sdp.as_text()
        request = urllib.request.Request(
            self.url, offer.encode(), {"Content-Type": "application/sdp"}, method="POST"
        )
        with urllib.request.urlopen(request) as response:
            self.result["post"] = response.status
            self.location = urllib.request.urljoin(self.url, response.headers["Location"])
            self.etag = response.headers["ETag"]
            answer = response.read()
        answer = described(GstWebRTC.WebRTCSDPType.ANSWER, answer)
        self.web.emit("set-remote-description", answer, Gst.Promise.new())
        return False

    def ask(self, method, url, data=None, content_type=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type:
            headers["Content-Type"] = content_type
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as response:
            return response.status

    def listen(self, _, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        ear = Gst.parse_bin_from_description(
            "rtpopusdepay ! opusdec ! audioconvert ! level interval=100000000 ! fakesink", True
        )
        self.bin.add(ear)
        ear.sync_state_with_parent()
        pad.link(ear.get_static_pad("sink"))

    def measured(self, _, message):
        structure = message.get_structure()
        if structure.get_name() == "level":
            loudest = max(structure.get_value("rms"))
            before = self.result["level_dbfs"]
            self.result["level_dbfs"] = loudest if before is None else max(before, loudest)


if __name__ == "__main__":
    Client(sys.argv[1], sys.argv[2]).run(float(sys.argv[3]))
