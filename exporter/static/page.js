// Brings the page up to date in place. Without this script the browser reloads it instead.
"use strict";
const every = 5000;

async function refresh() {
  if (document.hidden) return;
  let fresh;
  try {
    const answer = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(4 * every) });
    fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("node");
  } catch {
    fresh = null;
  }
  document.getElementById("stale").hidden = fresh !== null;
  if (fresh !== null) {
    document.title = fresh.ownerDocument.title;
    const shown = document.getElementById("node").children;
    // section by section, and only what has changed: a selection or a scrolled table stays as it is
    [...fresh.children].forEach((part, index) => {
      if (!shown[index].isEqualNode(part)) shown[index].replaceWith(document.adoptNode(part));
    });
  }
}

async function loop() {
  await refresh();
  setTimeout(loop, every);
}

setTimeout(loop, every);
document.addEventListener("visibilitychange", refresh);
