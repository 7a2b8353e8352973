// The mode as it happens. The front door holds a stream of it; one page in sight holds one, for a browser has only six
// connections to a server, and nobody looks at a page that is out of sight: that one asks now and then.

import { page } from "./page.js";

const SOMETHING_EVERY = 40000; // the door says something every 15 s: longer silence is a stream that somebody holds back
const SOON = () => 1000 + Math.random() * 2000; // a door that was there is back in a moment; not all windows at once
const LATER = () => 10000 + Math.random() * 5000; // something on the way lets no stream through

/**
 * Follow the mode: `told(mode)` at once and at every change, `away()` while the door is there and the server is not,
 * `cut()` when the stream is lost or was paused; `waiting()` says whether nothing answers at all. Returns whether the
 * stream is there now.
 */
export function follow({ told, away, cut, waiting }) {
  let source = null;
  let there = false;
  let again = 0;
  let watch = 0;

  function close() {
    clearTimeout(again);
    clearTimeout(watch);
    source?.close();
    source = null;
    there = false;
  }

  function lost() {
    const soon = there || waiting();
    close();
    again = setTimeout(open, soon ? SOON() : LATER());
    cut();
  }

  function hear() {
    there = true;
    clearTimeout(watch);
    watch = setTimeout(lost, SOMETHING_EVERY);
  }

  function open() {
    if (source || document.hidden) return;
    source = new EventSource(`${page.api}/mode/events`);
    watch = setTimeout(lost, SOMETHING_EVERY);
    source.addEventListener("message", (event) => {
      hear();
      told(JSON.parse(event.data));
    });
    source.addEventListener("away", () => {
      hear();
      away();
    });
    source.addEventListener("error", lost);
  }

  document.addEventListener("visibilitychange", () => {
    close();
    if (document.hidden) return;
    open();
    cut();
  });
  open();
  return () => there;
}
