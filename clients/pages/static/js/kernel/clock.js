// The standby's clock in the hospital's zone, whatever this computer's is set to, and how a moment stands in a list.

import { page } from "./page.js";

const offset = Date.parse(page.now) - Date.now();
const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(page.now) ?? [null, "+", "00", "00"];
const zone = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -60000 : 60000);

const standbyNow = () => new Date(Date.now() + offset + zone).toISOString();

/** The standby's wall clock now as HH:MM:SS. */
export function wallClock() {
  return standbyNow().slice(11, 19);
}

/** The standby's day as YYYY-MM-DD: a page may stay open over midnight. */
export function today() {
  return standbyNow().slice(0, 10);
}

/** "2026-11-22T08:30:00+08:00" → "11-22 08:30"; nothing for nothing. */
export function dayAndTime(text) {
  return (text ?? "").slice(5, 16).replace("T", " ");
}

/** Whether a moment of the standby has passed; a moment that is not known has. */
export function past(text) {
  return !text || Date.parse(text) <= Date.now() + offset;
}
