// The screen on the wall renews itself; when it can no longer do so it says that it may be old.

import { get } from "../kernel/api.js";
import { wallClock } from "../kernel/clock.js";
import { by, h, put } from "../kernel/dom.js";
import { page, t } from "../kernel/page.js";
import { renewed, unlikeBefore } from "../kernel/renewed.js";
import { follow } from "../kernel/stream.js";

const STALE_AFTER = 15000;
let heard = Date.now();
let shown = null;

const entry = (one) => h("li", {}, h("b", {}, one.number), " ", h("span", {}, one.name), " ", h("small", {}, one.doctor ?? ""));

function show(hall) {
  const text = JSON.stringify(hall);
  if (text === shown) return; // who reads a screen aloud is not made to begin again
  shown = text;
  document.body.toggleAttribute("data-drill", hall.drill);
  by("mark").textContent = t(hall.drill ? "triage.hall_drill" : hall.mode === "normal" ? "triage.hall_normal" : "triage.hall_yj");
  by("notice").textContent = hall.notice ?? "";
  by("notice").hidden = !hall.notice;
  put(by("called"), hall.called.map(entry));
  put(by("waiting"), hall.waiting.map(entry));
  by("more").textContent = hall.more ? t("triage.hall_more", { n: hall.more }) : "";
  by("absent").textContent = hall.absent.map((one) => `${one.number} ${one.name}`).join("  ");
}

async function look() {
  try {
    show(await get("/triage/display", { department_code: page.data.department_code }));
    heard = Date.now();
  } catch {
    // said below once it has lasted
  }
  by("stale").hidden = Date.now() - heard < STALE_AFTER;
}

setInterval(() => { by("clock").textContent = wallClock().slice(0, 5); }, 1000);

// Where a front door holds the stream, the screen is told when somebody moved; else, and while it is cut, it looks often.
function followQueue() {
  const changed = unlikeBefore(look);
  let well = false;
  const silent = () => { well = false; look(); };
  const stream = follow({
    told(mode) { well = true; changed(mode); },
    away: silent, cut: silent, waiting: () => !well, moved: look,
  }, `hall=${encodeURIComponent(page.data.department_code)}`);
  return () => well && stream.there();
}

renewed(look, page.stream ? followQueue() : () => false);
look();
document.body.dataset.ready = "";
