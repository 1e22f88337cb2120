// The ops API, as docs/ops-api.md describes it.

const KEY = "thinline-ops-token";
const PATIENCE_MS = 15_000;

/** What the server answered in place of what was asked for. `signedOut`: the token does not count. */
export class Fault extends Error {
  constructor(text, status) {
    super(text);
    this.name = "Fault";
    this.signedOut = status === 401 || status === 403;
  }
}

export function keptToken() {
  return sessionStorage.getItem(KEY);
}

export function keepToken(token) {
  if (token === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
}

/** Whose token it is. Only the server can tell whether it counts. */
export function nameIn(token) {
  try {
    const base64 = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return String(JSON.parse(new TextDecoder().decode(bytes)).sub ?? "");
  } catch {
    return "";
  }
}

/** The answer's JSON, or null where it has no body. Rejects with a Fault. */
export async function ask(method, path, body = undefined) {
  const headers = { Authorization: `Bearer ${keptToken()}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method, headers, body: body && JSON.stringify(body), cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    throw new Fault("The server does not answer.", 0);
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({ text: `The server answered HTTP ${response.status}.` }));
  if (!response.ok) throw new Fault(sentence(answer.text), response.status);
  return answer;
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
