// The mode as it happens, and that the queue before a door or the list of a pharmacy has moved. The front door holds a stream of it. A browser has only six
// connections to a server, whatever the number of its tabs: so of all pages in sight one holds the stream (who has the
// lock) and tells the others (by the channel). A page out of sight holds none; it hears what another one holds, or asks
// now and then.

import { page } from "./page.js";

const SOMETHING_EVERY = 40000; // the door says something every 15 s: longer silence is a stream that somebody holds back
const APART = () => Math.random() * 5000; // not all pages of a browser in the same moment
const SOON = () => 1000 + Math.random() * 2000; // a door that was there is back in a moment; not all windows at once
const LATER = () => 10000 + Math.random() * 5000; // something on the way lets no stream through
const shared = Boolean(navigator.locks && globalThis.BroadcastChannel); // by TLS or on the standby itself

/** Stand in line for `name`; `turn()` when it is ours, `over()` when it was taken away. Returns what leaves the line. */
function lineUp(name, { first, turn, over }) {
  const given = new AbortController();
  let left = false;
  let end = () => given.abort();
  const how = first ? { steal: true } : { signal: given.signal };
  const ours = () => new Promise((done) => {
    end = done;
    if (left) done();
    else turn();
  });
  navigator.locks.request(name, how, ours).catch(() => {}).finally(() => { if (!left) over(); });
  return () => {
    left = true;
    end();
  };
}

/**
 * Follow the mode: `told(mode)` at once and at every change, `away()` while the door is there and the server is not,
 * `cut()` when the stream is lost or was paused; `waiting()` says whether nothing answers at all; `moved()` when that
 * did which `before` names: `hall=NK`, `pharmacy=XYF`. Returns `there()`, whether the stream is there now, and `before`,
 * which names another.
 */
export function follow({ told, away, cut, waiting, moved = () => {} }, concern = "") {
  let source = null;
  let there = false;
  let again = 0;
  let watch = 0;
  let leave = null;
  let channel = null;
  let last = null; // what a page is told that comes to those who hear this one
  let newest = 0; // the turn at the stream that is heard: who stood still in one before it wakes and says what is old
  let mine = 0; // the last one of this page

  // --- what is heard, on the stream or of the page that holds it
  function hear(word) {
    there = !word.lost;
    clearTimeout(watch);
    if (word.lost) cut();
    else watch = setTimeout(nothing, SOMETHING_EVERY + APART());
    if (word.mode) told(word.mode);
    if (word.away) away();
    if (word.moved) moved();
  }

  function say(word) {
    if (mine < newest) return; // another page has the stream: this one is told so in a moment
    if (word.mode || word.away || word.lost) last = { ...word, moved: false };
    channel?.postMessage({ ...word, turn: mine });
    hear(word);
  }

  function hearOther(word) {
    if (word.turn < newest) return;
    newest = word.turn ?? newest;
    hear(word);
  }

  function nothing() {
    if (source) {
      lost();
      return;
    }
    there = false; // who holds the stream is not alive any more, or stands behind an open dialogue of its printer
    cut();
    stand(true);
  }

  // --- the stream
  function close() {
    clearTimeout(again);
    source?.close();
    source = null;
  }

  function lost() {
    const soon = there || waiting();
    close();
    again = setTimeout(open, soon ? SOON() : LATER());
    say({ lost: true });
  }

  function open() {
    if (source || document.hidden) return;
    source = new EventSource(`${page.api}/mode/events${concern ? `?${concern}` : ""}`);
    clearTimeout(watch);
    watch = setTimeout(nothing, SOMETHING_EVERY);
    let fresh = true; // what happened before it began was told to nobody here
    source.addEventListener("message", (event) => {
      say({ mode: JSON.parse(event.data), moved: fresh });
      fresh = false;
    });
    source.addEventListener("away", () => say({ away: true }));
    source.addEventListener("queue", () => say({ moved: true }));
    source.addEventListener("error", lost);
  }

  function lead() {
    mine = newest = Math.max(Date.now(), newest + 1); // after all others, even if the clock was set back
    open();
  }

  // --- the line for it
  function rest() {
    leave?.();
    leave = null;
    clearTimeout(watch);
    close();
    there = false;
    last = null;
  }

  function stand(first = false) {
    rest();
    if (document.hidden) return;
    if (!shared) {
      open();
      return;
    }
    leave = lineUp(name(), { first, turn: lead, over: () => stand() });
    watch = setTimeout(nothing, SOMETHING_EVERY + APART());
    channel.postMessage({ ask: true });
  }

  const name = () => `yj-stream ${concern}`;

  function join() {
    channel?.close();
    channel = shared ? new BroadcastChannel(name()) : null;
    channel?.addEventListener("message", ({ data }) => {
      if (!data.ask) hearOther(data);
      else if (source && last && mine >= newest) channel.postMessage({ ...last, turn: mine });
    });
    stand();
  }

  document.addEventListener("visibilitychange", () => {
    stand();
    if (!document.hidden) cut();
  });
  join();
  return {
    there: () => there,
    before(other) {
      if (other === concern) return;
      rest();
      newest = mine = 0; // another line, with turns of its own
      concern = other;
      join();
    },
  };
}
