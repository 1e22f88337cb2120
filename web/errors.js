// What can go wrong, in words for the person in front of the page: what happened, and what to do about it.

/** A fault that is shown to the user. `hint` says what to do; `final` means that trying again will not help. */
export class Problem extends Error {
  constructor(code, title, text, hint = "", { final = false } = {}) {
    super(text);
    this.name = "Problem";
    this.code = code;
    this.title = title;
    this.hint = hint;
    this.final = final;
  }
}

const MICROPHONE = {
  NotAllowedError: [
    "microphone-denied",
    "The microphone is not allowed",
    "The browser or you refused this page the microphone, and without it there is nothing to send.",
    "Allow the microphone in the browser's site settings (the icon beside the address), then try again.",
  ],
  NotFoundError: [
    "microphone-missing",
    "There is no microphone",
    "The browser finds no microphone on this device.",
    "Plug one in or switch it on, then try again.",
  ],
  NotReadableError: [
    "microphone-busy",
    "The microphone does not answer",
    "It is there, but the system would not open it. Often another program holds it.",
    "Close other programs that use the microphone, or choose another one below, then try again.",
  ],
  OverconstrainedError: [
    "microphone-gone",
    "That microphone is gone",
    "The microphone that was chosen is no longer there.",
    "Choose another one below, then try again.",
  ],
};
MICROPHONE.SecurityError = MICROPHONE.NotAllowedError;
MICROPHONE.AbortError = MICROPHONE.NotReadableError;

const SERVER = {
  "room-full": [
    "This room is full",
    "A call is for two, and two are already in this one.",
    "Choose another room, and tell the other person.",
  ],
  "node-full": ["The server is full", null, "Wait until another call has ended, then try again."],
  draining: ["The server is going down", null, "Try again in a few minutes."],
  unauthorized: ["You need another link", null, "Ask whoever invited you for a new one."],
  "time-limit": ["The time is up", "This call had a time limit, and has reached it.", ""],
  version: ["This page is out of date", null, "Reload the page to get the one that fits the server."],
  bitrate: ["No such bitrate", null, ""],
  media: ["The sound broke off", null, "Check the network, then join again."],
  sdp: ["The server could not set up the sound", null, "Try again. If it stays so, another browser may help."],
  operator: ["The call was ended", "Whoever runs this server ended your part in it.", ""],
  shutdown: ["The server is shutting down", "It ended the call, but will be back.", "Join again in a moment."],
};

/** A fault of getUserMedia (DOMException) as a Problem. */
export function microphoneProblem(error) {
  const known = MICROPHONE[error.name];
  if (known) return new Problem(...known);
  return new Problem("microphone", "The microphone could not be opened", error.message,
    "Choose another one, then try again.");
}

/** An `error` or `bye` of the server as a Problem. */
export function serverProblem(code, text) {
  const [title, ownText, hint] = SERVER[code] ?? ["The server ended the call", null, "Try again."];
  return new Problem(code, title, ownText ?? text, hint);
}

/** No fault yet: the call goes on for a while. */
export function serverDraining(seconds) {
  const left = seconds < 90 ? `${Math.ceil(seconds)} seconds` : `${Math.ceil(seconds / 60)} minutes`;
  return new Problem("draining", "The server is going down soon",
    `It ends this call in ${left} at the latest, and takes no new ones until it is back.`);
}

export function serverUnreachable() {
  return new Problem("server-unreachable", "The server does not answer",
    "The page could not reach the server that it came from.",
    "Check the network and that the server is running, then try again.");
}

export function serverGone() {
  return new Problem("server-gone", "The server is gone",
    "The connection to the server broke off in the middle of the call.",
    "Check the network, then join again. Your room is kept in the address of this page.");
}

export function connectionFailed() {
  return new Problem("connection-failed", "No way through for the sound",
    "Your browser and the server could not connect, or lost each other.",
    "A firewall may block UDP. Try another network, or ask whoever runs the server for a TURN relay.");
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
    return new Problem("insecure", "This page cannot use the microphone here",
      "Browsers give a microphone only to pages that come over HTTPS, or from localhost.",
      "Open the page by its https:// address, or on the server's own machine as http://localhost.", { final: true });
  }
  const lacking = ["AudioWorkletNode", "RTCPeerConnection", "WebSocket"].filter((name) => !(name in scope));
  if (lacking.length === 0) return null;
  return new Problem("unsupported", "This browser cannot make the call", `It lacks ${lacking.join(" and ")}.`,
    "Please use a current Chromium, Chrome, Edge, Firefox or Safari.", { final: true });
}
