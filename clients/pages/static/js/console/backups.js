// Backups on the console: one now, one opened again, a restore rehearsed with the key from paper. The worker does it; the
// page waits for it and says what came of it.

import { act as send } from "../kernel/api.js";
import { question } from "../kernel/dialog.js";
import { h } from "../kernel/dom.js";
import { t } from "../kernel/page.js";
import { said } from "../kernel/say.js";
import { ulid } from "../kernel/ulid.js";
import { ACTS, asked, jobOver } from "./acts.js";

const act = (where, body, key) => send(where, body, key, { anyMode: true });

async function over(job, words) {
  said(t("console.said_asked"));
  const done = await jobOver(job);
  if (done.state === "done") said(words(done.result));
  else await question({ title: t("backups.failed"), body: h("p.note.bad", {}, done.error), buttons: [{ value: null, label: t("frame.ok"), main: true }] });
}

const WORDS = { backup_second_under_way: "backups.said_made_under_way" };
const made = (result) => t(result.second === false ? WORDS[result.code] ?? "backups.said_made_one" : "backups.said_made", { name: result.name });
const opened = (result) => t("backups.said_opened", { name: result.name, seconds: result.seconds, rows: result.rows });

ACTS.backup = async () => over(await act("/backups", {}, ulid()), made);
ACTS.open_again = async ({ name }) => over(await act("/backups/verify", name ? { name } : {}, ulid()), opened);
ACTS.rehearse_restore = async () => {
  const job = await asked({
    title: t("backups.rehearse"), body: t("backups.rehearse_means"), word: t("backups.rehearse"),
    fields: [
      { name: "typed_key", label: t("backups.typed_key"), required: true, maxlength: 400, hint: t("backups.typed_key_hint") },
      { name: "place", label: t("backups.from_place"), options: ["second", "first"].map((value) => ({ value, label: t(`backups.place_${value}`) })) },
      { name: "note", label: t("backups.who_brought"), required: true, maxlength: 500 },
    ],
    send: (given, key) => act("/backups/rehearse", { typed_key: given.typed_key, place: given.place, note: given.note }, key),
  });
  if (job) await over(job, opened);
};
