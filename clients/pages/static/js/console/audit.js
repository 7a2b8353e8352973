// The audit log on the console: the worker walks the chain and holds it against a head from paper; the page says what it found.

import { act as send } from "../kernel/api.js";
import { question } from "../kernel/dialog.js";
import { h } from "../kernel/dom.js";
import { t } from "../kernel/page.js";
import { said } from "../kernel/say.js";
import { ACTS, asked, jobOver } from "./acts.js";

const act = (where, body, key) => send(where, body, key, { anyMode: true });
const ok = [{ value: null, label: t("frame.ok"), main: true }];

ACTS.prove = async () => {
  const job = await asked({
    title: t("log.prove"), body: t("log.prove_means"), word: t("log.prove"),
    fields: [{ name: "head", label: t("log.printed"), maxlength: 96, hint: t("log.printed_hint") }],
    send: (given, key) => act("/audit/verify", { heads: given.head ? [given.head] : [] }, key),
  });
  if (!job) return;
  said(t("console.said_asked"));
  const done = await jobOver(job);
  if (done.state !== "done") {
    await question({ title: t("log.prove"), body: h("p.note.bad", {}, done.error), buttons: ok });
    return;
  }
  const { rows, unbroken, breaks, head } = done.result;
  const found = unbroken ? h("p.note.good", {}, t("log.unbroken", { n: rows })) : h("div.note.bad", {}, t("log.broken"), h("ul", {}, breaks.slice(0, 20).map((one) => h("li", {}, one))));
  await question({ title: t("log.prove"), body: h("div.stack", {}, found, h("p", {}, `${t("log.head")} `, h("code", {}, `${head.sequence}:${head.hash}`))), buttons: ok });
};
