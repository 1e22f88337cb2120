// The peer connection to the server and its data channel `pcm`, which carries the frames both ways.

import { connectionFailed } from "./errors.js";

export const HEADER_BYTES = 8;
const BACKLOG_BYTES = 2000; // more than this on its way out: frames wait here
const HELD_FRAMES = 4; // so many may wait, as after a hiccup of the page; beyond that the oldest is skipped

/** One peer connection. `send(type, fields)` reaches the server; `onFrame(buffer)` gets each frame that comes. */
export class Call {
  #connection;
  #channel;
  #frameBytes;
  #sequence = 0;
  #held = [];
  #offered = false;
  #early = []; // candidates that were found before the offer was sent
  counts = { sent: 0, skipped: 0, received: 0, malformed: 0 };

  constructor({ iceServers, frameSamples, send, onFrame, onProblem }) {
    this.#frameBytes = HEADER_BYTES + 2 * frameSamples;
    this.send = send;
    this.onFrame = onFrame;
    this.#connection = new RTCPeerConnection({ iceServers });
    this.#connection.onicecandidate = ({ candidate }) => this.#tell(candidate);
    this.#connection.onconnectionstatechange = () => {
      if (this.#connection.connectionState === "failed") onProblem(connectionFailed());
    };
    this.#channel = this.#connection.createDataChannel("pcm", { ordered: false, maxRetransmits: 0 });
    this.#channel.binaryType = "arraybuffer";
    this.#channel.bufferedAmountLowThreshold = BACKLOG_BYTES;
    this.#channel.onbufferedamountlow = () => this.#flush();
    this.#channel.onmessage = ({ data }) => this.#receive(data);
  }

  async offer() {
    await this.#connection.setLocalDescription(await this.#connection.createOffer());
    this.send("offer", { sdp: this.#connection.localDescription.sdp });
    this.#offered = true;
    this.#early.forEach((candidate) => this.#tell(candidate));
  }

  async answer(sdp) {
    await this.#connection.setRemoteDescription({ type: "answer", sdp });
  }

  async candidate({ candidate, sdp_mid: sdpMid, sdp_mline_index: sdpMLineIndex }) {
    await this.#connection.addIceCandidate({ candidate, sdpMid, sdpMLineIndex });
  }

  /** Sends one frame, a buffer with room for the header, as soon as the line takes it. */
  sendFrame(buffer) {
    if (this.#channel.readyState !== "open") return;
    new DataView(buffer).setUint32(0, this.#sequence, true);
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#held.push(buffer);
    this.#flush();
    if (this.#held.length > HELD_FRAMES) {
      this.#held.shift();
      this.counts.skipped += 1;
    }
  }

  /** Round trip of the media path in ms, or null while there is none. */
  async roundTripMs() {
    for (const report of (await this.#connection.getStats()).values()) {
      if (report.type === "candidate-pair" && report.nominated && report.currentRoundTripTime !== undefined) {
        return 1000 * report.currentRoundTripTime;
      }
    }
    return null;
  }

  close() {
    this.#channel.close();
    this.#connection.onconnectionstatechange = null;
    this.#connection.close();
  }

  #flush() {
    const free = () => this.#channel.readyState === "open" && this.#channel.bufferedAmount <= BACKLOG_BYTES;
    while (this.#held.length > 0 && free()) {
      this.#channel.send(this.#held.shift());
      this.counts.sent += 1;
    }
  }

  #receive(data) {
    if (!(data instanceof ArrayBuffer) || data.byteLength !== this.#frameBytes) {
      this.counts.malformed += 1;
      return;
    }
    this.counts.received += 1;
    this.onFrame(data);
  }

  #tell(candidate) {
    if (!this.#offered) {
      this.#early.push(candidate);
      return;
    }
    this.send("candidate", {
      candidate: candidate?.candidate ?? "",
      sdp_mid: candidate?.sdpMid ?? null,
      sdp_mline_index: candidate?.sdpMLineIndex ?? null,
    });
  }
}
