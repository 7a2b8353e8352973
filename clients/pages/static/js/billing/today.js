// Today's charges of mine, any charge looked up, reprints.

import { get } from "../kernel/api.js";
import { today } from "../kernel/clock.js";
import { by, h, put } from "../kernel/dom.js";
import { goTo, walk } from "../kernel/keys.js";
import { unsigned } from "../kernel/money.js";
import { page, t } from "../kernel/page.js";
import { Rows } from "../kernel/rows.js";
import { failed, hush, once } from "../kernel/say.js";
import { searching } from "../kernel/search.js";
import { findCharges, shownCharge } from "./find.js";
import { time } from "./refund.js";

/** The third tab. */
export class Today {
  constructor({ paper, refund }) {
    this.paper = paper;
    this.refund = refund;
    this.query = null;
    this.cursor = null;
    this.rows = new Rows(by("charges"), {
      cells: (one) => [time(one), one.receipt_no ?? one.first_receipt_no ?? "—", one.yj_no, one.patient_name, h("td.num", {}, one.total), t(`billing.status_${one.status}`)],
      moved: (one) => this.#show(one),
      take: (one) => this.#show(one),
    });
    this.finder = searching(by("look-up"), {
      load: findCharges, show: shownCharge,
      choose: (item) => (item.what === "patient" ? this.#list({ patient_id: item.patient_id }) : this.#one(item)).catch(failed),
    });
    by("mine").addEventListener("click", () => this.#mine().catch(failed));
    by("more").addEventListener("click", once(() => this.#more()));
    walk(by("today-form"), { back: () => goTo(by("look-up")) });
    this.#show(null);
  }

  enter() {
    this.#mine().then(() => { if (!this.rows.focus()) goTo(by("look-up")); }).catch(failed);
  }

  #mine() {
    return this.#list({ operator: page.operator.code, business_date: today() });
  }

  async #list(query) {
    hush();
    this.finder.clear();
    this.query = query;
    this.cursor = null;
    const found = await get("/charges", { ...query, limit: 50 });
    this.cursor = found.next_cursor;
    this.rows.show(found.items);
    this.#show(this.rows.chosen);
    by("more").hidden = !this.cursor;
    this.rows.focus();
  }

  async #more() {
    const found = await get("/charges", { ...this.query, limit: 50, cursor: this.cursor });
    this.cursor = found.next_cursor;
    this.rows.show([...this.rows.items, ...found.items]);
    by("more").hidden = !this.cursor;
    this.rows.focus();
  }

  async #one(charge) {
    this.finder.clear();
    this.rows.show([charge]);
    by("more").hidden = true;
    this.#show(charge);
    this.rows.focus();
  }

  #show(charge) {
    const place = by("charge-shown");
    if (!charge) {
      put(place, h("p.note", {}, t("billing.choose_charge")));
      return;
    }
    const back = charge.refund_of !== null;
    const button = (text, key, work, main = false) => h(main ? "button.main" : "button", { type: "button", dataset: { key }, onclick: once(work) }, text, h("kbd", {}, key));
    put(place,
      h("p.due", {}, h("strong", {}, charge.patient_name), h("output.total", {}, charge.total)),
      h("dl.facts", {},
        [["billing.receipt_no", charge.receipt_no ?? "—"], ["billing.yj_no", charge.yj_no], ["billing.time", time(charge)], ["billing.status", t(`billing.status_${charge.status}`)]].flatMap(([label, value]) => [h("dt", {}, t(label)), h("dd", {}, value)]),
        charge.payments.flatMap((one) => [h("dt", {}, t(`frame.pay_by_${one.method}`)), h("dd", {}, one.amount)])),
      charge.reason ? h("p", {}, `${t("billing.reason")} ${charge.reason}`) : null,
      h("div.scroll.detail", {}, h("table", {}, h("tbody", {}, charge.lines.map((line) => h("tr", {}, h("td.names", {}, line.name), h("td.num", {}, `×${line.quantity}`), h("td.num", {}, line.amount)))))),
      h("div.buttons", {},
        button(t("billing.reprint"), "F8", () => this.#print(charge, back)),
        !back && charge.kind !== "registration" && charge.status !== "refunded" ? button(t("billing.tab_refund"), "F9", () => this.refund(charge)) : null));
  }

  async #print(charge, back) {
    const kind = back ? "refund" : "receipt";
    const what = back ? t("billing.refund_slip", { total: unsigned(charge.total) }) : t("billing.receipt_of", { no: charge.receipt_no ?? charge.yj_no });
    const receipt = await this.paper.print({ what, path: `/print/${kind}/${charge.id}`, record: `/charges/${charge.id}/prints`, charge: back ? null : charge.id, receipt: charge.receipt_no });
    if (receipt !== charge.receipt_no) this.#show(await get(`/charges/${charge.id}`));
    this.rows.focus();
  }
}
