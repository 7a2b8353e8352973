// The cashier's window: four tabs on one page, so that nothing is lost while the standby is silent.

import { by } from "../kernel/dom.js";
import { onMode, working } from "../kernel/frame.js";
import { inHand } from "../kernel/in_hand.js";
import { page, t } from "../kernel/page.js";
import { ReceiptPaper } from "../kernel/receipt_paper.js";
import { failed } from "../kernel/say.js";
import { Shift, showShift } from "../kernel/shift.js";
import { Book } from "./book.js";
import { Charging } from "./charge.js";
import { Refunding } from "./refund.js";
import { Today } from "./today.js";

const TABS = ["charge", "refund", "today", "drawer"];
const kept = `yj:${page.operator.code}:billing-tab`;

const paper = new ReceiptPaper(by("paper-here"));
const shift = new Shift({
  changed: (open) => {
    const place = by("shift-state");
    place.textContent = open ? t("billing.shift_since", { time: open.opened_at.slice(11, 16) }) : t("billing.shift_closed");
    place.className = open ? "tag good push" : "tag warn push";
    if (!by("drawer").hidden) showShift(by("shift"), shift);
  },
});
const refunding = new Refunding({ paper });
const today = new Today({ paper, refund: (charge) => { show("refund"); refunding.open(charge.id).catch(failed); } });
const charging = new Charging({ paper });
const parts = { charge: charging, refund: refunding, today, drawer: new Book({ shift }) };
inHand(() => charging.begun || refunding.begun);

function show(name) {
  for (const one of TABS) {
    by(one).hidden = one !== name;
    by(`tab-${one}`).setAttribute("aria-selected", String(one === name));
    by(`tab-${one}`).tabIndex = one === name ? 0 : -1;
  }
  sessionStorage.setItem(kept, name);
  parts[name].enter();
}

for (const [index, name] of TABS.entries()) {
  by(`tab-${name}`).addEventListener("click", () => show(name));
  by(`tab-${name}`).addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = TABS[(index + step + TABS.length) % TABS.length];
    show(next);
    by(`tab-${next}`).focus();
  });
}

// What is possible now, in words: the buttons that make documents wait for the emergency mode.
let before = null;
onMode((mode) => {
  const place = by("possible");
  const words = { normal: t("billing.mode_normal"), returning: t("billing.mode_returning") }[mode.mode] ?? (mode.scope ? t("billing.mode_scope", { departments: mode.scope_names.join(t("frame.comma")) }) : "");
  place.textContent = words;
  place.hidden = !words;
  for (const id of ["take", "paper-open", "wish"]) by(id).disabled = mode.mode === "normal";
  const now = `${mode.mode} ${mode.epoch}`;
  if (before !== null && before !== now) begin();
  before = now;
});

async function begin() {
  try {
    await Promise.all([paper.load(), shift.load()]);
    if (working() && !document.querySelector("dialog[open]")) await shift.offer();
  } catch (error) {
    failed(error);
  }
}

show(TABS.includes(sessionStorage.getItem(kept)) ? sessionStorage.getItem(kept) : "charge");
begin().then(() => { if (!document.querySelector("dialog[open]") && document.activeElement === document.body) parts[sessionStorage.getItem(kept)].enter(); });
