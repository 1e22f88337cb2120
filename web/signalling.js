// The WebSocket to the server, as docs/signalling.md describes it.

import { serverGone, serverProblem, serverUnreachable } from "./errors.js";

export const VERSION = 1;
const SILENCE_MS = 4000; // the server speaks every second; this long without a word means that it is gone
const OPEN_MS = 5000; // the same before the join
const PROBE_MS = 1000; // the same after the network has changed
const PING_MS = 1000;
const BROKEN = 4000; // a close code of our own: not 1000, which would mean that we leave
const FATAL = new Set(["version", "room-full", "node-full", "media", "internal"]); // the server closes after these

/** One connection. `onMessage(message)` gets every message; `onEnd(problem)` is called once, when it has broken. */
export class Signalling {
  #socket;
  #heardAt = performance.now();
  #pings = new Map(); // id -> when it was sent
  #pingId = 0;
  #timer = null;
  #joined = false;
  #ended = false;

  constructor(url, { onMessage, onEnd, onRoundTrip }) {
    this.onMessage = onMessage;
    this.onEnd = onEnd;
    this.onRoundTrip = onRoundTrip;
    this.#socket = new WebSocket(url);
    this.opened = new Promise((resolve, reject) => {
      this.#socket.onopen = resolve;
      this.#socket.onerror = () => reject(serverUnreachable());
    });
    this.opened.catch(() => {}); // join() waits for it; until then a failure is nobody's
    this.#socket.onmessage = (event) => this.#receive(event.data);
    this.#socket.onclose = () => this.#broken();
    this.#timer = setInterval(() => this.#tick(), PING_MS);
  }

  /** Sends `join`. The answer comes as a `joined` message. */
  async join(fields) {
    await this.opened;
    this.send("join", { version: VERSION, ...fields });
  }

  send(type, fields = {}) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ type, ...fields }));
  }

  /** Says goodbye and closes; onEnd stays silent. */
  close() {
    this.send("bye");
    this.#stop();
    this.#socket.close();
  }

  /** The network may have changed: whether the server still hears us must show soon. */
  probe() {
    if (!this.#joined || this.#ended) return;
    const probedAt = performance.now();
    this.#ping();
    setTimeout(() => this.#heardAt < probedAt && this.#broken(), PROBE_MS);
  }

  /** Gives the socket up without a goodbye: the seat is wanted again. onEnd stays silent. */
  drop() {
    this.#stop();
    this.#socket.close(BROKEN);
  }

  #receive(text) {
    this.#heardAt = performance.now();
    const message = JSON.parse(text);
    if (message.type === "pong") this.#pong(message.id);
    else if (message.type === "error" && FATAL.has(message.code)) this.#end(serverProblem(message.code, message.text));
    else if (message.type === "error" && !this.#joined) this.#end(serverProblem(message.code, message.text));
    else if (message.type === "bye") this.#end(serverProblem(message.reason));
    else {
      this.#joined ||= message.type === "joined";
      if (!this.#ended) this.onMessage(message);
    }
  }

  #tick() {
    if (performance.now() - this.#heardAt > (this.#joined ? SILENCE_MS : OPEN_MS)) {
      this.#broken();
      return;
    }
    if (this.#joined) this.#ping();
  }

  #ping() {
    this.#pingId += 1;
    this.#pings.set(this.#pingId, performance.now());
    this.send("ping", { id: this.#pingId });
  }

  #pong(id) {
    if (this.#pings.has(id)) this.onRoundTrip(performance.now() - this.#pings.get(id));
    this.#pings.delete(id);
  }

  #broken() {
    this.#end(this.#joined ? serverGone() : serverUnreachable());
  }

  #end(problem) {
    if (this.#ended) return;
    this.#stop();
    this.onEnd(problem);
  }

  #stop() {
    this.#ended = true;
    clearInterval(this.#timer);
  }
}

/** The address of the signalling socket of the server that served this page. */
export function signallingUrl(location = window.location) {
  return new URL("/ws", location.href.replace(/^http/, "ws")).href;
}
