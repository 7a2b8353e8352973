// The parts of the page that keep themselves up to date: the same page is asked for again, and what changed is put in
// its place at once. What did not change is not touched, so nothing flickers and nobody loses the cursor.

import { lockPage } from "../kernel/frame.js";

const EVERY = 2500;
const PICTURES = 12; // every so many looks the pictures are asked for too

let seen = new Map(); // data-live → the markup that stands there, as the standby sent it
let looks = 0;
let looking = null;

function remember(root) {
  for (const part of root.querySelectorAll("[data-live]")) seen.set(part.dataset.live, part.outerHTML);
}

function address(pictures) {
  const wanted = new URL(location.href);
  wanted.searchParams.set("live", pictures ? "all" : "figures");
  return wanted;
}

function place(element) {
  if (!element?.id) return null;
  return { id: element.id, start: element.selectionStart ?? null, value: element.value };
}

// A part that is replaced keeps where one had scrolled to and which list was open.
function swap(old, fresh) {
  const focused = old.contains(document.activeElement) ? place(document.activeElement) : null;
  const scrolled = Array.from(old.querySelectorAll(".scroll[id]"), (box) => [box.id, box.scrollTop]);
  old.replaceWith(fresh);
  for (const [id, top] of scrolled) {
    const box = document.getElementById(id);
    if (box) box.scrollTop = top;
  }
  if (focused) document.getElementById(focused.id)?.focus({ preventScroll: true });
}

function replace(answer) {
  const fresh = new Map(Array.from(answer.querySelectorAll("[data-live]"), (part) => [part.dataset.live, part]));
  const here = Array.from(document.querySelectorAll("#work [data-live]"));
  const gone = here.some((part) => !fresh.has(part.dataset.live) && !("slow" in part.dataset));
  const more = [...fresh.keys()].some((name) => !here.some((part) => part.dataset.live === name));
  if (gone || more) { // another screen altogether: the mode changed under it
    const work = document.getElementById("work");
    const held = Array.from(work.querySelectorAll("[data-live][data-slow]"));
    work.replaceChildren(...answer.querySelector("main").childNodes);
    for (const part of held) if (!document.querySelector(`[data-live="${part.dataset.live}"]`)) work.append(part);
    seen = new Map();
    remember(work);
    document.dispatchEvent(new CustomEvent("screen"));
    return;
  }
  for (const part of here) {
    const wanted = fresh.get(part.dataset.live);
    if (!wanted || seen.get(part.dataset.live) === wanted.outerHTML) continue;
    seen.set(part.dataset.live, wanted.outerHTML);
    swap(part, document.importNode(wanted, true));
  }
}

async function once(pictures) {
  const response = await fetch(address(pictures), { credentials: "same-origin", cache: "no-store" });
  if (response.redirected && new URL(response.url).pathname === "/login") {
    await lockPage();
    return;
  }
  if (!response.ok) return; // the frame says that the standby does not answer
  replace(new DOMParser().parseFromString(await response.text(), "text/html"));
}

/** Look now. What is on the way already is enough. */
export function refresh(pictures = false) {
  looking ??= once(pictures).catch(() => {}).finally(() => { looking = null; });
  return looking;
}

/** Look again after an act, even if a look is on the way: that one may have begun before it. */
export async function refreshAfter() {
  await looking;
  await refresh();
}

/** Begin: what stands here now is what the standby sent. */
export function keepLive() {
  remember(document.getElementById("work"));
  setInterval(() => {
    if (document.hidden || "locked" in document.body.dataset) return;
    looks += 1;
    refresh(looks % PICTURES === 0);
  }, EVERY);
}
