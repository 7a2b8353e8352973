// A half-filled form outlives a reload, a restart of the standby and a lock of the page. It stays in this tab only:
// a registration desk's computer keeps no patient after the tab is closed.

import { page } from "./page.js";
import "./tab.js";
import { ulid } from "./ulid.js";

/** The state of one form and the key of the act it will become. */
export class Draft {
  /** `fresh` makes an empty state. */
  constructor(name, fresh = () => ({})) {
    this.place = `yj:${page.operator?.code ?? ""}:${name}`;
    this.fresh = fresh;
    const kept = this.#read();
    this.state = kept?.state ?? fresh();
    this.key = kept?.key ?? ulid();
    this.restored = Boolean(kept);
  }

  #read() {
    try {
      return JSON.parse(sessionStorage.getItem(this.place));
    } catch {
      return null;
    }
  }

  /** Keep what is there now. */
  save() {
    sessionStorage.setItem(this.place, JSON.stringify({ state: this.state, key: this.key }));
  }

  /** The act is done, or given up: an empty form with a new key. */
  renew() {
    sessionStorage.removeItem(this.place);
    this.state = this.fresh();
    this.key = ulid();
    this.restored = false;
  }

  /** Keep the named fields of a form in `state.fields`, and fill them from it now. */
  bind(form) {
    this.state.fields ??= {};
    this.fill(form);
    form.addEventListener("input", (event) => this.#keep(event.target));
    form.addEventListener("change", (event) => this.#keep(event.target));
  }

  /** Write the kept fields into the form. */
  fill(form) {
    for (const field of form.elements) {
      if (!field.name || field.type === "password") continue;
      const value = this.state.fields?.[field.name];
      if (field.type === "checkbox") field.checked = value ?? field.defaultChecked;
      else if (field.type === "radio") field.checked = value === undefined ? field.defaultChecked : field.value === value;
      else if (value !== undefined) field.value = value;
    }
  }

  #keep(field) {
    if (!field.name || field.type === "password") return;
    this.state.fields ??= {};
    this.state.fields[field.name] = field.type === "checkbox" ? field.checked : field.value;
    this.save();
  }
}
