import { l as e } from "./base.js";
// ../node_modules/lit-html/directive.js
var t = {
	ATTRIBUTE: 1,
	CHILD: 2,
	PROPERTY: 3,
	BOOLEAN_ATTRIBUTE: 4,
	EVENT: 5,
	ELEMENT: 6
}, n = (e) => (...t) => ({
	_$litDirective$: e,
	values: t
}), r = class {
	constructor(e) {}
	get _$AU() {
		return this._$AM._$AU;
	}
	_$AT(e, t, n) {
		this._$Ct = e, this._$AM = t, this._$Ci = n;
	}
	_$AS(e, t) {
		return this.update(e, t);
	}
	update(e, t) {
		return this.render(...t);
	}
}, { I: i } = e, a = (e) => e, o = (e) => e.strings === void 0, s = () => document.createComment(""), c = (e, t, n) => {
	let r = e._$AA.parentNode, o = t === void 0 ? e._$AB : t._$AA;
	if (n === void 0) n = new i(r.insertBefore(s(), o), r.insertBefore(s(), o), e, e.options);
	else {
		let t = n._$AB.nextSibling, i = n._$AM, s = i !== e;
		if (s) {
			let t;
			n._$AQ?.(e), n._$AM = e, n._$AP !== void 0 && (t = e._$AU) !== i._$AU && n._$AP(t);
		}
		if (t !== o || s) {
			let e = n._$AA;
			for (; e !== t;) {
				let t = a(e).nextSibling;
				a(r).insertBefore(e, o), e = t;
			}
		}
	}
	return n;
}, l = (e, t, n = e) => (e._$AI(t, n), e), u = {}, d = (e, t = u) => e._$AH = t, f = (e) => e._$AH, p = (e) => {
	e._$AR(), e._$AA.remove();
};
export { l as a, r as c, o as i, t as l, p as n, c as o, d as r, n as s, f as t };
