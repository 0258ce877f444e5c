// Makes a part of the page equal to a fresh one, by what differs: scroll, focus, selection and what is unfolded stay.
"use strict";
function sameKind(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && (old.id ?? "") === (fresh.id ?? "");
}

function attributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
  }
}

// What the server unfolds stays unfolded or not as the reader left it, until the server changes its mind.
function unfold(old, fresh) {
  const wish = fresh.hasAttribute("open");
  if (wish !== old.wish) old.open = wish;
  old.wish = wish;
}

function remember(root) {
  for (const one of root.querySelectorAll("details")) one.wish = one.open;
  if (root.nodeName === "DETAILS") root.wish = root.open;
}

function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.nodeName === "DETAILS") unfold(old, fresh);
  if (old.id && old.isEqualNode(fresh)) return;
  attributes(old, fresh);
  const wanted = new Set([...fresh.children].map((one) => one.id).filter(Boolean));
  const known = new Map([...old.children].filter((one) => one.id).map((one) => [one.id, one]));
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    while (at && at.id && !wanted.has(at.id)) at = drop(at);
    const match = next.id ? known.get(next.id) : at;
    known.delete(next.id); // a name that comes twice is two rows
    if (match && sameKind(match, next)) {
      if (match === at) at = at.nextSibling;
      else old.insertBefore(match, at);
      morph(match, next);
    } else {
      const own = old.insertBefore(document.importNode(next, true), at);
      if (own.nodeType === Node.ELEMENT_NODE) remember(own);
    }
  }
  while (at) at = drop(at);
}

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}
