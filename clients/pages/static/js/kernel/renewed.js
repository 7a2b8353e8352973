// What a page looks at again by itself: when it is told of something it does so at once (its own affair), now and then in
// any case, and more often where nobody tells.

const NOW_AND_THEN = 15000;
const EVERY = 3000;

/** Call `look` for ever while the page is in sight; `told()` says whether the page would be told of what is new. */
export function renewed(look, told) {
  let looked = Date.now();
  setInterval(() => {
    if (document.hidden || (told() && Date.now() - looked < NOW_AND_THEN)) return;
    looked = Date.now();
    look();
  }, EVERY);
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
