// What can go wrong, in words for the person in front of the page: what happened, and what to do about it. The words are
// in languages/: problem.CODE.title, .text and, where something can be done, .hint.

import { has, locale, message } from "./i18n.js";

/** A fault that is shown to the user. `fields` fill its text in; `said` is what the server said, in English; `texts` are
 * another code's words; `final` means that trying again will not help. */
export class Problem extends Error {
  #texts;
  #fields;

  constructor(code, fields = {}, { said = "", texts = code, final = false } = {}) {
    super(said || code);
    this.name = "Problem";
    this.code = code;
    this.said = said;
    this.final = final;
    this.#texts = texts;
    this.#fields = fields;
  }

  get title() {
    return message(`problem.${this.#texts}.title`);
  }

  get text() {
    return message(`problem.${this.#texts}.text`, this.#fields);
  }

  /** A message, or "" where nothing can be done. */
  get hint() {
    const key = `problem.${this.#texts}.hint`;
    return has(key) ? message(key) : "";
  }
}

const MICROPHONE = {
  NotAllowedError: "microphone-denied",
  SecurityError: "microphone-denied",
  NotFoundError: "microphone-missing",
  NotReadableError: "microphone-busy",
  AbortError: "microphone-busy",
  OverconstrainedError: "microphone-gone",
};

/** What the server may end a call with, and for which of it the server's own words say more than ours. */
const SERVER = new Set([
  "room-full", "node-full", "address-full", "draining", "unauthorized", "time-limit", "version", "bitrate", "media", "sdp",
  "operator", "shutdown",
]);
const TELLING = new Set(["unauthorized", "bitrate", "media", "sdp"]);

/** A fault of getUserMedia (DOMException) as a Problem. */
export function microphoneProblem(error) {
  return new Problem(MICROPHONE[error.name] ?? "microphone", { words: error.message });
}

/** An `error` or `bye` of the server as a Problem. */
export function serverProblem(code, said = "") {
  const known = SERVER.has(code);
  return new Problem(code, {}, { texts: known ? code : "ended", said: known && !TELLING.has(code) ? "" : said });
}

/** No fault yet: the call goes on for a while. */
export function serverDraining(seconds) {
  const left = seconds < 90 ? message("time.seconds", { count: Math.ceil(seconds) })
    : message("time.minutes", { count: Math.ceil(seconds / 60) });
  return new Problem("draining", { left }, { texts: "draining-soon" });
}

export function serverUnreachable() {
  return new Problem("server-unreachable");
}

export function serverGone() {
  return new Problem("server-gone");
}

export function connectionFailed() {
  return new Problem("connection-failed");
}

const PASSING = new Set([
  "server-unreachable", "server-gone", "media", "shutdown", "draining", "node-full", "room-full", "internal",
]);

/** Whether a fault in mid-call may pass by itself, as when the server restarts, or our own old seat is still taken. */
export function isPassing(problem) {
  return PASSING.has(problem.code);
}

/** What this browser lacks, or null when it has everything. */
export function missingSupport(scope = window) {
  if (!scope.isSecureContext || !scope.navigator.mediaDevices?.getUserMedia) {
    return new Problem("insecure", {}, { final: true });
  }
  const lacking = ["AudioWorkletNode", "RTCPeerConnection", "WebSocket"].filter((name) => !(name in scope));
  if (lacking.length === 0) return null;
  return new Problem("unsupported", { lacking: new Intl.ListFormat(locale()).format(lacking) }, { final: true });
}
