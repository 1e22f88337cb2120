// Transport `channel`: frames as messages of a data channel that neither orders nor repeats.

const BACKLOG_BYTES = 2000; // more than this on its way out: frames wait here
const HELD_FRAMES = 4; // so many may wait, as after a hiccup of the page; beyond that the oldest is skipped

export class ChannelTransport {
  #channel;
  #audio;
  #sequence = 0;
  #held = [];
  counts = { sent: 0, skipped: 0, received: 0, malformed: 0 };

  static supported(scope) {
    return "RTCDataChannel" in scope;
  }

  constructor(connection, audio) {
    this.#audio = audio;
    this.#channel = connection.createDataChannel("pcm", { ordered: false, maxRetransmits: 0 });
    this.#channel.binaryType = "arraybuffer";
    this.#channel.bufferedAmountLowThreshold = BACKLOG_BYTES;
    this.#channel.onbufferedamountlow = () => this.#flush();
    this.#channel.onmessage = ({ data }) => this.#receive(data);
    audio.onFrame = (frame) => this.#send(frame);
  }

  close() {
    this.#audio.onFrame = () => {};
    this.#channel.onmessage = null;
    this.#channel.close();
  }

  /** Sends one frame, a buffer with room for the header, as soon as the line takes it. */
  #send(frame) {
    if (this.#channel.readyState !== "open") return;
    new DataView(frame).setUint32(0, this.#sequence, true);
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#held.push(frame);
    this.#flush();
    if (this.#held.length > HELD_FRAMES) {
      this.#held.shift();
      this.counts.skipped += 1;
    }
  }

  #flush() {
    const free = () => this.#channel.readyState === "open" && this.#channel.bufferedAmount <= BACKLOG_BYTES;
    while (this.#held.length > 0 && free()) {
      this.#channel.send(this.#held.shift());
      this.counts.sent += 1;
    }
  }

  #receive(data) {
    if (!(data instanceof ArrayBuffer) || data.byteLength !== this.#audio.frameBytes) {
      this.counts.malformed += 1;
      return;
    }
    this.counts.received += 1;
    this.#audio.play(data);
  }
}

