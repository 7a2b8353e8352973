// Money in whole cents. Totals come from the server; this only previews change and checks what was keyed.

import { narrow } from "./digits.js";

/** "12.3" → 1230; null for what is not money with at most two decimals. */
export function cents(text) {
  const found = /^(-?)(\d{1,9})(?:\.(\d{1,2}))?$/.exec(narrow(text).trim());
  if (!found) return null;
  const value = Number(found[2]) * 100 + Number((found[3] ?? "").padEnd(2, "0"));
  return found[1] ? -value : value;
}

/** 1230 → "12.30". */
export function yuan(value) {
  const whole = Math.trunc(Math.abs(value) / 100);
  return `${value < 0 ? "-" : ""}${whole}.${String(Math.abs(value) % 100).padStart(2, "0")}`;
}

/** A unit price for the eye: "12.3400" → "12.34", "3.3350" → "3.335". */
export function price(text) {
  return String(text).replace(/(\.\d\d\d*?)0+$/, "$1");
}

/** What is given back, without its sign: "-12.00" → "12.00". */
export function unsigned(text) {
  return text.replace("-", "");
}
