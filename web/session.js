// One participation in a call, from join to leave: ties signalling, peer connection and audio together.

import { FRAME_SAMPLES, SAMPLE_RATE } from "./audio.js";
import { Backoff } from "./backoff.js";
import { Call } from "./call.js";
import { Problem, connectionFailed, isPassing, serverProblem } from "./errors.js";
import { LossWindow } from "./format.js";
import { Signalling, signallingUrl } from "./signalling.js";

const STALLED_REPORTS = 2; // the server's seconds without a frame of ours: the way of the sound is broken
const RENEW_PAUSE_MS = 3000; // a new way may take so long before it is given up in turn; then twice as long
const RENEW_PAUSE_MAX_MS = 12_000;
const SKIPPED_SHARE = 0.1; // a transport that skips more of our frames than this cannot keep up

/** Emits, through `emit(type, detail)`:
 *  joined {room, codec, session} · peer {participant or null, reason} · bitrate {kbps, frame, mine} ·
 *  denoise {on, frame, mine} · level {me} or {them} · numbers {...} · refused {code, text} ·
 *  reconnecting {} · back {room, resumed} · draining {seconds or null} · problem (a Problem; the session is over).
 *
 * A break is mended without being asked: a new socket and a new peer connection take the old seat by the resume token,
 * or a new one where the server has forgotten it. `transports` are the names of those to try, the best first. */
export class Session {
  #signalling = null;
  #call = null;
  #audio;
  #transports;
  #emit;
  #ended = false;
  #id = null;
  #wish; // what to join with
  #iceServers = [];
  #backoff = new Backoff();
  #retry = null; // the timer, while the connection is broken
  #heard = null; // the playback worklet's last report
  #frames = 0; // of ours that the server had, by its last report
  #stalled = 0; // reports since then that had no more
  #renewedAt = 0;
  #renewPauseMs = RENEW_PAUSE_MS;
  #socketRoundTripMs = null;
  #codec = null;
  #stats = null; // the server's last
  #breaks = 0; // that were mended, or are being mended
  #up = new LossWindow();
  #down = new LossWindow();

  constructor(audio, transports, emit) {
    this.#audio = audio;
    this.#transports = [...transports];
    this.#emit = emit;
  }

