// The order (检查检验治疗申请): fee items and how many of each.

import { get } from "../kernel/api.js";
import { by, h } from "../kernel/dom.js";
import { goTo, walk } from "../kernel/keys.js";
import { price } from "../kernel/money.js";
import { page, t, worded } from "../kernel/page.js";
import { hush, wrong } from "../kernel/say.js";
import { searching } from "../kernel/search.js";
import { ulid } from "../kernel/ulid.js";
import { likeliest, MANY } from "./likely.js";
import { Paper } from "./paper.js";

const WHOLE = /^[1-9]\d{0,4}$/;
const fresh = () => ({ lines: [], item: null, fields: {}, editing: null });

const place = (code) => (code ? page.data.departments.find((one) => one.department_code === code)?.name ?? code : "");

function cells(line, told, index) {
  const warnings = (told?.warnings ?? []).filter((one) => one.line_no === index + 1);
  return [
    h("td.num", {}, String(index + 1)),
    h("td", {}, h("strong", {}, line.item.name), warnings.map((one) => h("span.warned", {}, worded(one)))),
    place(line.item.exec_department_code),
    h("td.num", {}, `${line.quantity} ${line.item.unit}`),
    h("td.num", {}, told?.lines[index] ? price(told.lines[index].unit_price) : ""),
    h("td.num", {}, told?.lines[index]?.amount ?? ""),
  ];
}

const paper = new Paper("order", {
  path: "orders", fresh, cells,
  request: (state) => ({ lines: state.lines.map((line) => ({ item_code: line.item.item_code, quantity: line.quantity })) }),
  edit(line, index) {
    Object.assign(paper.draft.state, { item: line.item, editing: index, fields: { item: line.item.name, count: String(line.quantity) } });
    paper.draft.save();
    fill();
    goTo(by("count"));
  },
  home: () => goTo(by("item")),
  halfway() {
    if (!begun()) return false;
    wrong(by("item"), t("doctor.line_waits"));
    goTo(by("item"));
    return true;
  },
  shown() {
    if (paper.draft) fill();
  },
});

function begun() {
  return paper.draft.state.item !== null || by("item").value.trim() !== "";
}

function fill() {
  const { item, fields } = paper.draft.state;
  by("item").value = fields.item ?? "";
  by("count").value = fields.count ?? "";
  by("item-unit").textContent = item?.unit ?? "";
}

function keep() {
  paper.draft.state.fields = { item: by("item").value, count: by("count").value };
  if (paper.draft.state.item && by("item").value.trim() !== paper.draft.state.item.name) paper.draft.state.item = null;
  paper.draft.save();
}

function choose(item) {
  hush();
  paper.draft.state.item = item;
  paper.draft.state.fields = { item: item.name, count: by("count").value || "1" };
  paper.draft.save();
  fill();
  goTo(by("count"));
}

function add() {
  hush();
  const { item, editing } = paper.draft.state;
  const count = by("count").value.trim();
  const bad = !item ? ["item", t("doctor.item_missing")] : WHOLE.test(count) ? null : ["count", t("doctor.quantity_wrong")];
  if (bad) {
    wrong(by(bad[0]), bad[1]);
    goTo(by(bad[0]));
    return;
  }
  const line = { uid: ulid(), item, quantity: Number(count) };
  if (editing !== null && editing < paper.lines.length) paper.lines[editing] = line;
  else paper.lines.push(line);
  empty();
  paper.changed();
  goTo(by("item"));
}

function empty() {
  Object.assign(paper.draft.state, { item: null, fields: {}, editing: null });
  paper.draft.save();
  fill();
}

by("item").addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  const text = by("item").value.trim();
  const still = paper.draft?.state.item?.name === text;
  if (event.key === "Enter" && (still || text === "")) {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (still) goTo(by("count"));
    else if (paper.lines.length) by("order-sign").focus();
  } else if (event.key === "ArrowUp" && text === "" && paper.rows.focus()) event.preventDefault();
});
searching(by("item"), {
  load: async (text, signal) => likeliest((await get("/fee-items", { q: text, limit: MANY }, { signal })).items, text),
  show: (item) => [item.name, h("small", {}, place(item.exec_department_code)), `${price(item.unit_price)}/${item.unit}`],
  choose,
  empty: (text) => wrong(by("item"), t("doctor.no_item", { text })),
});
by("item-line").addEventListener("input", () => { hush(); keep(); });
walk(by("item-line"), {
  done: add,
  back() {
    hush();
    if (begun()) {
      empty();
      goTo(by("item"));
    } else goTo(by("find"));
  },
});

export function openOrder(found) {
  paper.open(found);
}

export function workOnOrder() {
  goTo(paper.draft?.state.item ? by("count") : by("item"));
}

export const order = paper;
/** Whether something of this visit was begun and not signed. */
export function orderBegun() {
  return Boolean(paper.draft) && (paper.lines.length > 0 || begun());
}
