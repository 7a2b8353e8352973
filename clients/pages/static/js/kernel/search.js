// Search as you type: a field with a list under it, chosen with the arrows and Enter (ARIA combobox).

import { h, put } from "./dom.js";
import { t } from "./page.js";

const QUIET = 60; // milliseconds without a keystroke before the standby is asked

let lists = 0;

/**
 * Make `input` search. `load(text, signal)` gives the items, `show(item)` an array of cells, `choose(item)` takes one.
 * `all`: also ask with nothing typed, when the field is entered; `first: false`: Enter then takes only what an arrow has
 * marked. `empty`: called with the text when Enter finds nothing.
 * Returns `{clear, close}`.
 */
export function searching(input, { load, show, choose, all = false, first = true, empty = null, minimum = 1 }) {
  lists += 1;
  const list = h("ul.found", { id: `found-${lists}`, role: "listbox", hidden: true, "aria-label": input.getAttribute("aria-label") ?? input.labels?.[0]?.textContent ?? "" });
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");
  input.autocomplete = "off";
  input.after(list);

  let items = [];
  let at = -1;
  let timer = 0;
  let asked = null; // the text the items belong to
  let request = null;
  let enterWaits = false; // Enter came before the answer: a scanner types faster than a network

  function open(found) {
    items = found;
    at = found.length && (first || asked !== "") ? 0 : -1;
    const rows = found.map((item, index) =>
      h("li", { id: `${list.id}-${index}`, role: "option", "aria-selected": String(index === at),
        onmousedown: (event) => { event.preventDefault(); take(index); } },
        show(item).map((cell) => (cell instanceof Node ? cell : h("span", {}, cell ?? "")))),
    );
    put(list, rows.length ? rows : h("li.none", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, t("frame.nothing_found")));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark();
  }

  function mark() {
    list.querySelectorAll("[role=option]").forEach((row, index) => row.setAttribute("aria-selected", String(index === at)));
    if (at >= 0) {
      input.setAttribute("aria-activedescendant", `${list.id}-${at}`);
      list.children[at].scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  }

  function close() {
    clearTimeout(timer);
    request?.abort();
    request = null;
    enterWaits = false;
    asked = null;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function take(index) {
    const item = items[index];
    close();
    if (item !== undefined) choose(item);
  }

  async function look() {
    clearTimeout(timer);
    const text = input.value.trim();
    request?.abort();
    if (text.length < minimum && !(all && text === "")) {
      close();
      return;
    }
    const mine = new AbortController();
    request = mine;
    try {
      const found = await load(text, mine.signal);
      if (request !== mine) return;
      request = null;
      asked = text;
      if (enterWaits) {
        enterWaits = false;
        open(found);
        enter();
      } else if (document.activeElement === input) open(found);
    } catch (error) {
      if (request === mine && error.name !== "AbortError") { // what became of an older question is of no interest
        request = null;
        put(list, h("li.none", { role: "option", "aria-selected": "false" }, error.message || t("frame.no_answer")));
        list.hidden = false;
      }
    }
  }

  function enter() {
    if (at >= 0) take(at);
    else if (empty) empty(input.value.trim());
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, QUIET);
  });
  input.addEventListener("focus", () => {
    if (all && input.value.trim() === "") look();
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // Enter that ends the input of Chinese characters is not ours
    const shown = !list.hidden;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && shown && items.length) {
      at = event.key === "ArrowDown" ? (at + 1) % items.length : (Math.max(at, 0) + items.length - 1) % items.length;
      mark();
      event.preventDefault();
    } else if (event.key === "Enter") {
      const text = input.value.trim();
      if (text === "" && !(shown && items.length)) return;
      event.preventDefault();
      if (event.repeat) return;
      if (asked === text && shown) enter();
      else {
        enterWaits = true;
        look();
      }
    } else if (event.key === "Escape" && shown) {
      event.preventDefault();
      close();
    }
  });

  return { close, clear() { input.value = ""; close(); } };
}
