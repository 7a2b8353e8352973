// One tab, one set of half-filled forms. A browser that duplicates a tab copies its forms with the keys of their acts:
// what is changed in the copy would be answered with what was made in the original. So a copy starts with empty forms.

import { ulid } from "./ulid.js";

const PLACE = "yj:tab";
const me = ulid();
const known = sessionStorage.getItem(PLACE);
const tab = known ?? me;
sessionStorage.setItem(PLACE, tab);

const others = new BroadcastChannel("yj-tabs");
others.addEventListener("message", ({ data }) => {
  if (data.tab !== tab || data.from === me) return;
  if (data.to === undefined) others.postMessage({ tab, from: me, to: data.from });
  else if (data.to === me) startEmpty();
});
if (known) others.postMessage({ tab, from: me });

/** The tab that this one was copied from is still there and keeps its forms. */
function startEmpty() {
  others.close();
  for (const place of Object.keys(sessionStorage)) {
    if (place.startsWith("yj:")) sessionStorage.removeItem(place);
  }
  location.reload();
}
