// Elements without markup in strings: whatever people call themselves, it stays text.

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text. */
export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Writes only what has changed, so that nothing flickers and screen readers stay quiet. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
