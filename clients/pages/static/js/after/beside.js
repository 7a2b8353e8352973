// What the console shows beside its tabs: the run-sheet's ticks, and the form for prices keyed in during an outage.

import { refreshAfter } from "../console/live.js";
import { by } from "../kernel/dom.js";
import { goTo } from "../kernel/keys.js";
import { buttonsReady, formReady, get } from "./do.js";

buttonsReady(refreshAfter);

// What the code means and costs now stands beside it, so that nobody changes the neighbour.
async function look() {
  const code = by("code").value.trim();
  by("code-is").textContent = "";
  if (!code || by("is-new").checked) return;
  const list = by("dataset").value === "drug" ? "/drugs" : "/fee-items";
  const key = by("dataset").value === "drug" ? "drug_code" : "item_code";
  const found = (await get(list, { q: code, limit: 20 })).items.find((one) => one[key] === code);
  if (found && by("code").value.trim() === code) by("code-is").textContent = [found.name, found.spec, found.unit, found.unit_price].filter(Boolean).join(" · ");
}

const form = document.getElementById("price-form");
if (form) {
  const show = () => { by("new-fields").hidden = !by("is-new").checked; };
  form.addEventListener("change", (event) => {
    show();
    if (["code", "dataset", "is-new"].includes(event.target.id)) look().catch(() => {});
  });
  formReady(form, refreshAfter);
  show();
  goTo(by("code"));
}
