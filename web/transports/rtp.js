// Transport `rtp`: frames as payloads of an RTP track. The browser sends a track of Opus that says nothing; a worker
// puts a frame of ours into each of its packets, and takes ours out of those that come, so that the browser's own
// encoder only gives the beat and its jitter buffer sees nothing. The sound never touches the page's thread.

export class RtpTransport {
  #worker;
  #audio;
  counts = { sent: 0, skipped: 0, received: 0, malformed: 0 };

  static supported(scope) {
    return "RTCRtpScriptTransform" in scope && "transform" in scope.RTCRtpSender.prototype;
  }

  constructor(connection, audio) {
    this.#audio = audio;
    this.#worker = new Worker(new URL("./rtp-worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => { this.counts = data; };
    const [captured, played] = [audio.captureTo(), audio.playFrom()];
    this.#worker.postMessage({ captured, played, frameBytes: audio.frameBytes }, [captured, played]);
    const { sender, receiver } = connection.addTransceiver(audio.beat(), { direction: "sendrecv" });
    sender.transform = new RTCRtpScriptTransform(this.#worker, { side: "send" });
    receiver.transform = new RTCRtpScriptTransform(this.#worker, { side: "receive" });
  }

  close() {
    this.#audio.captureTo(null);
    this.#worker.terminate();
  }
}
