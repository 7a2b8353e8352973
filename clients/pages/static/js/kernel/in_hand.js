// What is in hand. A window with a form begun does not say yet that it knows of the return: the grace is for that form,
// and it ends once every window has said so. The tabs of one computer are one window to the standby, so each tells the
// others.

import { past } from "./clock.js";
import { page } from "./page.js";
import { ulid } from "./ulid.js";

const PLACE = "yj:in-hand:";
const FRESH = 90000; // milliseconds; a tab in the background looks about once a minute
const mine = PLACE + ulid();
const forms = [];

/** `begun()` says whether a form of this page would make a document and was begun. */
export function inHand(begun) {
  forms.push(begun);
}

/** Tell the other tabs of this computer how it stands here. */
export function note() {
  if (forms.some((begun) => begun())) localStorage.setItem(mine, String(Date.now()));
  else localStorage.removeItem(mine);
}

function anywhere() {
  note();
  const marks = Object.keys(localStorage).filter((place) => place.startsWith(PLACE));
  const fresh = marks.filter((place) => Date.now() - Number(localStorage.getItem(place)) < FRESH);
  for (const place of marks) if (!fresh.includes(place)) localStorage.removeItem(place); // its tab was killed
  return fresh.length > 0;
}

/** The epoch that this window may say it knows: the one before, while the grace runs and a form is in hand. */
export function acknowledged() {
  const { mode } = page;
  const held = mode.mode === "returning" && !past(mode.grace_until) && anywhere();
  return held ? mode.epoch - 1 : mode.epoch;
}

window.addEventListener("pagehide", () => localStorage.removeItem(mine));
