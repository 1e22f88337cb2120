// The peer connection to the server, and the transport that carries the frames over it.

import { connectionFailed } from "./errors.js";
import { TRANSPORTS } from "./transports/choose.js";

/** One peer connection. `send(type, fields)` reaches the server; `audio` gives and takes the sound. */
export class Call {
  #connection;
  #name;
  #transport;
  #offered = false;
  #early = []; // candidates that were found before the offer was sent

  constructor({ iceServers, transport, audio, send, onProblem }) {
    this.send = send;
    this.#name = transport;
    this.#connection = new RTCPeerConnection({ iceServers });
    this.#connection.onicecandidate = ({ candidate }) => this.#tell(candidate);
    this.#connection.onconnectionstatechange = () => {
      if (this.#connection.connectionState === "failed") onProblem(connectionFailed());
    };
    this.#transport = new TRANSPORTS[transport](this.#connection, audio);
  }

  /** Frames {sent, skipped, received, malformed} since the start. */
  get counts() {
    return this.#transport.counts;
  }

  get connected() {
    return this.#connection.connectionState === "connected";
  }

  async offer() {
    await this.#connection.setLocalDescription(await this.#connection.createOffer());
    this.send("offer", { sdp: this.#connection.localDescription.sdp, transport: this.#name });
    this.#offered = true;
    this.#early.forEach((candidate) => this.#tell(candidate));
  }

  async answer(sdp) {
    await this.#connection.setRemoteDescription({ type: "answer", sdp });
  }

  async candidate({ candidate, sdp_mid: sdpMid, sdp_mline_index: sdpMLineIndex }) {
    await this.#connection.addIceCandidate({ candidate, sdpMid, sdpMLineIndex });
  }

  /** What the browser knows of the connection: its state, and its reports. */
  async stats() {
    const { connectionState, iceConnectionState } = this.#connection;
    return { connectionState, iceConnectionState, reports: [...(await this.#connection.getStats()).values()] };
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
    this.#transport.close();
    this.#connection.onconnectionstatechange = null;
    this.#connection.close();
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
