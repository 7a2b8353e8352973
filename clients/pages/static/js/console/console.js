// The console: tabs by digit, buttons that say what they do, parts that keep themselves up to date.

import { once } from "../kernel/say.js";
import { perform } from "./acts.js";
import { formsReady } from "./forms.js";
import { keepLive } from "./live.js";

const act = once(perform);

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button && !button.disabled) act(button);
});

// A digit goes to its tab while nobody is typing and nothing is asked; with Alt from inside a field too. With Shift it goes
// to a tab of the second row: what a digit types then depends on the keyboard, so the key itself is asked for.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.repeat) return;
  const tab = event.shiftKey
    ? document.querySelector(`[data-second-tab="${event.code.replace("Digit", "")}"]`)
    : /^[0-9]$/.test(event.key) && document.querySelector(`[data-tab="${event.key}"]`);
  if (!tab) return;
  const typing = event.target.closest("input:not([type=radio]):not([type=checkbox]), select, textarea, dialog");
  if (typing && !event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  event.preventDefault();
  tab.click();
});

// In a list of links the arrows go up and down.
document.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const list = event.target.closest(".picks, .steps, .decisions");
  if (!list) return;
  const stops = Array.from(list.querySelectorAll("a, button"));
  const next = stops[stops.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)];
  if (next) {
    event.preventDefault();
    next.focus();
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-go]")) event.target.form.submit();
});
document.addEventListener("screen", formsReady);

keepLive(); // before anything is changed on the page: it is compared with what the standby sends
formsReady();
if (document.activeElement === document.body) document.querySelector(".steps .go")?.focus();
