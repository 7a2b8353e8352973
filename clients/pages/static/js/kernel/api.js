// The one way to the standby. Reads may be given up; an act is sent with one key until the standby has answered it.

import { page } from "./page.js";

const SILENT = new Set([502, 503, 504]);
const LONGEST_WAIT = 8000;

/** What the standby refused, in the person's words. `field` names the first field concerned, if there is one. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? "");
    this.status = status;
    this.code = body.code ?? "unknown";
    this.hint = body.hint ?? "";
    this.params = body.params ?? {};
    this.errors = body.errors ?? [];
    this.field = this.errors[0]?.field ?? this.params.field ?? null;
  }
}

const listeners = { silent: [], heard: [], login: null, epoch: null };

/** Be told when the standby does not answer, and when it does again. */
export function onSilence(silent, heard) {
  listeners.silent.push(silent);
  listeners.heard.push(heard);
}

/** Who asks for the password when the session is gone, and who looks at the mode again when the epoch has moved. */
export function onNeed({ login, epoch }) {
  listeners.login = login ?? listeners.login;
  listeners.epoch = epoch ?? listeners.epoch;
}

function address(path, query) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== "") parameters.set(name, value);
  }
  const text = parameters.toString();
  return page.api + path + (text ? `?${text}` : "");
}

async function send(method, path, { query, body, key, signal } = {}) {
  const headers = { "Accept-Language": page.lang === "en" ? "en" : "zh-CN" };
  if (method === "POST") {
    headers["Content-Type"] = "application/json";
    headers["YJ-CSRF"] = page.csrf ?? "";
    headers["YJ-Epoch"] = String(page.epoch);
    if (key) headers["Idempotency-Key"] = key;
  }
  const response = await fetch(address(path, query), {
    method, headers, signal, credentials: "same-origin", cache: "no-store",
    body: method === "POST" ? JSON.stringify(body ?? {}) : undefined,
  });
  const epoch = Number(response.headers.get("YJ-Epoch"));
  if (epoch > page.epoch) listeners.epoch?.();
  let json = {};
  try {
    json = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error; // given up by the page while the answer was being read
    if (response.ok) throw new TypeError("the answer was cut off"); // as good as no answer: it is asked for again
  }
  return { response, json };
}

function tell(list, detail) {
  for (const listener of list) listener(detail);
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Read. Throws Problem; a standby that does not answer throws TypeError and is shown in the frame. */
export async function get(path, query, { signal } = {}) {
  for (;;) {
    const asked = page.csrf;
    let answer;
    try {
      answer = await send("GET", path, { query, signal });
    } catch (error) {
      if (error.name !== "AbortError") tell(listeners.silent, null);
      throw error;
    }
    if (answer.response.ok) {
      tell(listeners.heard);
      return answer.json;
    }
    const problem = new Problem(answer.response.status, answer.json);
    if (problem.code === "login_required" && listeners.login) {
      if (asked === page.csrf) await listeners.login(); // else it is about the session before
      continue;
    }
    if (SILENT.has(problem.status)) tell(listeners.silent, problem);
    throw problem;
  }
}

/**
 * Do one human act. The same key goes with every repetition, so the standby makes one document however often it is
 * sent; it is repeated until there is an answer. Throws Problem when the standby refused it. `anyMode`: an act that
 * makes no document goes on when the mode has changed meanwhile.
 */
export async function act(path, body, key, { anyMode = false } = {}) {
  let wait = 500;
  let epochs = 0;
  for (;;) {
    const asked = page.csrf;
    let answer = null;
    let problem = null;
    try {
      answer = await send("POST", path, { body, key });
      if (answer.response.ok) {
        tell(listeners.heard);
        return answer.json;
      }
      problem = new Problem(answer.response.status, answer.json);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // fetch says TypeError for every broken connection
    }
    if (problem?.code === "login_required" || problem?.code === "csrf_rejected") {
      if (asked === page.csrf) await listeners.login();
      continue;
    }
    if (problem?.code === "epoch_changed" && epochs < 2) {
      epochs += 1;
      await listeners.epoch?.();
      if (anyMode || page.mode.mode === "emergency") continue;
    }
    if (problem && !SILENT.has(problem.status)) throw problem;
    tell(listeners.silent, problem);
    await pause(wait + Math.random() * 250);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}

/** A question too long for an address: a POST that creates nothing and needs no key. */
export function ask(path, body) {
  return act(path, body, null);
}
