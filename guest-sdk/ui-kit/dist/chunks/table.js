import { a as e, c as t, o as n, r, s as i, t as a, u as o } from "./base.js";
import { a as s, c, l, n as u, o as d, r as f, s as p, t as m } from "./directive-helpers.js";
import { filtered as h, sorted as g, text as _, visible as v } from "../rows.js";
// ../node_modules/lit-html/directives/repeat.js
var y = (e, t, n) => {
	let r = /* @__PURE__ */ new Map();
	for (let i = t; i <= n; i++) r.set(e[i], i);
	return r;
}, b = p(class extends c {
	constructor(e) {
		if (super(e), e.type !== l.CHILD) throw Error("repeat() can only be used in text expressions");
	}
	dt(e, t, n) {
		let r;
		n === void 0 ? n = t : t !== void 0 && (r = t);
		let i = [], a = [], o = 0;
		for (let t of e) i[o] = r ? r(t, o) : o, a[o] = n(t, o), o++;
		return {
			values: a,
			keys: i
		};
	}
	render(e, t, n) {
		return this.dt(e, t, n).values;
	}
	update(e, [t, n, r]) {
		let a = m(e), { values: o, keys: c } = this.dt(t, n, r);
		if (!Array.isArray(a)) return this.ut = c, o;
		let l = this.ut ??= [], p = [], h, g, _ = 0, v = a.length - 1, b = 0, x = o.length - 1;
		for (; _ <= v && b <= x;) if (a[_] === null) _++;
		else if (a[v] === null) v--;
		else if (l[_] === c[b]) p[b] = s(a[_], o[b]), _++, b++;
		else if (l[v] === c[x]) p[x] = s(a[v], o[x]), v--, x--;
		else if (l[_] === c[x]) p[x] = s(a[_], o[x]), d(e, p[x + 1], a[_]), _++, x--;
		else if (l[v] === c[b]) p[b] = s(a[v], o[b]), d(e, a[_], a[v]), v--, b++;
		else if (h === void 0 && (h = y(c, b, x), g = y(l, _, v)), h.has(l[_])) {
			if (h.has(l[v])) {
				let t = g.get(c[b]), n = t === void 0 ? null : a[t];
				if (n === null) {
					let t = d(e, a[_]);
					s(t, o[b]), p[b] = t;
				} else p[b] = s(n, o[b]), d(e, a[_], n), a[t] = null;
				b++;
			} else u(a[v]), v--;
		} else u(a[_]), _++;
		for (; b <= x;) {
			let t = d(e, p[x + 1]);
			s(t, o[b]), p[b++] = t;
		}
		for (; _ <= v;) {
			let e = a[_++];
			e !== null && u(e);
		}
		return this.ut = c, f(e, p), i;
	}
}), x = 40, S = {
	least: 60,
	usual: 160,
	most: 1e3,
	step: 16
}, C = class extends a {
	static properties = {
		columns: { type: Array },
		rows: { type: Array },
		label: {},
		rowKey: { attribute: "row-key" },
		selectable: { type: Boolean },
		filterLabel: { attribute: "filter-label" },
		columnsLabel: { attribute: "columns-label" },
		emptyText: { attribute: "empty-text" },
		total: { type: Number },
		pageSize: {
			type: Number,
			attribute: "page-size"
		},
		sort: { attribute: !1 },
		selected: { attribute: !1 },
		filter: { state: !0 },
		hiddenColumns: { state: !0 },
		widths: { state: !0 },
		active: { state: !0 },
		scrolled: { state: !0 },
		height: { state: !0 },
		offset: { state: !0 }
	};
	static styles = [e, o`
      :host {
        display: grid;
        gap: 8px;
        min-inline-size: 0;
      }
      .tools {
        align-items: end;
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
        justify-content: space-between;
      }
      .tools label {
        display: grid;
        font-weight: 600;
      }
      input[type="search"],
      summary,
      .pages button {
        background: var(--_background);
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        color: inherit;
        font: inherit;
        min-block-size: 36px;
        padding: 6px 10px;
      }
      details {
        position: relative;
      }
      summary {
        cursor: pointer;
      }
      fieldset {
        background: var(--_background);
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        inset-inline-end: 0;
        margin: 4px 0 0;
        padding: 8px;
        position: absolute;
        white-space: nowrap;
        z-index: 10;
      }
      .scroll {
        border: 1px solid var(--_line);
        border-radius: var(--_radius);
        max-block-size: var(--alga-table-height, 480px);
        overflow: auto;
        /* The page does not scroll at the table's end. */
        overscroll-behavior: contain;
      }
      [role="row"] {
        display: flex;
        block-size: 40px;
        min-inline-size: max-content;
      }
      .head {
        background: var(--_surface);
        inset-block-start: 0;
        position: sticky;
        z-index: 1;
      }
      .body {
        position: relative;
      }
      .body [role="row"] {
        border-block-start: 1px solid var(--_line);
        inset-inline: 0;
        position: absolute;
      }
      .body [aria-selected="true"] {
        background: var(--_surface);
      }
      [role="gridcell"],
      [role="columnheader"] {
        align-content: center;
        flex: none;
        overflow: hidden;
        padding: 0 10px;
        position: relative;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      [role="columnheader"] {
        font-weight: 600;
        text-align: start;
      }
      [role="columnheader"][aria-sort] {
        cursor: pointer;
      }
      .end {
        text-align: end;
      }
      :is([role="gridcell"], [role="columnheader"]):focus-visible {
        outline-offset: -2px;
      }
      .handle {
        block-size: 100%;
        cursor: col-resize;
        inline-size: 8px;
        inset-block-start: 0;
        inset-inline-end: 0;
        position: absolute;
        touch-action: none;
      }
      .empty {
        color: var(--_muted);
        padding: 24px;
        text-align: center;
      }
      .pages {
        align-items: center;
        display: flex;
        gap: 8px;
      }
      .pages button:disabled {
        color: var(--_muted);
      }
    `];
	#e = [];
	#t = new ResizeObserver(([e]) => this.height = e?.contentRect.height ?? 0);
	constructor() {
		super(), this.columns = [], this.rows = [], this.label = "", this.rowKey = "", this.selectable = !1, this.filterLabel = "", this.columnsLabel = "", this.emptyText = "No rows", this.pageSize = 100, this.selected = /* @__PURE__ */ new Set(), this.filter = "", this.hiddenColumns = /* @__PURE__ */ new Set(), this.widths = {}, this.active = [0, 0], this.scrolled = 0, this.height = 480, this.offset = 0;
	}
	get #n() {
		return this.columns.filter(({ key: e }) => !this.hiddenColumns.has(e));
	}
	get #r() {
		return this.total !== void 0;
	}
	willUpdate(e) {
		if ([
			"rows",
			"sort",
			"filter",
			"columns",
			"hiddenColumns",
			"total"
		].some((t) => e.has(t))) {
			let { rows: e } = this;
			this.#e = this.#r ? e : g(h(e, this.#n, this.filter), this.sort);
		}
	}
	firstUpdated() {
		let e = this.renderRoot.querySelector(".scroll");
		e !== null && this.#t.observe(e);
	}
	disconnectedCallback() {
		super.disconnectedCallback(), this.#t.disconnect();
	}
	#i(e, t) {
		return this.rowKey === "" ? t : e[this.rowKey];
	}
	#a(e) {
		e.sort !== void 0 && (this.sort = e.sort), e.filter !== void 0 && (this.filter = e.filter), this.offset = e.offset ?? 0;
		let { offset: t, sort: n, filter: r, pageSize: i } = this;
		this.#r && this.emit("alga-load", {
			offset: t,
			limit: i,
			sort: n,
			filter: r
		});
	}
	#o(e) {
		if (e.sortable === !1) return;
		let t = this.sort?.key === e.key && this.sort.direction === "ascending";
		this.#a({ sort: {
			key: e.key,
			direction: t ? "descending" : "ascending"
		} });
	}
	#s(e, t) {
		if (!this.selectable) return;
		let n = this.#i(e, t), r = new Set(this.selected);
		r.delete(n) || r.add(n), this.selected = r, this.emit("alga-select", { selected: [...r] });
	}
	#c(e) {
		return this.widths[e.key] ?? e.width ?? S.usual;
	}
	#l(e, t) {
		let n = Math.round(Math.min(Math.max(t, S.least), S.most));
		this.widths = {
			...this.widths,
			[e.key]: n
		};
	}
	#u(e, t) {
		e.preventDefault();
		let n = e.target, [r, i] = [e.clientX, this.#c(t)], a = getComputedStyle(this).direction === "rtl" ? -1 : 1;
		n.setPointerCapture(e.pointerId);
		let o = (e) => this.#l(t, i + a * (e.clientX - r));
		n.addEventListener("pointermove", o), n.addEventListener("lostpointercapture", () => n.removeEventListener("pointermove", o), { once: !0 });
	}
	#d(e) {
		let t = this.#n, [n, r] = this.active, i = t[r], a = getComputedStyle(this).direction === "rtl" ? "ArrowLeft" : "ArrowRight", o = e.key === "ArrowLeft" || e.key === "ArrowRight";
		if (e.shiftKey && o && i !== void 0 && n === 0) return e.preventDefault(), this.#l(i, this.#c(i) + (e.key === a ? S.step : -S.step));
		if ((e.key === "Enter" || e.key === " ") && i !== void 0) {
			e.preventDefault();
			let t = this.#e[n - 1];
			return n === 0 ? this.#o(i) : t === void 0 ? void 0 : this.#s(t, n - 1);
		}
		let s = Math.max(1, Math.floor(this.height / x) - 1), c = {
			ArrowDown: [n + 1, r],
			ArrowUp: [n - 1, r],
			PageDown: [n + s, r],
			PageUp: [n - s, r],
			Home: e.ctrlKey ? [0, 0] : [n, 0],
			End: e.ctrlKey ? [this.#e.length, t.length - 1] : [n, t.length - 1]
		}, l = o ? [n, r + (e.key === a ? 1 : -1)] : c[e.key];
		l !== void 0 && (e.preventDefault(), this.#f(l[0], l[1]));
	}
	#f(e, t) {
		let n = (e, t) => Math.min(Math.max(e, 0), t);
		this.active = [n(e, this.#e.length), n(t, this.#n.length - 1)];
		let r = this.renderRoot.querySelector(".scroll"), [i] = this.active;
		if (r !== null && i > 0) {
			let [e, t] = [(i - 1) * x, (i + 1) * x];
			e < r.scrollTop && (r.scrollTop = e), t > r.scrollTop + r.clientHeight && (r.scrollTop = t - r.clientHeight), this.scrolled = r.scrollTop;
		}
		this.updateComplete.then(() => this.renderRoot.querySelector("[tabindex='0'][role]")?.focus());
	}
	#p(e, t) {
		return this.active[0] === e && this.active[1] === t ? 0 : -1;
	}
	#m(e, r) {
		let i = e.sortable !== !1, a = this.sort?.key === e.key ? this.sort.direction : "none", o = {
			ascending: "▲",
			descending: "▼",
			none: ""
		}[a];
		return t`<div
      role="columnheader"
      class=${e.align ?? "start"}
      aria-colindex=${r + 1}
      aria-sort=${i ? a : n}
      tabindex=${this.#p(0, r)}
      .style=${`inline-size:${this.#c(e)}px`}
      @click=${() => {
			this.active = [0, r], this.#o(e);
		}}
    >
      ${e.label} <span aria-hidden="true">${o}</span>
      <span
        class="handle"
        aria-hidden="true"
        @click=${(e) => e.stopPropagation()}
        @pointerdown=${(t) => this.#u(t, e)}
      ></span>
    </div>`;
	}
	#h(e, r, i) {
		let a = this.selected.has(this.#i(e, r));
		return t`<div
      role="row"
      aria-rowindex=${this.offset + r + 2}
      aria-selected=${this.selectable ? a : n}
      .style=${`inset-block-start:${r * x}px`}
      @click=${() => this.#s(e, r)}
      @dblclick=${() => this.emit("alga-open", { row: e })}
    >
      ${i.map((n, i) => t`<div
          role="gridcell"
          class=${n.align ?? "start"}
          aria-colindex=${i + 1}
          tabindex=${this.#p(r + 1, i)}
          .style=${`inline-size:${this.#c(n)}px`}
          @focus=${() => this.active = [r + 1, i]}
        >
          ${_(n, e)}
        </div>`)}
    </div>`;
	}
	#g() {
		if (this.filterLabel === "" && this.columnsLabel === "") return n;
		let e = t`<label
      >${this.filterLabel}<input
        type="search"
        .value=${this.filter}
        @input=${(e) => this.#a({ filter: e.target.value })}
    /></label>`, r = (e) => () => {
			let t = new Set(this.hiddenColumns);
			!t.delete(e) && this.#n.length > 1 && t.add(e), this.hiddenColumns = t;
		}, i = t`<details>
      <summary>${this.columnsLabel}</summary>
      <fieldset aria-label=${this.columnsLabel}>
        ${this.columns.map(({ key: e, label: n }) => t`<div>
            <label><input type="checkbox" .checked=${!this.hiddenColumns.has(e)} @change=${r(e)} /> ${n}</label>
          </div>`)}
      </fieldset>
    </details>`;
		return t`<div class="tools">
      ${this.filterLabel === "" ? n : e} ${this.columnsLabel === "" ? n : i}
    </div>`;
	}
	#_() {
		if (this.total === void 0) return n;
		let { offset: e, total: r, pageSize: i } = this, a = Math.min(e + i, r), o = (e) => () => this.#a({ offset: e });
		return t`<div class="pages">
      <button type="button" aria-label="Previous page" ?disabled=${e === 0} @click=${o(Math.max(0, e - i))}>‹</button>
      <span role="status">${r === 0 ? 0 : e + 1}–${a} / ${r}</span>
      <button type="button" aria-label="Next page" ?disabled=${a >= r} @click=${o(e + i)}>›</button>
    </div>`;
	}
	render() {
		let [e, r] = [this.#n, this.#e], [i, a] = v(r.length, x, this.scrolled, this.height), [o] = this.active, s = Array.from({ length: a - i }, (e, t) => i + t);
		o > 0 && o <= r.length && (o <= i || o > a) && s.push(o - 1);
		let c = t`<div class="empty">${this.emptyText}</div>`;
		return t`${this.#g()}
      <div
        class="scroll"
        part="scroll"
        @scroll=${(e) => this.scrolled = e.target.scrollTop}
      >
        <div
          role="grid"
          aria-label=${this.label}
          aria-rowcount=${(this.total ?? r.length) + 1}
          aria-colcount=${e.length}
          aria-multiselectable=${this.selectable ? "true" : n}
          @keydown=${this.#d}
        >
          <div class="head" role="rowgroup">
            <div role="row" aria-rowindex="1">${e.map((e, t) => this.#m(e, t))}</div>
          </div>
          <div class="body" role="rowgroup" .style=${`block-size:${r.length * x}px`}>
            ${b(s, (e) => this.#i(r[e] ?? {}, e), (t) => this.#h(r[t] ?? {}, t, e))}
          </div>
        </div>
        ${r.length === 0 ? c : n}
      </div>
      ${this.#_()}`;
	}
};
r("alga-table", C);
export { C as t };
