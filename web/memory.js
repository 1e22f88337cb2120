// What the page remembers of its user's choices, on this device only.

const PREFIX = "thinline-";

/** The remembered text, or null: nothing was, or the browser keeps nothing for this page. */
export function recall(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** Null forgets it. */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // then it holds until the page is closed
  }
}
