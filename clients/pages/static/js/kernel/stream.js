// The mode as it happens. The front door holds a stream of it; one page in sight holds one, for a browser has only six
// connections to a server, and nobody looks at a page that is out of sight: that one asks now and then.

import { page } from "./page.js";

const SOMETHING_EVERY = 40000; // the door says something every 15 s: longer silence is a stream that somebody holds back
const TRY_EVERY = 5000;

/**
 * Follow the mode: `told(mode)` at once and at every change, `away()` while the door is there and the server is not,
 * `cut()` when the stream is lost or was paused. Returns whether it is there now.
 */
export function follow({ told, away, cut }) {
  let source = null;
  let heardAt = 0;

  function close() {
    source?.close();
    source = null;
  }

  function open() {
    if (source || document.hidden) return;
    source = new EventSource(`${page.api}/mode/events`);
    heardAt = Date.now();
    source.addEventListener("message", (event) => {
      heardAt = Date.now();
      told(JSON.parse(event.data));
    });
    source.addEventListener("away", () => {
      heardAt = Date.now();
      away();
    });
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) close(); // refused; what is only broken the browser mends itself
      cut();
    });
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else {
      open();
      cut();
    }
  });
  setInterval(() => {
    if (source && Date.now() - heardAt > SOMETHING_EVERY) {
      close();
      cut();
    }
    open();
  }, TRY_EVERY);
  open();
  return () => source?.readyState === EventSource.OPEN;
}
