// What is left to do in the HIS: lists that keep themselves up to date, a button in each row, parts by digit.

import { keepLive, refreshAfter } from "../console/live.js";
import { goTo } from "../kernel/keys.js";
import { buttonsReady } from "./do.js";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.repeat) return;
  const typing = event.target.closest("input, select, textarea, dialog");
  if (/^[1-9]$/.test(event.key) && (!typing || event.altKey) && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    document.querySelector(`[data-tab="${event.key}"]`)?.click();
  }
  // In a list the arrows go from row to row.
  const rows = Array.from(document.querySelectorAll("[data-do]"));
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || typing || !rows.length) return;
  event.preventDefault();
  const at = rows.indexOf(document.activeElement);
  goTo(rows[Math.min(rows.length - 1, Math.max(0, at + step))]);
});
document.querySelector("label[data-key=F1]")?.addEventListener("click", () => goTo(document.getElementById("find")));

buttonsReady(refreshAfter);
keepLive();
if (document.activeElement === document.body) document.querySelector("#find, [data-do], [data-tab]")?.focus();
