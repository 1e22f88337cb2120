// One participation in a call, from join to leave: ties signalling, peer connection and audio together.

import { FRAME_SAMPLES, SAMPLE_RATE } from "./audio.js";
import { Call } from "./call.js";
import { Problem } from "./errors.js";
import { LossWindow } from "./format.js";
import { Signalling, signallingUrl } from "./signalling.js";

/** Emits, through `emit(type, detail)`:
 *  joined {room, codec, session} · peer {participant or null, reason} · bitrate {kbps, frame, mine} ·
 *  denoise {on, frame, mine} · level {me} or {them} · numbers {...} · refused {code, text} ·
 *  problem (a Problem; the session is over). */
export class Session {
  #signalling;
  #call = null;
  #audio;
  #transport; // its name
  #emit;
  #ended = false;
  #id = null;
  #heard = null; // the playback worklet's last report
  #socketRoundTripMs = null;
  #up = new LossWindow();
  #down = new LossWindow();

  constructor(audio, transport, emit) {
    this.#audio = audio;
    this.#transport = transport;
    this.#emit = emit;
  }

  join({ room, name, bitrateKbps, denoise, token }) {
    this.#signalling = new Signalling(signallingUrl(), {
      onMessage: (message) => this.#handle(message).catch((error) => this.#fail(asProblem(error))),
      onEnd: (problem) => this.#fail(problem),
      onRoundTrip: (ms) => { this.#socketRoundTripMs = ms; },
    });
    this.#audio.onLevel = (level) => this.#emit("level", { me: level });
    this.#audio.onReport = (report) => {
      this.#heard = report;
      this.#emit("level", { them: report.level });
    };
    this.#signalling.join({ room, name, bitrate_kbps: bitrateKbps, denoise, token })
      .catch((error) => this.#fail(error));
  }

  setBitrate(kbps) {
    this.#signalling.send("set-bitrate", { bitrate_kbps: kbps });
  }

  setDenoise(on) {
    this.#signalling.send("set-denoise", { denoise: on });
  }

  /** Ends it from this side, and releases the microphone. Nothing is emitted afterwards. */
  leave() {
    if (this.#ended) return;
    this.#ended = true;
    this.#signalling?.close();
    this.#call?.close();
    this.#audio.close();
  }

  #fail(problem) {
    if (this.#ended) return;
    this.leave();
    this.#emit("problem", problem);
  }

  async #handle(message) {
    if (this.#ended) return;
    switch (message.type) {
      case "joined": return this.#joined(message);
      case "answer": return this.#call.answer(message.sdp);
      case "candidate": return this.#call.candidate(message);
      case "peer-joined": return this.#emit("peer", { participant: message.participant });
      case "peer-left": return this.#emit("peer", { participant: null, reason: message.reason });
      case "bitrate": return this.#emit("bitrate",
        { kbps: message.bitrate_kbps, frame: message.frame, mine: message.session === this.#id });
      case "denoise": return this.#emit("denoise",
        { on: message.denoise, frame: message.frame, mine: message.session === this.#id });
      case "stats": return this.#numbers(message);
      case "error": return this.#refused(message);
      default: return undefined; // a newer server may say more
    }
  }

  async #joined({ room, codec, session, ice_servers: iceServers }) {
    if (codec.sample_rate !== SAMPLE_RATE || codec.hop !== FRAME_SAMPLES) {
      throw new Problem("codec", "This page does not fit the server",
        `It speaks frames of ${FRAME_SAMPLES} samples, the server of ${codec.hop}.`, "Reload the page.");
    }
    this.#id = session;
    this.#emit("joined", { room, codec, session });
    if (room.participants.length > 0) this.#emit("peer", { participant: room.participants[0], there: true });
    this.#call = new Call({
      iceServers: iceServers.map(withoutNulls),
      transport: this.#transport,
      audio: this.#audio,
      send: (type, fields) => this.#signalling.send(type, fields),
      onProblem: (problem) => this.#fail(problem),
    });
    await this.#call.offer();
  }

  #refused({ code, text }) {
    if (code === "sdp") {
      throw new Problem(code, "The server could not set up the sound", text, "Try again, or try another browser.");
    }
    this.#emit("refused", { code, text });
  }

  async #numbers(stats) {
    const mediaRoundTripMs = await this.#call.roundTripMs();
    if (this.#ended) return;
    const skipped = this.#call.counts.skipped;
    const heard = this.#heard ?? { played: 0, missing: 0, late: 0, underruns: 0, skipped: 0, delayMs: null };
    this.#emit("numbers", {
      stats,
      heard,
      skipped,
      transport: this.#transport,
      mediaRoundTripMs,
      socketRoundTripMs: this.#socketRoundTripMs,
      lossUp: this.#up.add(stats.uplink_lost + stats.uplink_dropped, stats.uplink_frames + stats.uplink_lost),
      lossDown: this.#down.add(heard.missing, heard.missing + heard.played),
    });
  }
}

function asProblem(error) {
  return error instanceof Problem ? error
    : new Problem("connection", "The sound could not be set up", error.message, "Try again, or try another browser.");
}

function withoutNulls(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== ""));
}
