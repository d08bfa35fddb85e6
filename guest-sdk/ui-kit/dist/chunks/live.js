import { o as e, s as t } from "./base.js";
import { c as n, i as r, l as i, r as a, s as o } from "./directive-helpers.js";
// ../node_modules/lit-html/directives/live.js
var s = o(class extends n {
	constructor(e) {
		if (super(e), e.type !== i.PROPERTY && e.type !== i.ATTRIBUTE && e.type !== i.BOOLEAN_ATTRIBUTE) throw Error("The `live` directive is not allowed on child or event bindings");
		if (!r(e)) throw Error("`live` bindings can only contain a single expression");
	}
	render(e) {
		return e;
	}
	update(n, [r]) {
		if (r === t || r === e) return r;
		let o = n.element, s = n.name;
		if (n.type === i.PROPERTY) {
			if (r === o[s]) return t;
		} else if (n.type === i.BOOLEAN_ATTRIBUTE) {
			if (!!r === o.hasAttribute(s)) return t;
		} else if (n.type === i.ATTRIBUTE && o.getAttribute(s) === r + "") return t;
		return a(n), r;
	}
});
export { s as t };
