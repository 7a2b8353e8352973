// What a page looks at again by itself: when it is told of something it does so at once (its own affair), now and then in
// any case, and more often where nobody tells.

const NOW_AND_THEN = 15000;
const EVERY = 3000;

/**
 * Call `look` for ever while the page is in sight, every so often where nobody tells; `told()` says whether the page
 * would be told of what is new.
 */
export function renewed(look, told, every = EVERY) {
  let looked = Date.now();
  setInterval(() => {
    if (document.hidden || (told() && Date.now() - looked < NOW_AND_THEN)) return;
    looked = Date.now();
    look();
  }, every);
}

/** `look` now if the last one was a while ago, else when the while is over: what always moves is not always looked at. */
export function spaced(look, apart = EVERY) {
  let next = 0;
  let waits = 0;
  return () => {
    clearTimeout(waits);
    const soon = () => { next = Date.now() + apart; look(); };
    // A clock that was set back must not make anybody wait longer than that.
    const wait = Math.min(next - Date.now(), apart);
    if (wait <= 0) soon();
    else waits = setTimeout(soon, wait);
  };
}

/** A listener to the mode that calls `look` when what is shown may be another: a switch, or newer data of the centre. */
export function unlikeBefore(look) {
  let before = null;
  return (mode) => {
    const now = `${mode.epoch} ${mode.mirror.as_of}`;
    if (before !== null && before !== now) look();
    before = now;
  };
}
