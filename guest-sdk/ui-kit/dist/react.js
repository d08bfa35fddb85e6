import { AlgaButton as e } from "./button.js";
import { t } from "./chunks/chart.js";
import { AlgaCheckbox as n, AlgaRadio as r, AlgaSelect as i, AlgaSwitch as a } from "./choice.js";
import { AlgaCombobox as o } from "./combobox.js";
import { AlgaDialog as s } from "./dialog.js";
import { AlgaForm as c } from "./form.js";
import { AlgaInput as l, AlgaTextarea as u } from "./input.js";
import { AlgaBadge as d, AlgaCard as f, AlgaEmpty as p, AlgaPagination as m, AlgaSkeleton as h } from "./layout.js";
import { AlgaMenu as g } from "./menu.js";
import { AlgaTooltip as _ } from "./message.js";
import { t as v } from "./chunks/table.js";
import { AlgaTab as y, AlgaTabs as b } from "./tabs.js";
import "./index.js";
import * as x from "react";
// ../node_modules/@lit/react/create-component.js
var S = /* @__PURE__ */ new Set([
	"children",
	"localName",
	"ref",
	"style",
	"className"
]), C = /* @__PURE__ */ new WeakMap(), w = (e, t, n, r, i) => {
	let a = i?.[t];
	a === void 0 ? (e[t] = n, n == null && t in HTMLElement.prototype && e.removeAttribute(t)) : n !== r && ((e, t, n) => {
		let r = C.get(e);
		r === void 0 && C.set(e, r = /* @__PURE__ */ new Map());
		let i = r.get(t);
		n === void 0 ? i !== void 0 && (r.delete(t), e.removeEventListener(t, i)) : i === void 0 ? (r.set(t, i = { handleEvent: n }), e.addEventListener(t, i)) : i.handleEvent = n;
	})(e, a, n);
}, T = ({ react: e, tagName: t, elementClass: n, events: r, displayName: i }) => {
	let a = new Set(Object.keys(r ?? {})), o = e.forwardRef(((i, o) => {
		let s = e.useRef(/* @__PURE__ */ new Map()), c = e.useRef(null), l = {}, u = {};
		for (let [e, t] of Object.entries(i)) S.has(e) ? l[e === "className" ? "class" : e] = t : a.has(e) || e in n.prototype ? u[e] = t : l[e] = t;
		return e.useLayoutEffect((() => {
			if (c.current === null) return;
			let e = /* @__PURE__ */ new Map();
			for (let t in u) w(c.current, t, i[t], s.current.get(t), r), s.current.delete(t), e.set(t, i[t]);
			for (let [e, t] of s.current) w(c.current, e, void 0, t, r);
			s.current = e;
		})), e.useLayoutEffect((() => {
			c.current?.removeAttribute("defer-hydration");
		}), []), l.suppressHydrationWarning = !0, e.createElement(t, {
			...l,
			ref: e.useCallback(((e) => {
				c.current = e, typeof o == "function" ? o(e) : o !== null && (o.current = e);
			}), [o])
		});
	}));
	return o.displayName = i ?? n.name, o;
}, E = {
	onInput: "input",
	onChange: "change"
}, D = (e) => e, O = T({
	react: x,
	tagName: "alga-badge",
	elementClass: d
}), k = T({
	react: x,
	tagName: "alga-button",
	elementClass: e
}), A = T({
	react: x,
	tagName: "alga-card",
	elementClass: f
}), j = T({
	react: x,
	tagName: "alga-chart",
	elementClass: t
}), M = T({
	react: x,
	tagName: "alga-checkbox",
	elementClass: n,
	events: E
}), N = T({
	react: x,
	tagName: "alga-combobox",
	elementClass: o,
	events: {
		...E,
		onSearch: D("alga-search")
	}
}), P = T({
	react: x,
	tagName: "alga-table",
	elementClass: v,
	events: {
		onLoad: D("alga-load"),
		onOpen: D("alga-open"),
		onSelect: D("alga-select")
	}
}), F = T({
	react: x,
	tagName: "alga-dialog",
	elementClass: s,
	events: { onClose: D("alga-close") }
}), I = T({
	react: x,
	tagName: "alga-empty",
	elementClass: p
}), L = T({
	react: x,
	tagName: "alga-form",
	elementClass: c,
	events: { onSubmitData: D("alga-submit") }
}), R = T({
	react: x,
	tagName: "alga-input",
	elementClass: l,
	events: E
}), z = T({
	react: x,
	tagName: "alga-menu",
	elementClass: g,
	events: { onChoose: D("alga-choose") }
}), B = T({
	react: x,
	tagName: "alga-pagination",
	elementClass: m,
	events: { onPage: D("alga-page") }
}), V = T({
	react: x,
	tagName: "alga-radio",
	elementClass: r,
	events: E
}), H = T({
	react: x,
	tagName: "alga-select",
	elementClass: i,
	events: E
}), U = T({
	react: x,
	tagName: "alga-skeleton",
	elementClass: h
}), W = T({
	react: x,
	tagName: "alga-switch",
	elementClass: a,
	events: E
}), G = T({
	react: x,
	tagName: "alga-tab",
	elementClass: y
}), K = T({
	react: x,
	tagName: "alga-tabs",
	elementClass: b,
	events: { onSelect: D("alga-select") }
}), q = T({
	react: x,
	tagName: "alga-textarea",
	elementClass: u,
	events: E
}), J = T({
	react: x,
	tagName: "alga-tooltip",
	elementClass: _
});
export { O as Badge, k as Button, A as Card, j as Chart, M as Checkbox, N as Combobox, P as DataTable, F as Dialog, I as EmptyState, L as Form, R as Input, z as Menu, B as Pagination, V as Radio, H as Select, U as Skeleton, W as Switch, G as Tab, K as Tabs, q as Textarea, J as Tooltip };
