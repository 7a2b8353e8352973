// Printing: the paper's own page in a hidden frame. Nothing is printed before the standby has answered.

import { act } from "./api.js";
import { question } from "./dialog.js";
import { h } from "./dom.js";
import { page, t } from "./page.js";
import { ulid } from "./ulid.js";

/** Print the page at `path`; resolves when the browser has taken it. */
export function printed(path) {
  document.getElementById("paper")?.remove();
  return new Promise((resolve) => {
    const frame = h("iframe", { id: "paper", title: t("frame.paper"), "aria-hidden": "true", tabindex: "-1" });
    frame.addEventListener("load", () => {
      frame.contentWindow.focus();
      frame.contentWindow.print();
      window.focus();
      resolve();
    });
    frame.src = path + (path.includes("?") ? "&" : "?") + `lang=${page.lang}`;
    document.body.append(frame);
  });
}

/** "Did it come out?": true, or false for a reprint or a new number. */
export async function cameOut(what) {
  const answer = await question({
    title: t("frame.came_out", { what }),
    buttons: [{ value: "yes", label: t("frame.came_out_yes"), main: true }, { value: "no", label: t("frame.came_out_no"), key: "F8" }],
  });
  return answer === null || answer.button === "yes";
}

/**
 * Count a copy (POST `record` with `body`), print the page at `path`, ask whether it came out; again until it did. `what`
 * names the paper; without it the number does that the answer gives it.
 */
export async function printUntilOut({ what = null, path, record, body = {} }) {
  let copy;
  do {
    copy = await act(record, body, ulid(), { anyMode: true });
    await printed(path);
  } while (!(await cameOut(what ?? copy.document_id)));
}
