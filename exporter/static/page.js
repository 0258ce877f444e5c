// Brings the page up to date in place, so that scroll, focus, selection and what is unfolded stay as they are.
"use strict";
const EVERY = 5000; // milliseconds; more where an answer takes long
const OLD = 3 * EVERY;
const LONGEST = 12 * EVERY; // whatever the clock does while the machine sleeps
const SOON = 500; // for a page that was not looked at for longer
const MOST_SAID = 4;
const CHOICE = "a choice of the reader";
const byId = (id) => document.getElementById(id);
const pause = byId("pause");
const find = byId("find");
let timer = 0;
let typing = 0;
let choices = location.search;
let running = false;
let wantsLogin = false; // a browser asks its user at each answer
let read = Date.now();
let title = document.title;
let known = { address: "", version: "", lines: [] }; // the page as it was sent, line by line
let asking = new AbortController();

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

// The state of each row and group, as a listener would have it said.
function states(root) {
  const found = new Map();
  for (const one of root.querySelectorAll("tr[id], details.group, #summary")) {
    if (one.id === "summary") {
      found.set(one.id, { one, what: "", state: one.querySelector("h2").textContent.trim() });
      continue;
    }
    const name = one.querySelector("th, h4").firstChild?.textContent.trim() ?? "";
    const group = one.nodeName === "TR" ? one.closest("details.group")?.querySelector("h4").textContent.trim() : "";
    const state = one.querySelector(".badge").lastChild.textContent.trim().replace(/ \d+\/\d+$/, ""); // UP of UP 2/3
    found.set(one.id, { one, what: group ? `${group} ${name}` : name, state });
  }
  return found;
}

function tell(before, after) {
  const said = [];
  for (const [id, { one, what, state }] of after) {
    if (before.has(id) && before.get(id).state !== state) {
      if (one.id !== "summary") one.classList.add("changed");
      said.push(what ? `${what}: ${state}` : state);
    }
  }
  const more = said.length > MOST_SAID ? `, and ${said.length - MOST_SAID} more changes` : "";
  if (said.length) byId("said").textContent = said.slice(0, MOST_SAID).join(", ") + more;
}

// The addresses of script and style: another version has others.
function files(page) {
  return [...page.querySelectorAll("head [src], head [rel=stylesheet]")].map((it) => it.getAttribute("src") ?? it.getAttribute("href"));
}

function show(fresh) {
  if (files(fresh).join() !== files(document).join()) {
    location.reload();
    return;
  }
  const chosen = getSelection();
  const focused = document.activeElement;
  const { anchorNode, anchorOffset, focusNode, focusOffset, isCollapsed } = chosen;
  const node = byId("node");
  const before = states(node);
  title = fresh.title;
  morph(node, fresh.getElementById("node"));
  morph(byId("sections"), fresh.getElementById("sections"));
  byId("read").replaceChildren(...fresh.getElementById("read").childNodes);
  const [who, answers] = [document, fresh].map((it) => it.querySelector(".who"));
  if (who.isEqualNode(answers)) tell(before, states(node));
  else byId("said").textContent = `${answers.querySelector("h1").textContent} answers here now`; // by an address that moved
  morph(who, answers);
  if (focused.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true }); // was moved
  if (!isCollapsed && anchorNode.isConnected && focusNode.isConnected) {
    const within = (one, offset) => Math.min(offset, one.nodeValue?.length ?? one.childNodes.length);
    chosen.setBaseAndExtent(anchorNode, within(anchorNode, anchorOffset), focusNode, within(focusNode, focusOffset));
  }
}

