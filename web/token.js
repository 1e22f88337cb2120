// The token in the address of an invitation: `#token=...`. What stands behind the # is sent to no server by itself.

/** The token with what it says, or null. Only the server can tell whether it counts; here it fills in the form. */
export function readToken(hash = window.location.hash) {
  const text = new URLSearchParams(hash.slice(1)).get("token");
  if (!text) return null;
  const { room = "", sub: name = "" } = claims(text);
  return { text, room: String(room), name: String(name) };
}

function claims(text) {
  try {
    const base64 = text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    return {};
  }
}
