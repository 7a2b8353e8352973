// The standby in quiet times: a test document, an alarm that somebody takes on.

import { act as send } from "../kernel/api.js";
import { t } from "../kernel/page.js";
import { said, warned } from "../kernel/say.js";
import { ulid } from "../kernel/ulid.js";
import { ACTS, asked } from "./acts.js";

ACTS.trial = async () => {
  const done = await send("/readiness/trial", {}, ulid(), { anyMode: true });
  if (done.ok) said(t("standby.tried", { ms: Math.round(done.seconds * 1000) }));
  else warned(t("standby.tried_failed", { code: done.code }));
};

ACTS.acknowledge = async ({ no, what }) => {
  const done = await asked({
    title: t("standby.acknowledge"), body: what, word: t("standby.acknowledge"),
    fields: [{ name: "note", label: t("standby.note"), required: true, maxlength: 500 }],
    send: (given, key) => send(`/alarms/${no}/acknowledge`, { note: given.note }, key, { anyMode: true }),
  });
  if (done) said(t("standby.taken"));
};
