// What the page says to the person: done, refused, and beside which field.

import { Problem } from "./api.js";
import { h, put } from "./dom.js";
import { t } from "./page.js";

let timer = 0;

/** A short word, a good one unless said otherwise; it goes away by itself. */
export function said(text, { good = true } = {}) {
  const place = document.getElementById("said");
  hush();
  place.toggleAttribute("data-plain", !good);
  put(place, text);
  timer = setTimeout(() => put(place), 6000);
}

/**
 * Something was refused: the sentence, beside its field where the form has one of that name, and the code for IT.
 * Anything that is no Problem is a fault of the page: it says so without a trace.
 */
export function failed(error, form = null) {
  hush();
  const place = document.getElementById("failed");
  if (!(error instanceof Problem)) {
    console.error(error);
    put(place, error instanceof TypeError ? t("frame.no_answer") : t("frame.page_fault"), dismiss());
    return;
  }
  put(place, h("span", {}, error.message), " ", h("small", { title: error.hint }, error.code), dismiss());
  const name = error.field?.split(".").pop();
  const field = form && name ? form.elements[name] : null;
  if (field?.focus) {
    const own = error.errors.find((one) => one.field.split(".").pop() === name);
    wrong(field, own?.problem ?? error.message);
  }
}

/** Something the person must know, though nothing was refused; it stays until the next word. */
export function warned(text) {
  hush();
  put(document.getElementById("failed"), h("span", {}, text), dismiss());
}

/** A sentence beside the field it is about, until somebody changes what stands there; the cursor goes there. */
export function wrong(field, sentence) {
  document.getElementById(`${field.id || field.name}-wrong`)?.remove(); // said before of what still stands there
  field.setAttribute("aria-invalid", "true");
  const words = h("small.wrong", { id: `${field.id || field.name}-wrong`, role: "alert" }, sentence);
  field.setAttribute("aria-describedby", words.id);
  field.after(words);
  field.addEventListener("input", () => {
    words.remove();
    right(field);
  }, { once: true });
  field.focus();
}

function right(field) {
  field.removeAttribute("aria-invalid");
  field.removeAttribute("aria-describedby");
}

function dismiss() {
  return h("button.quiet", { type: "button", onclick: hush, "aria-label": t("frame.dismiss") }, "×");
}

/** Take back what was said. */
export function hush() {
  clearTimeout(timer);
  put(document.getElementById("said"));
  put(document.getElementById("failed"));
  for (const words of document.querySelectorAll("small.wrong")) words.remove();
  document.querySelectorAll("[aria-invalid=true]").forEach(right);
}

/** Run one act of the person: a second press while it runs does nothing, what goes wrong is said. */
export function once(work) {
  let running = false;
  return async (...values) => {
    if (running) return undefined;
    running = true;
    document.body.dataset.busy = "";
    try {
      return await work(...values);
    } catch (error) {
      failed(error);
      return undefined;
    } finally {
      running = false;
      delete document.body.dataset.busy;
    }
  };
}