  /** `check`: alone, and hearing oneself (docs/signalling.md). */
  join({ room, name, bitrateKbps, denoise, token, check = false }) {
    this.#wish = { room, name, bitrate_kbps: bitrateKbps, denoise, token, resume: null, check };
    this.#audio.onLevel = (level) => this.#emit("level", { me: level });
    this.#audio.onReport = (report) => {
      this.#heard = report;
      this.#emit("level", { them: report.level });
    };
    window.addEventListener("online", this.#hurry);
    navigator.connection?.addEventListener("change", this.#hurry);
    this.#connect();
  }

  setBitrate(kbps) {
    this.#wish.bitrate_kbps = kbps;
    this.#signalling.send("set-bitrate", { bitrate_kbps: kbps });
  }

  setDenoise(on) {
    this.#wish.denoise = on;
    this.#signalling.send("set-denoise", { denoise: on });
  }

  /** What is known of the call at this moment, for those who look into a fault. */
  async facts() {
    return {
      session: this.#id,
      codec: this.#codec,
      stats: this.#stats,
      heard: this.#heard,
      breaks: this.#breaks,
      transport: this.#transports[0],
      counts: this.#call?.counts ?? null,
      connection: (await this.#call?.stats()) ?? null,
      socketRoundTripMs: this.#socketRoundTripMs,
    };
  }

  /** Ends it from this side, and releases the microphone. Nothing is emitted afterwards. */
  leave() {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#retry);
    window.removeEventListener("online", this.#hurry);
    navigator.connection?.removeEventListener("change", this.#hurry);
    this.#signalling?.close();
    this.#call?.close();
    this.#audio.close();
  }

  #fail(problem) {
    if (this.#ended) return;
    this.leave();
    this.#emit("problem", problem);
  }

  #connect() {
    this.#retry = null;
    const signalling = new Signalling(signallingUrl(), {
      onMessage: (message) => this.#handle(message).catch((error) => this.#fail(asProblem(error))),
      onEnd: (problem) => this.#broke(problem),
      onRoundTrip: (ms) => { this.#socketRoundTripMs = ms; },
    });
    this.#signalling = signalling;
    signalling.join(this.#wish).catch((error) => this.#broke(error));
  }

  /** The socket is gone. Before the first join that is the end; afterwards it is tried again for a while. */
  #broke(problem) {
    if (this.#ended || this.#retry !== null) return;
    const waitMs = this.#id !== null && isPassing(problem) ? this.#backoff.nextMs() : null;
    if (waitMs === null) {
      this.#fail(problem);
      return;
    }
    this.#signalling.drop();
    this.#call?.close();
    this.#call = null;
    this.#breaks += 1;
    this.#retry = setTimeout(() => this.#connect(), waitMs);
    this.#emit("reconnecting", {});
  }

  /** The network has changed: what is broken is tried again now, and whether the rest still works is asked. */
  #hurry = () => {
    if (this.#retry === null) {
      this.#signalling.probe();
      return;
    }
    clearTimeout(this.#retry);
    this.#connect();
  };

  async #handle(message) {
    if (this.#ended) return;
    switch (message.type) {
      case "joined": return this.#joined(message);
      case "answer": return this.#call?.answer(message.sdp);
      case "candidate": return this.#call?.candidate(message);
      case "peer-joined": return this.#emit("peer", { participant: message.participant });
      case "peer-left": return this.#emit("peer", { participant: null, reason: message.reason });
      case "bitrate": return this.#emit("bitrate",
        { kbps: message.bitrate_kbps, frame: message.frame, mine: [this.#id, "operator"].includes(message.session) });
      case "denoise": return this.#emit("denoise",
        { on: message.denoise, frame: message.frame, mine: message.session === this.#id });
      case "stats": return this.#numbers(message);
      case "draining": return this.#emit("draining", { seconds: message.seconds });
      case "error": return this.#refused(message);
      default: return undefined; // a newer server may say more
    }
  }

  async #joined({ room, codec, session, resume, resumed = false, ice_servers: iceServers }) {
    if (codec.sample_rate !== SAMPLE_RATE || codec.hop !== FRAME_SAMPLES) {
      throw new Problem("codec", { ours: FRAME_SAMPLES, theirs: codec.hop });
    }
    const first = this.#id === null;
    this.#id = session;
    this.#codec = codec;
    this.#wish.resume = resume;
    this.#iceServers = iceServers.map(withoutNulls);
    this.#backoff = new Backoff();
    if (!resumed) this.#startAnew();
    this.#emit(first ? "joined" : "back", { room, codec, session, resumed });
    const [other] = room.participants;
    if (other || !first) this.#emit("peer", { participant: other ?? null, there: true });
    await this.#offer();
  }

  /** Another session: its counters begin at nought, and so do the numbers of the frames that come. */
  #startAnew() {
    this.#frames = this.#stalled = 0;
    this.#up = new LossWindow();
    this.#audio.startAnew();
  }

  async #offer() {
    this.#renewedAt = performance.now();
    this.#stalled = 0;
    this.#call?.close();
    const call = new Call({
      iceServers: this.#iceServers,
      transport: this.#transports[0],
      audio: this.#audio,
      send: (type, fields) => this.#signalling.send(type, fields),
      onProblem: (problem) => this.#renew(problem),
    });
    this.#call = call;
    await call.offer();
  }

  /** The way of the sound is broken, or was never there: another one, by the next transport where this one failed. */
  #renew(problem) {
    if (this.#ended || this.#retry !== null) return;
    if (this.#frames === 0) {
      if (this.#transports.length === 1) {
        this.#fail(problem);
        return;
      }
      this.#transports.shift();
    }
    this.#offer().catch((error) => this.#fail(asProblem(error)));
  }

  /** Looks by the server's report whether our frames still reach it. Who never had a way is told by its connection. */
  #watch(frames) {
    const grown = frames > this.#frames;
    this.#frames = Math.max(frames, this.#frames);
    if (grown || !this.#audio.running || (frames === 0 && !this.#call.connected)) {
      this.#stalled = 0;
      if (grown) this.#renewPauseMs = RENEW_PAUSE_MS;
    } else {
      this.#stalled += 1;
    }
    if (performance.now() - this.#renewedAt < this.#renewPauseMs) return;
    const { sent, skipped } = this.#call.counts;
    if (skipped > SKIPPED_SHARE * (sent + skipped) && sent + skipped > 300 && this.#transports.length > 1) {
      this.#transports.shift();
      this.#renew(connectionFailed());
    } else if (this.#stalled >= STALLED_REPORTS) {
      this.#renewPauseMs = Math.min(RENEW_PAUSE_MAX_MS, 2 * this.#renewPauseMs);
      this.#renew(connectionFailed());
    }
  }

  #refused({ code, text }) {
    if (code === "sdp") throw serverProblem(code, text);
    this.#emit("refused", { code, text });
  }

  async #numbers(stats) {
    if (this.#call === null) return;
    this.#stats = stats;
    this.#watch(stats.uplink_frames);
    const mediaRoundTripMs = await this.#call.roundTripMs();
    if (this.#ended || this.#call === null) return;
    const skipped = this.#call.counts.skipped;
    const heard = this.#heard ?? { played: 0, missing: 0, late: 0, underruns: 0, skipped: 0, delayMs: null };
    this.#emit("numbers", {
      stats,
      heard,
      skipped,
      transport: this.#transports[0],
      mediaRoundTripMs,
      socketRoundTripMs: this.#socketRoundTripMs,
      lossUp: this.#up.add(stats.uplink_lost + stats.uplink_dropped, stats.uplink_frames + stats.uplink_lost),
      lossDown: this.#down.add(heard.missing, heard.missing + heard.played),
    });
  }
}

function asProblem(error) {
  return error instanceof Problem ? error : new Problem("connection", { words: error.message });
}

function withoutNulls(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== ""));
}