function ago(seconds) {
  return seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

// Says that what is below is old. A listener hears it once: the age, which grows, is only seen.
function age(why) {
  const seconds = Math.max(0, Math.round((Date.now() - read) / 1000)); // a clock may be set back
  const [text, grows] = byId("stale").children;
  const said = `${why} What is below was r${byId("read").textContent.slice(1)}`;
  if (why && text.textContent !== said) text.textContent = said;
  grows.textContent = `, ${ago(seconds)} ago`;
  byId("stale").hidden = !why;
  document.title = why ? `? not current: ${title}` : isPaused() ? `‖ paused: ${title}` : title;
  document.documentElement.classList.toggle("is-old", Boolean(why));
  document.documentElement.classList.toggle("is-live", !why && !isPaused());
}

// The page by its address: only what has changed since the version that is here, where the server knows that one.
async function page() {
  // not by location.href, which may hold a name and a password
  const where = new URL(location.pathname + location.search, location.origin);
  wantsLogin = false;
  const address = where.href;
  if (known.address === address) where.searchParams.set("version", known.version);
  asking = new AbortController();
  setTimeout((it) => it.abort(), 4 * EVERY, asking);
  const answer = await fetch(where, { cache: "no-store", signal: asking.signal });
  wantsLogin = answer.status === 401;
  if (wantsLogin) throw "The exporter wants a user and a password: reload this page.";
  if (!answer.ok) throw `The exporter answers ${answer.status} ${answer.statusText}.`;
  const isWhole = answer.headers.get("Content-Type").startsWith("text/html");
  const lines = isWhole
    ? (await answer.text()).split("\n")
    : (await answer.json()).flatMap((part) => (Array.isArray(part) ? known.lines.slice(part[0], part[0] + part[1]) : part));
  const fresh = new DOMParser().parseFromString(lines.join("\n"), "text/html");
  if (lines.at(-1) !== "</html>" || !fresh.getElementById("read")) {
    throw "The answer is not the whole page of a node: reload to see what it is.";
  }
  known = { address, version: answer.headers.get("Page-Version"), lines };
  return fresh;
}

async function refresh(isChoice) {
  if (running || document.hidden || (isPaused() && isChoice !== CHOICE)) return;
  running = true;
  clearTimeout(timer);
  const begun = performance.now();
  const isLeft = Math.abs(Date.now() - read) > LONGEST + OLD; // such as by a machine that slept
  const late = setTimeout(() => age("The exporter has not answered yet."), isLeft ? SOON : OLD);
  let answered = 0;
  let why = "";
  try {
    const fresh = await page();
    answered = performance.now();
    show(fresh);
    read = Date.now();
  } catch (error) {
    why = error === CHOICE ? "" : typeof error === "string" ? error : "The exporter does not answer.";
  }
  clearTimeout(late);
  age(why);
  running = false;
  const done = performance.now();
  answered ||= done;
  // an answer may wait for a program that hangs; what takes long to show is work of this machine
  const pace = Math.max(EVERY, 2 * (answered - begun), 10 * (done - answered));
  if (!document.hidden && !wantsLogin) timer = setTimeout(refresh, Math.min(LONGEST, pace));
}

function isPaused() {
  return pause.getAttribute("aria-pressed") === "true";
}

pause.hidden = false;
pause.addEventListener("click", () => {
  pause.setAttribute("aria-pressed", String(!isPaused()));
  age("");
  clearTimeout(timer);
  refresh();
});
document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  refresh();
});
// Choices are words of the address. The server makes the page of them; nothing is chosen here.
async function choose(address, isTyped) {
  history[isTyped ? "replaceState" : "pushState"](null, "", address);
  choices = location.search;
  asking.abort(CHOICE);
  byId("node").ariaBusy = "true"; // seen where an answer takes long
  while (running) await new Promise(requestAnimationFrame);
  await refresh(CHOICE);
  byId("node").ariaBusy = null;
  byId("said").textContent = byId("finding")?.textContent ?? "";
}

function typed() {
  const where = new URL(location.pathname + location.search, location.origin);
  if (find.value.trim()) where.searchParams.set("find", find.value.trim());
  else where.searchParams.delete("find");
  choose(where, true);
}

find.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(typed, 150);
});
find.form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  typed();
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("#node a");
  const isChoice = link && /^(\?|\.\/$)/.test(link.getAttribute("href"));
  if (!isChoice || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  choose(link.href, false).then(() => (find.value = new URLSearchParams(location.search).get("find") ?? ""));
});
addEventListener("popstate", () => {
  if (location.search === choices) return; // a link to a row
  find.value = new URLSearchParams(location.search).get("find") ?? "";
  choose(location.href, true);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
  event.preventDefault();
  find.select();
});
remember(document);
age("");
timer = setTimeout(refresh, EVERY);
