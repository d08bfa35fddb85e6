import { a as e, c as t, d as n, r, t as i, u as a } from "./base.js";
// ../node_modules/uplot/dist/uPlot.esm.js
var o = !0, s = "uplot", c = "u-hz", l = "u-vt", u = "u-title", d = "u-wrap", f = "u-under", p = "u-over", m = "u-axis", h = "u-off", g = "u-select", _ = "u-cursor-x", v = "u-cursor-y", y = "u-cursor-pt", b = "u-legend", x = "u-live", S = "u-inline", C = "u-series", w = "u-marker", T = "u-label", E = "u-value", D = "width", O = "height", ee = "top", te = "bottom", ne = "left", re = "right", ie = "#000", ae = "#0000", oe = "mousemove", se = "mousedown", ce = "mouseup", le = "mouseenter", ue = "mouseleave", de = "dblclick", fe = "resize", pe = "scroll", k = "change", me = "dppxchange", he = "--", A = typeof window < "u", ge = A ? document : null, _e = A ? window : null, ve = A ? navigator : null, j, ye;
function M() {
	let e = devicePixelRatio;
	j != e && (j = e, ye && Me(k, ye, M), ye = matchMedia(`(min-resolution: ${j - .001}dppx) and (max-resolution: ${j + .001}dppx)`), je(k, ye, M), _e.dispatchEvent(new CustomEvent(me)));
}
function be(e, t) {
	if (t != null) {
		let n = e.classList;
		!n.contains(t) && n.add(t);
	}
}
function xe(e, t) {
	let n = e.classList;
	n.contains(t) && n.remove(t);
}
function N(e, t, n) {
	e.style[t] = n + "px";
}
function Se(e, t, n, r) {
	let i = ge.createElement(e);
	return t != null && be(i, t), n?.insertBefore(i, r), i;
}
function Ce(e, t) {
	return Se("div", e, t);
}
var we = /* @__PURE__ */ new WeakMap();
function Te(e, t, n, r, i) {
	let a = "translate(" + t + "px," + n + "px)";
	a != we.get(e) && (e.style.transform = a, we.set(e, a), t < 0 || n < 0 || t > r || n > i ? be(e, h) : xe(e, h));
}
var Ee = /* @__PURE__ */ new WeakMap();
function De(e, t, n) {
	let r = t + n;
	r != Ee.get(e) && (Ee.set(e, r), e.style.background = t, e.style.borderColor = n);
}
var Oe = /* @__PURE__ */ new WeakMap();
function ke(e, t, n, r) {
	let i = t + "" + n;
	i != Oe.get(e) && (Oe.set(e, i), e.style.height = n + "px", e.style.width = t + "px", e.style.marginLeft = r ? -t / 2 + "px" : 0, e.style.marginTop = r ? -n / 2 + "px" : 0);
}
var P = { passive: !0 }, Ae = {
	...P,
	capture: !0
};
function je(e, t, n, r) {
	t.addEventListener(e, n, r ? Ae : P);
}
function Me(e, t, n, r) {
	t.removeEventListener(e, n, P);
}
A && M();
function Ne(e, t, n, r) {
	let i;
	n ||= 0, r ||= t.length - 1;
	let a = r <= 2147483647;
	for (; r - n > 1;) i = a ? n + r >> 1 : z((n + r) / 2), t[i] < e ? n = i : r = i;
	return e - t[n] <= t[r] - e ? n : r;
}
function F(e) {
	return (t, n, r) => {
		let i = -1, a = -1;
		for (let a = n; a <= r; a++) if (e(t[a])) {
			i = a;
			break;
		}
		for (let i = r; i >= n; i--) if (e(t[i])) {
			a = i;
			break;
		}
		return [i, a];
	};
}
var Pe = (e) => e != null, I = (e) => e != null && e > 0, Fe = F(Pe), Ie = F(I);
function Le(e, t, n, r = 0, i = !1) {
	let a = i ? Ie : Fe, o = i ? I : Pe;
	[t, n] = a(e, t, n);
	let s = e[t], c = e[t];
	if (t > -1) {
		if (r == 1) s = e[t], c = e[n];
		else if (r == -1) s = e[n], c = e[t];
		else for (let r = t; r <= n; r++) {
			let t = e[r];
			o(t) && (t < s ? s = t : t > c && (c = t));
		}
	}
	return [s ?? B, c ?? -B];
}
function Re(e, t, n, r) {
	let i = nt(e), a = nt(t);
	e == t && (i == -1 ? (e *= n, t /= n) : (e /= n, t *= n));
	let o = n == 10 ? rt : it, s = i == 1 ? z : Qe, c = a == 1 ? Qe : z, l = s(o(Xe(e))), u = c(o(Xe(t))), d = tt(n, l), f = tt(n, u);
	return n == 10 && (l < 0 && (d = W(d, -l)), u < 0 && (f = W(f, -u))), r || n == 2 ? (e = d * i, t = f * a) : (e = vt(e, d), t = U(t, f)), [e, t];
}
function ze(e, t, n, r) {
	let i = Re(e, t, n, r);
	return e == 0 && (i[0] = 0), t == 0 && (i[1] = 0), i;
}
var Be = .1, Ve = {
	mode: 3,
	pad: Be
}, He = {
	pad: 0,
	soft: null,
	mode: 0
}, Ue = {
	min: He,
	max: He
};
function We(e, t, n, r) {
	return kt(n) ? R(e, t, n) : (He.pad = n, He.soft = r ? 0 : null, He.mode = r ? 3 : 0, R(e, t, Ue));
}
function L(e, t) {
	return e ?? t;
}
function Ge(e, t, n) {
	for (t = L(t, 0), n = L(n, e.length - 1); t <= n;) {
		if (e[t] != null) return !0;
		t++;
	}
	return !1;
}
function R(e, t, n) {
	let r = n.min, i = n.max, a = L(r.pad, 0), o = L(i.pad, 0), s = L(r.hard, -B), c = L(i.hard, B), l = L(r.soft, B), u = L(i.soft, -B), d = L(r.mode, 0), f = L(i.mode, 0), p = t - e, m = rt(p), h = et(Xe(e), Xe(t)), g = Xe(rt(h) - m);
	(p < 1e-24 || g > 10) && (p = 0, (e == 0 || t == 0) && (p = 1e-24, d == 2 && l != B && (a = 0), f == 2 && u != -B && (o = 0)));
	let _ = p || h || 1e3, v = tt(10, z(rt(_))), y = W(vt(e - _ * (p == 0 ? e == 0 ? .1 : 1 : a), v / 10), 24), b = e >= l && (d == 1 || d == 3 && y <= l || d == 2 && y >= l) ? l : B, x = et(s, y < b && e >= b ? b : $e(b, y)), S = W(U(t + _ * (p == 0 ? t == 0 ? .1 : 1 : o), v / 10), 24), C = t <= u && (f == 1 || f == 3 && S >= u || f == 2 && S <= u) ? u : -B, w = $e(c, S > C && t <= C ? C : et(C, S));
	return x == w && x == 0 && (w = 100), [x, w];
}
var Ke = new Intl.NumberFormat(A ? ve.language : "en-US"), qe = (e) => Ke.format(e), Je = Math, Ye = Je.PI, Xe = Je.abs, z = Je.floor, Ze = Je.round, Qe = Je.ceil, $e = Je.min, et = Je.max, tt = Je.pow, nt = Je.sign, rt = Je.log10, it = Je.log2, at = (e, t = 1) => Je.sinh(e) * t, ot = (e, t = 1) => Je.asinh(e / t), B = Infinity;
function st(e) {
	return (rt((e ^ e >> 31) - (e >> 31)) | 0) + 1;
}
function ct(e, t, n) {
	return $e(et(e, t), n);
}
function lt(e) {
	return typeof e == "function";
}
function V(e) {
	return lt(e) ? e : () => e;
}
var ut = () => {}, dt = (e) => e, ft = (e, t) => t, pt = (e) => null, mt = (e) => !0, ht = (e, t) => e == t, gt = /\.\d*?(?=9{6,}|0{6,})/gm, H = (e) => {
	if (Et(e) || yt.has(e)) return e;
	let t = `${e}`, n = t.match(gt);
	if (n == null) return e;
	let r = n[0].length - 1;
	if (t.indexOf("e-") != -1) {
		let [e, n] = t.split("e");
		return +`${H(e)}e${n}`;
	}
	return W(e, r);
};
function _t(e, t) {
	return H(W(H(e / t)) * t);
}
function U(e, t) {
	return H(Qe(H(e / t)) * t);
}
function vt(e, t) {
	return H(z(H(e / t)) * t);
}
function W(e, t = 0) {
	if (Et(e)) return e;
	let n = 10 ** t;
	return Ze(e * n * (1 + 2 ** -52)) / n;
}
var yt = /* @__PURE__ */ new Map();
function bt(e) {
	return (("" + e).split(".")[1] || "").length;
}
function xt(e, t, n, r) {
	let i = [], a = r.map(bt);
	for (let o = t; o < n; o++) {
		let t = Xe(o), n = W(tt(e, o), t);
		for (let s = 0; s < r.length; s++) {
			let c = e == 10 ? +`${r[s]}e${o}` : r[s] * n, l = (o >= 0 ? 0 : t) + (o >= a[s] ? 0 : a[s]), u = e == 10 ? c : W(c, l);
			i.push(u), yt.set(u, l);
		}
	}
	return i;
}
var St = {}, Ct = [], wt = [null, null], Tt = Array.isArray, Et = Number.isInteger, Dt = (e) => e === void 0;
function Ot(e) {
	return typeof e == "string";
}
function kt(e) {
	let t = !1;
	if (e != null) {
		let n = e.constructor;
		t = n == null || n == Object;
	}
	return t;
}
function At(e) {
	return typeof e == "object" && !!e;
}
var jt = Object.getPrototypeOf(Uint8Array), Mt = "__proto__";
function Nt(e, t = kt) {
	let n;
	if (Tt(e)) {
		let r = e.find((e) => e != null);
		if (Tt(r) || t(r)) {
			n = Array(e.length);
			for (let r = 0; r < e.length; r++) n[r] = Nt(e[r], t);
		} else n = e.slice();
	} else if (e instanceof jt) n = e.slice();
	else if (t(e)) {
		n = {};
		for (let r in e) r != Mt && (n[r] = Nt(e[r], t));
	} else n = e;
	return n;
}
function G(e) {
	let t = arguments;
	for (let n = 1; n < t.length; n++) {
		let r = t[n];
		for (let t in r) t != Mt && (kt(e[t]) ? G(e[t], Nt(r[t])) : e[t] = Nt(r[t]));
	}
	return e;
}
var Pt = 0, Ft = 1, It = 2;
function Lt(e, t, n) {
	for (let r = 0, i, a = -1; r < t.length; r++) {
		let o = t[r];
		if (o > a) {
			for (i = o - 1; i >= 0 && e[i] == null;) e[i--] = null;
			for (i = o + 1; i < n && e[i] == null;) e[a = i++] = null;
		}
	}
}
function Rt(e, t) {
	if (Vt(e)) {
		let t = e[0].slice();
		for (let n = 1; n < e.length; n++) t.push(...e[n].slice(1));
		return Ht(t[0]) || (t = Bt(t)), t;
	}
	let n = /* @__PURE__ */ new Set();
	for (let t = 0; t < e.length; t++) {
		let r = e[t][0], i = r.length;
		for (let e = 0; e < i; e++) n.add(r[e]);
	}
	let r = [Array.from(n).sort((e, t) => e - t)], i = r[0].length, a = /* @__PURE__ */ new Map();
	for (let e = 0; e < i; e++) a.set(r[0][e], e);
	for (let n = 0; n < e.length; n++) {
		let o = e[n], s = o[0];
		for (let e = 1; e < o.length; e++) {
			let c = o[e], l = Array(i).fill(void 0), u = t ? t[n][e] : Ft, d = [];
			for (let e = 0; e < c.length; e++) {
				let t = c[e], n = a.get(s[e]);
				t === null ? u != Pt && (l[n] = t, u == It && d.push(n)) : l[n] = t;
			}
			Lt(l, d, i), r.push(l);
		}
	}
	return r;
}
var zt = typeof queueMicrotask > "u" ? (e) => Promise.resolve().then(e) : queueMicrotask;
function Bt(e) {
	let t = e[0], n = t.length, r = Array(n);
	for (let e = 0; e < r.length; e++) r[e] = e;
	r.sort((e, n) => t[e] - t[n]);
	let i = [];
	for (let t = 0; t < e.length; t++) {
		let a = e[t], o = Array(n);
		for (let e = 0; e < n; e++) o[e] = a[r[e]];
		i.push(o);
	}
	return i;
}
function Vt(e) {
	let t = e[0][0], n = t.length;
	for (let r = 1; r < e.length; r++) {
		let i = e[r][0];
		if (i.length != n) return !1;
		if (i != t) {
			for (let e = 0; e < n; e++) if (i[e] != t[e]) return !1;
		}
	}
	return !0;
}
function Ht(e, t = 100) {
	let n = e.length;
	if (n <= 1) return !0;
	let r = 0, i = n - 1;
	for (; r <= i && e[r] == null;) r++;
	for (; i >= r && e[i] == null;) i--;
	if (i <= r) return !0;
	let a = et(1, z((i - r + 1) / t));
	for (let t = e[r], n = r + a; n <= i; n += a) {
		let r = e[n];
		if (r != null) {
			if (r <= t) return !1;
			t = r;
		}
	}
	return !0;
}
var Ut = [
	"January",
	"February",
	"March",
	"April",
	"May",
	"June",
	"July",
	"August",
	"September",
	"October",
	"November",
	"December"
], Wt = [
	"Sunday",
	"Monday",
	"Tuesday",
	"Wednesday",
	"Thursday",
	"Friday",
	"Saturday"
];
function Gt(e) {
	return e.slice(0, 3);
}
var Kt = Wt.map(Gt), qt = {
	MMMM: Ut,
	MMM: Ut.map(Gt),
	WWWW: Wt,
	WWW: Kt
};
function Jt(e) {
	return (e < 10 ? "0" : "") + e;
}
function Yt(e) {
	return (e < 10 ? "00" : e < 100 ? "0" : "") + e;
}
var K = {
	YYYY: (e) => e.getFullYear(),
	YY: (e) => (e.getFullYear() + "").slice(2),
	MMMM: (e, t) => t.MMMM[e.getMonth()],
	MMM: (e, t) => t.MMM[e.getMonth()],
	MM: (e) => Jt(e.getMonth() + 1),
	M: (e) => e.getMonth() + 1,
	DD: (e) => Jt(e.getDate()),
	D: (e) => e.getDate(),
	WWWW: (e, t) => t.WWWW[e.getDay()],
	WWW: (e, t) => t.WWW[e.getDay()],
	HH: (e) => Jt(e.getHours()),
	H: (e) => e.getHours(),
	h: (e) => {
		let t = e.getHours();
		return t == 0 ? 12 : t > 12 ? t - 12 : t;
	},
	AA: (e) => e.getHours() >= 12 ? "PM" : "AM",
	aa: (e) => e.getHours() >= 12 ? "pm" : "am",
	a: (e) => e.getHours() >= 12 ? "p" : "a",
	mm: (e) => Jt(e.getMinutes()),
	m: (e) => e.getMinutes(),
	ss: (e) => Jt(e.getSeconds()),
	s: (e) => e.getSeconds(),
	fff: (e) => Yt(e.getMilliseconds())
};
function Xt(e, t) {
	t ||= qt;
	let n = [], r = /\{([a-z]+)\}|[^{]+/gi, i;
	for (; i = r.exec(e);) n.push(i[0][0] == "{" ? K[i[1]] : i[0]);
	return (e) => {
		let r = "";
		for (let i = 0; i < n.length; i++) r += typeof n[i] == "string" ? n[i] : n[i](e, t);
		return r;
	};
}
var q = new Intl.DateTimeFormat().resolvedOptions().timeZone;
function Zt(e, t) {
	let n;
	return t == "UTC" || t == "Etc/UTC" ? n = /* @__PURE__ */ new Date(+e + e.getTimezoneOffset() * 6e4) : t == q ? n = e : (n = new Date(e.toLocaleString("en-US", { timeZone: t })), n.setMilliseconds(e.getMilliseconds())), n;
}
var Qt = (e) => e % 1 == 0, $t = [
	1,
	2,
	2.5,
	5
], en = xt(10, -32, 0, $t), tn = xt(10, 0, 32, $t), nn = tn.filter(Qt), rn = en.concat(tn), an = "\n", on = "{YYYY}", sn = an + on, cn = "{M}/{D}", ln = an + cn, un = ln + "/{YY}", dn = "{aa}", fn = "{h}:{mm}" + dn, pn = an + fn, mn = ":{ss}", J = null;
function hn(e) {
	let t = e * 1e3, n = t * 60, r = n * 60, i = r * 24, a = i * 30, o = i * 365, s = (e == 1 ? xt(10, 0, 3, $t).filter(Qt) : xt(10, -3, 0, $t)).concat([
		t,
		t * 5,
		t * 10,
		t * 15,
		t * 30,
		n,
		n * 5,
		n * 10,
		n * 15,
		n * 30,
		r,
		r * 2,
		r * 3,
		r * 4,
		r * 6,
		r * 8,
		r * 12,
		i,
		i * 2,
		i * 3,
		i * 4,
		i * 5,
		i * 6,
		i * 7,
		i * 8,
		i * 9,
		i * 10,
		i * 15,
		a,
		a * 2,
		a * 3,
		a * 4,
		a * 6,
		o,
		o * 2,
		o * 5,
		o * 10,
		o * 25,
		o * 50,
		o * 100
	]), c = [
		[
			o,
			on,
			J,
			J,
			J,
			J,
			J,
			J,
			1
		],
		[
			i * 28,
			"{MMM}",
			sn,
			J,
			J,
			J,
			J,
			J,
			1
		],
		[
			i,
			cn,
			sn,
			J,
			J,
			J,
			J,
			J,
			1
		],
		[
			r,
			"{h}" + dn,
			un,
			J,
			ln,
			J,
			J,
			J,
			1
		],
		[
			n,
			fn,
			un,
			J,
			ln,
			J,
			J,
			J,
			1
		],
		[
			t,
			mn,
			un + " " + fn,
			J,
			ln + " " + fn,
			J,
			pn,
			J,
			1
		],
		[
			e,
			mn + ".{fff}",
			un + " " + fn,
			J,
			ln + " " + fn,
			J,
			pn,
			J,
			1
		]
	];
	function l(t) {
		return (s, c, l, u, d, f) => {
			let p = [], m = d >= o, h = d >= a && d < o, g = t(l), _ = W(g * e, 3), v = Tn(g.getFullYear(), m ? 0 : g.getMonth(), h || m ? 1 : g.getDate()), y = W(v * e, 3);
			if (h || m) {
				let n = h ? d / a : 0, r = m ? d / o : 0, i = _ == y ? _ : W(Tn(v.getFullYear() + r, v.getMonth() + n, 1) * e, 3), s = new Date(Ze(i / e)), c = s.getFullYear(), l = s.getMonth();
				for (let a = 0; i <= u; a++) {
					let o = Tn(c + r * a, l + n * a, 1), s = o - t(W(o * e, 3));
					i = W((+o + s) * e, 3), i <= u && p.push(i);
				}
			} else {
				let a = d >= i ? i : d, o = y + (z(l) - z(_)) + U(_ - y, a);
				p.push(o);
				let m = t(o), h = m.getHours() + m.getMinutes() / n + m.getSeconds() / r, g = d / r, v = f / s.axes[c]._space;
				for (; o = W(o + d, e == 1 ? 0 : 3), !(o > u);) if (g > 1) {
					let e = z(W(h + g, 6)) % 24, n = t(o).getHours() - e;
					n > 1 && (n = -1), o -= n * r, h = (h + g) % 24;
					let i = p[p.length - 1];
					W((o - i) / d, 3) * v >= .7 && p.push(o);
				} else p.push(o);
			}
			return p;
		};
	}
	return [
		s,
		c,
		l
	];
}
var [gn, _n, vn] = hn(1), [yn, bn, xn] = hn(.001);
xt(2, -53, 53, [1]);
function Sn(e, t) {
	return e.map((e) => e.map((n, r) => r == 0 || r == 8 || n == null ? n : t(r == 1 || e[8] == 0 ? n : e[1] + n)));
}
function Cn(e, t) {
	return (n, r, i, a, o) => {
		let s = t.find((e) => o >= e[0]) || t[t.length - 1], c, l, u, d, f, p;
		return r.map((t) => {
			let n = e(t), r = n.getFullYear(), i = n.getMonth(), a = n.getDate(), o = n.getHours(), m = n.getMinutes(), h = n.getSeconds(), g = r != c && s[2] || i != l && s[3] || a != u && s[4] || o != d && s[5] || m != f && s[6] || h != p && s[7] || s[1];
			return c = r, l = i, u = a, d = o, f = m, p = h, g(n);
		});
	};
}
function wn(e, t) {
	let n = Xt(t);
	return (t, r, i, a, o) => r.map((t) => n(e(t)));
}
function Tn(e, t, n) {
	return new Date(e, t, n);
}
function En(e, t) {
	return t(e);
}
var Dn = "{YYYY}-{MM}-{DD} {h}:{mm}{aa}";
function On(e, t) {
	return (n, r, i, a) => a == null ? he : t(e(r));
}
function kn(e, t) {
	let n = e.series[t];
	return n.width ? n.stroke(e, t) : n.points.width ? n.points.stroke(e, t) : null;
}
function An(e, t) {
	return e.series[t].fill(e, t);
}
var jn = {
	show: !0,
	live: !0,
	isolate: !1,
	mount: ut,
	markers: {
		show: !0,
		width: 2,
		stroke: kn,
		fill: An,
		dash: "solid"
	},
	idx: null,
	idxs: null,
	values: []
};
function Mn(e, t) {
	let n = e.cursor.points, r = Ce(), i = n.size(e, t);
	N(r, D, i), N(r, O, i);
	let a = i / -2;
	N(r, "marginLeft", a), N(r, "marginTop", a);
	let o = n.width(e, t, i);
	return o && N(r, "borderWidth", o), r;
}
function Nn(e, t) {
	let n = e.series[t].points;
	return n._fill || n._stroke;
}
function Pn(e, t) {
	let n = e.series[t].points;
	return n._stroke || n._fill;
}
function Fn(e, t) {
	return e.series[t].points.size;
}
var In = [0, 0];
function Ln(e, t, n) {
	return In[0] = t, In[1] = n, In;
}
function Rn(e, t, n, r = !0) {
	return (e) => {
		e.button != 0 || r && e.target != t || n(e);
	};
}
function zn(e, t, n, r = !0) {
	return (e) => {
		r && e.target != t || n(e);
	};
}
var Bn = {
	show: !0,
	x: !0,
	y: !0,
	lock: !1,
	move: Ln,
	points: {
		one: !1,
		show: Mn,
		size: Fn,
		width: 0,
		stroke: Pn,
		fill: Nn
	},
	bind: {
		mousedown: Rn,
		mouseup: Rn,
		click: Rn,
		dblclick: Rn,
		mousemove: zn,
		mouseleave: zn,
		mouseenter: zn
	},
	drag: {
		setScale: !0,
		x: !0,
		y: !1,
		dist: 0,
		uni: null,
		click: (e, t) => {
			t.stopPropagation(), t.stopImmediatePropagation();
		},
		_x: !1,
		_y: !1
	},
	focus: {
		dist: (e, t, n, r, i) => r - i,
		prox: -1,
		bias: 0
	},
	hover: {
		skip: [void 0],
		prox: null,
		bias: 0
	},
	left: -10,
	top: -10,
	idx: null,
	dataIdx: null,
	idxs: null,
	event: null
}, Vn = {
	show: !0,
	stroke: "rgba(0,0,0,0.07)",
	width: 2
}, Hn = G({}, Vn, { filter: ft }), Un = G({}, Hn, { size: 10 }), Wn = G({}, Vn, { show: !1 }), Gn = "12px system-ui, -apple-system, \"Segoe UI\", Roboto, \"Helvetica Neue\", Arial, \"Noto Sans\", sans-serif, \"Apple Color Emoji\", \"Segoe UI Emoji\", \"Segoe UI Symbol\", \"Noto Color Emoji\"", Kn = "bold " + Gn, qn = 1.5, Jn = {
	show: !0,
	scale: "x",
	stroke: ie,
	space: 50,
	gap: 5,
	alignTo: 1,
	size: 50,
	labelGap: 0,
	labelSize: 30,
	labelFont: Kn,
	side: 2,
	grid: Hn,
	ticks: Un,
	border: Wn,
	font: Gn,
	lineGap: qn,
	rotate: 0
}, Yn = "Value", Xn = "Time", Zn = {
	show: !0,
	scale: "x",
	auto: !1,
	sorted: 1,
	min: B,
	max: -Infinity,
	idxs: []
};
function Qn(e, t, n, r, i) {
	return t.map((e) => e == null ? "" : qe(e));
}
function $n(e, t, n, r, i, a, o) {
	let s = [], c = yt.get(i) || 0;
	n = o ? n : W(U(n, i), c);
	for (let e = n; e <= r; e = W(e + i, c)) s.push(Object.is(e, -0) ? 0 : e);
	return s;
}
function er(e, t, n, r, i, a, o) {
	let s = [], c = e.scales[e.axes[t].scale].log;
	i = tt(c, z((c == 10 ? rt : it)(n))), c == 10 && (i = rn[Ne(i, rn)]);
	let l = n, u = i * c;
	c == 10 && (u = rn[Ne(u, rn)]);
	do
		s.push(l), l += i, c == 10 && !yt.has(l) && (l = W(l, yt.get(i))), l >= u && (i = l, u = i * c, c == 10 && (u = rn[Ne(u, rn)]));
	while (l <= r);
	return s;
}
function tr(e, t, n, r, i, a, o) {
	let s = e.scales[e.axes[t].scale].asinh, c = r > s ? er(e, t, et(s, n), r, i) : [s], l = r >= 0 && n <= 0 ? [0] : [];
	return (n < -s ? er(e, t, et(s, -r), -n, i) : [s]).reverse().map((e) => -e).concat(l, c);
}
var nr = /./, rr = /[12357]/, ir = /[125]/, ar = /1/, Y = (e, t, n, r) => e.map((e, i) => t == 4 && e == 0 || i % r == 0 && n.test(e.toExponential()[+(e < 0)]) ? e : null);
function or(e, t, n, r, i) {
	let a = e.axes[n], o = a.scale, s = e.scales[o], c = e.valToPos, l = a._space, u = c(10, o), d = c(9, o) - u >= l ? nr : c(7, o) - u >= l ? rr : c(5, o) - u >= l ? ir : ar;
	if (d == ar) {
		let e = Xe(c(1, o) - u);
		if (e < l) return Y(t.slice().reverse(), s.distr, d, Qe(l / e)).reverse();
	}
	return Y(t, s.distr, d, 1);
}
function sr(e, t, n, r, i) {
	let a = e.axes[n], o = a.scale, s = a._space, c = e.valToPos, l = Xe(c(1, o) - c(2, o));
	return l < s ? Y(t.slice().reverse(), 3, nr, Qe(s / l)).reverse() : t;
}
function cr(e, t, n, r) {
	return r == null ? he : t == null ? "" : qe(t);
}
var lr = {
	show: !0,
	scale: "y",
	stroke: ie,
	space: 30,
	gap: 5,
	alignTo: 1,
	size: 50,
	labelGap: 0,
	labelSize: 30,
	labelFont: Kn,
	side: 3,
	grid: Hn,
	ticks: Un,
	border: Wn,
	font: Gn,
	lineGap: qn,
	rotate: 0
};
function ur(e, t) {
	return W((3 + (e || 1) * 2) * t, 3);
}
function dr(e, t) {
	let { scale: n, idxs: r } = e.series[0], i = e._data[0], a = e.valToPos(i[r[0]], n, !0), o = Xe(e.valToPos(i[r[1]], n, !0) - a) / (e.series[t].points.space * j);
	return r[1] - r[0] <= o;
}
var X = {
	scale: null,
	auto: !0,
	sorted: 0,
	min: B,
	max: -Infinity
}, fr = (e, t, n, r, i) => i, pr = {
	show: !0,
	auto: !0,
	sorted: 0,
	gaps: fr,
	alpha: 1,
	facets: [G({}, X, { scale: "x" }), G({}, X, { scale: "y" })]
}, mr = {
	scale: "y",
	auto: !0,
	sorted: 0,
	show: !0,
	spanGaps: !1,
	gaps: fr,
	alpha: 1,
	points: {
		show: dr,
		filter: null
	},
	values: null,
	min: B,
	max: -Infinity,
	idxs: [],
	path: null,
	clip: null
};
function hr(e, t, n, r, i) {
	return n / 10;
}
var gr = {
	time: o,
	auto: !0,
	distr: 1,
	log: 10,
	asinh: 1,
	min: null,
	max: null,
	dir: 1,
	ori: 0
}, _r = G({}, gr, {
	time: !1,
	ori: 1
}), vr = {};
function yr(e, t) {
	let n = vr[e];
	return n || (n = {
		key: e,
		plots: [],
		sub(e) {
			n.plots.push(e);
		},
		unsub(e) {
			n.plots = n.plots.filter((t) => t != e);
		},
		pub(e, t, r, i, a, o, s) {
			for (let c = 0; c < n.plots.length; c++) n.plots[c] != t && n.plots[c].pub(e, t, r, i, a, o, s);
		}
	}, e != null && (vr[e] = n)), n;
}
var br = 1, xr = 2;
function Sr(e, t, n) {
	let r = e.mode, i = e.series[t], a = r == 2 ? e._data[t] : e._data, o = e.scales, s = e.bbox, c = a[0], l = r == 2 ? a[1] : a[t], u = r == 2 ? o[i.facets[0].scale] : o[e.series[0].scale], d = r == 2 ? o[i.facets[1].scale] : o[i.scale], f = s.left, p = s.top, m = s.width, h = s.height, g = e.valToPosH, _ = e.valToPosV;
	return u.ori == 0 ? n(i, c, l, u, d, g, _, f, p, m, h, jr, Nr, Fr, Lr, zr) : n(i, c, l, u, d, _, g, p, f, h, m, Mr, Pr, Ir, Rr, Br);
}
function Cr(e, t) {
	let n = 0, r = 0, i = L(e.bands, Ct);
	for (let e = 0; e < i.length; e++) {
		let a = i[e];
		a.series[0] == t ? n = a.dir : a.series[1] == t && (a.dir == 1 ? r |= 1 : r |= 2);
	}
	return [n, r == 1 ? -1 : r == 2 ? 1 : r == 3 ? 2 : 0];
}
function wr(e, t, n, r, i) {
	let a = e.mode, o = e.series[t], s = a == 2 ? o.facets[1].scale : o.scale, c = e.scales[s];
	return i == -1 ? c.min : i == 1 ? c.max : c.distr == 3 ? c.dir == 1 ? c.min : c.max : 0;
}
function Tr(e, t, n, r, i, a) {
	return Sr(e, t, (e, t, o, s, c, l, u, d, f, p, m) => {
		let h = e.pxRound, g = s.dir * (s.ori == 0 ? 1 : -1), _ = s.ori == 0 ? Nr : Pr, v, y;
		g == 1 ? (v = n, y = r) : (v = r, y = n);
		let b = h(l(t[v], s, p, d)), x = h(u(o[v], c, m, f)), S = h(l(t[y], s, p, d)), C = h(u(a == 1 ? c.max : c.min, c, m, f)), w = new Path2D(i);
		return _(w, S, C), _(w, b, C), _(w, b, x), w;
	});
}
function Er(e, t, n, r, i, a) {
	let o = null;
	if (e.length > 0) {
		o = new Path2D();
		let s = t == 0 ? Fr : Ir, c = n;
		for (let t = 0; t < e.length; t++) {
			let n = e[t];
			if (n[1] > n[0]) {
				let e = n[0] - c;
				e > 0 && s(o, c, r, e, r + a), c = n[1];
			}
		}
		let l = n + i - c;
		l > 0 && s(o, c, r - 5, l, r + a + 10);
	}
	return o;
}
function Dr(e, t, n) {
	let r = e[e.length - 1];
	r && r[0] == t ? r[1] = n : e.push([t, n]);
}
function Or(e, t, n, r, i, a, o) {
	let s = [], c = e.length;
	for (let l = i == 1 ? n : r; l >= n && l <= r; l += i) if (t[l] === null) {
		let u = l, d = l;
		if (i == 1) for (; ++l <= r && t[l] === null;) d = l;
		else for (; --l >= n && t[l] === null;) d = l;
		let f = a(e[u]), p = d == u ? f : a(e[d]), m = u - i;
		f = o <= 0 && m >= 0 && m < c ? a(e[m]) : f;
		let h = d + i;
		p = o >= 0 && h >= 0 && h < c ? a(e[h]) : p, p >= f && s.push([f, p]);
	}
	return s;
}
function kr(e) {
	return e == 0 ? dt : e == 1 ? Ze : (t) => _t(t, e);
}
function Ar(e) {
	let t = e == 0 ? jr : Mr, n = e == 0 ? (e, t, n, r, i, a) => {
		e.arcTo(t, n, r, i, a);
	} : (e, t, n, r, i, a) => {
		e.arcTo(n, t, i, r, a);
	}, r = e == 0 ? (e, t, n, r, i) => {
		e.rect(t, n, r, i);
	} : (e, t, n, r, i) => {
		e.rect(n, t, i, r);
	};
	return (e, i, a, o, s, c = 0, l = 0) => {
		c == 0 && l == 0 ? r(e, i, a, o, s) : (c = $e(c, o / 2, s / 2), l = $e(l, o / 2, s / 2), t(e, i + c, a), n(e, i + o, a, i + o, a + s, c), n(e, i + o, a + s, i, a + s, l), n(e, i, a + s, i, a, l), n(e, i, a, i + o, a, c), e.closePath());
	};
}
var jr = (e, t, n) => {
	e.moveTo(t, n);
}, Mr = (e, t, n) => {
	e.moveTo(n, t);
}, Nr = (e, t, n) => {
	e.lineTo(t, n);
}, Pr = (e, t, n) => {
	e.lineTo(n, t);
}, Fr = Ar(0), Ir = Ar(1), Lr = (e, t, n, r, i, a) => {
	e.arc(t, n, r, i, a);
}, Rr = (e, t, n, r, i, a) => {
	e.arc(n, t, r, i, a);
}, zr = (e, t, n, r, i, a, o) => {
	e.bezierCurveTo(t, n, r, i, a, o);
}, Br = (e, t, n, r, i, a, o) => {
	e.bezierCurveTo(n, t, i, r, o, a);
};
function Vr(e) {
	return (e, t, n, r, i) => Sr(e, t, (t, a, o, s, c, l, u, d, f, p, m) => {
		let { pxRound: h, points: g } = t, _, v;
		s.ori == 0 ? (_ = jr, v = Lr) : (_ = Mr, v = Rr);
		let y = W(g.width * j, 3), b = (g.size - g.width) / 2 * j, x = W(b * 2, 3), S = new Path2D(), C = new Path2D(), { left: w, top: T, width: E, height: D } = e.bbox;
		Fr(C, w - x, T - x, E + x * 2, D + x * 2);
		let O = (e) => {
			if (o[e] != null) {
				let t = h(l(a[e], s, p, d)), n = h(u(o[e], c, m, f));
				_(S, t + b, n), v(S, t, n, b, 0, Ye * 2);
			}
		};
		if (i) i.forEach(O);
		else for (let e = n; e <= r; e++) O(e);
		return {
			stroke: y > 0 ? S : null,
			fill: S,
			clip: C,
			flags: 3
		};
	});
}
function Hr(e) {
	return (t, n, r, i, a, o) => {
		r != i && (a != r && o != r && e(t, n, r), a != i && o != i && e(t, n, i), e(t, n, o));
	};
}
var Ur = Hr(Nr), Wr = Hr(Pr);
function Gr(e) {
	let t = L(e?.alignGaps, 0);
	return (e, n, r, i) => Sr(e, n, (a, o, s, c, l, u, d, f, p, m, h) => {
		[r, i] = Fe(s, r, i);
		let g = a.pxRound, _ = (e) => g(u(e, c, m, f)), v = (e) => g(d(e, l, h, p)), y, b;
		c.ori == 0 ? (y = Nr, b = Ur) : (y = Pr, b = Wr);
		let x = c.dir * (c.ori == 0 ? 1 : -1), S = {
			stroke: new Path2D(),
			fill: null,
			clip: null,
			band: null,
			gaps: null,
			flags: br
		}, C = S.stroke, w = !1;
		if (i - r >= m * 4) {
			let t = (t) => e.posToVal(t, c.key, !0), n = null, a = null, l, u, d, f = _(o[x == 1 ? r : i]), p = _(o[r]), m = _(o[i]), h = t(x == 1 ? p + 1 : m - 1);
			for (let e = x == 1 ? r : i; e >= r && e <= i; e += x) {
				let r = o[e], i = (x == 1 ? r < h : r > h) ? f : _(r), c = s[e];
				i == f ? c == null ? c === null && (w = !0) : (u = c, n == null ? (y(C, i, v(u)), l = n = a = u) : u < n ? n = u : u > a && (a = u)) : (n != null && b(C, f, v(n), v(a), v(l), v(u)), c == null ? (n = a = null, c === null && (w = !0)) : (u = c, y(C, i, v(u)), n = a = l = u), f = i, h = t(f + x));
			}
			n != null && n != a && d != f && b(C, f, v(n), v(a), v(l), v(u));
		} else for (let e = x == 1 ? r : i; e >= r && e <= i; e += x) {
			let t = s[e];
			t === null ? w = !0 : t != null && y(C, _(o[e]), v(t));
		}
		let [T, E] = Cr(e, n);
		if (a.fill != null || T != 0) {
			let t = S.fill = new Path2D(C), s = v(a.fillTo(e, n, a.min, a.max, T)), c = _(o[r]), l = _(o[i]);
			x == -1 && ([l, c] = [c, l]), y(t, l, s), y(t, c, s);
		}
		if (!a.spanGaps) {
			let l = [];
			w && l.push(...Or(o, s, r, i, x, _, t)), S.gaps = l = a.gaps(e, n, r, i, l), S.clip = Er(l, c.ori, f, p, m, h);
		}
		return E != 0 && (S.band = E == 2 ? [Tr(e, n, r, i, C, -1), Tr(e, n, r, i, C, 1)] : Tr(e, n, r, i, C, E)), S;
	});
}
function Kr(e) {
	let t = L(e.align, 1), n = L(e.ascDesc, !1), r = L(e.alignGaps, 0), i = L(e.extend, !1);
	return (e, a, o, s) => Sr(e, a, (c, l, u, d, f, p, m, h, g, _, v) => {
		[o, s] = Fe(u, o, s);
		let y = c.pxRound, { left: b, width: x } = e.bbox, S = (e) => y(p(e, d, _, h)), C = (e) => y(m(e, f, v, g)), w = d.ori == 0 ? Nr : Pr, T = {
			stroke: new Path2D(),
			fill: null,
			clip: null,
			band: null,
			gaps: null,
			flags: br
		}, E = T.stroke, D = d.dir * (d.ori == 0 ? 1 : -1), O = C(u[D == 1 ? o : s]), ee = S(l[D == 1 ? o : s]), te = ee, ne = ee;
		i && t == -1 && (ne = b, w(E, ne, O)), w(E, ee, O);
		for (let e = D == 1 ? o : s; e >= o && e <= s; e += D) {
			let n = u[e];
			if (n == null) continue;
			let r = S(l[e]), i = C(n);
			t == 1 ? w(E, r, O) : w(E, te, i), w(E, r, i), O = i, te = r;
		}
		let re = te;
		i && t == 1 && (re = b + x, w(E, re, O));
		let [ie, ae] = Cr(e, a);
		if (c.fill != null || ie != 0) {
			let t = T.fill = new Path2D(E), n = C(c.fillTo(e, a, c.min, c.max, ie));
			w(t, re, n), w(t, ne, n);
		}
		if (!c.spanGaps) {
			let i = [];
			i.push(...Or(l, u, o, s, D, S, r));
			let f = c.width * j / 2, p = n || t == 1 ? f : -f, m = n || t == -1 ? -f : f;
			i.forEach((e) => {
				e[0] += p, e[1] += m;
			}), T.gaps = i = c.gaps(e, a, o, s, i), T.clip = Er(i, d.ori, h, g, _, v);
		}
		return ae != 0 && (T.band = ae == 2 ? [Tr(e, a, o, s, E, -1), Tr(e, a, o, s, E, 1)] : Tr(e, a, o, s, E, ae)), T;
	});
}
function qr(e, t, n, r, i, a, o = B) {
	if (e.length > 1) {
		let s = null;
		for (let c = 0, l = Infinity; c < e.length; c++) if (t[c] !== void 0) {
			if (s != null) {
				let t = Xe(e[c] - e[s]);
				t < l && (l = t, o = Xe(n(e[c], r, i, a) - n(e[s], r, i, a)));
			}
			s = c;
		}
	}
	return o;
}
function Jr(e) {
	e ||= St;
	let t = L(e.size, [
		.6,
		B,
		1
	]), n = e.align || 0, r = e.gap || 0, i = e.radius;
	i = i == null ? [0, 0] : typeof i == "number" ? [i, 0] : i;
	let a = V(i), o = 1 - t[0], s = L(t[1], B), c = L(t[2], 1), l = L(e.disp, St), u = L(e.each, (e) => {}), { fill: d, stroke: f } = l;
	return (e, t, i, p) => Sr(e, t, (m, h, g, _, v, y, b, x, S, C, w) => {
		let T = m.pxRound, E = n, D = r * j, O = s * j, ee = c * j, te, ne;
		_.ori == 0 ? [te, ne] = a(e, t) : [ne, te] = a(e, t);
		let re = _.dir * (_.ori == 0 ? 1 : -1), ie = _.ori == 0 ? Fr : Ir, ae = _.ori == 0 ? u : (e, t, n, r, i, a, o) => {
			u(e, t, n, i, r, o, a);
		}, oe = L(e.bands, Ct).find((e) => e.series[0] == t), se = oe == null ? 0 : oe.dir, ce = m.fillTo(e, t, m.min, m.max, se), le = T(b(ce, v, w, S)), ue, de, fe, pe = C, k = T(m.width * j), me = !1, he = null, A = null, ge = null, _e = null;
		d != null && (k == 0 || f != null) && (me = !0, he = d.values(e, t, i, p), A = /* @__PURE__ */ new Map(), new Set(he).forEach((e) => {
			e != null && A.set(e, new Path2D());
		}), k > 0 && (ge = f.values(e, t, i, p), _e = /* @__PURE__ */ new Map(), new Set(ge).forEach((e) => {
			e != null && _e.set(e, new Path2D());
		})));
		let { x0: ve, size: ye } = l;
		if (ve != null && ye != null) {
			E = 1, h = ve.values(e, t, i, p), ve.unit == 2 && (h = h.map((t) => e.posToVal(x + t * C, _.key, !0)));
			let n = ye.values(e, t, i, p);
			de = ye.unit == 2 ? n[0] * C : y(n[0], _, C, x) - y(0, _, C, x), pe = qr(h, g, y, _, C, x, pe), fe = pe - de + D;
		} else pe = qr(h, g, y, _, C, x, pe), fe = pe * o + D, de = pe - fe;
		fe < 1 && (fe = 0), k >= de / 2 && (k = 0), fe < 5 && (T = dt);
		let M = fe > 0, be = pe - fe - (M ? k : 0);
		de = T(ct(be, ee, O)), ue = (E == 0 ? de / 2 : E == re ? 0 : de) - E * re * ((E == 0 ? D / 2 : 0) + (M ? k / 2 : 0));
		let xe = {
			stroke: null,
			fill: null,
			clip: null,
			band: null,
			gaps: null,
			flags: 0
		}, N = me ? null : new Path2D(), Se = null;
		if (oe != null) Se = e.data[oe.series[1]];
		else {
			let { y0: n, y1: r } = l;
			n != null && r != null && (g = r.values(e, t, i, p), Se = n.values(e, t, i, p));
		}
		let Ce = te * de, we = ne * de;
		for (let n = re == 1 ? i : p; n >= i && n <= p; n += re) {
			let r = g[n];
			if (r == null) continue;
			if (Se != null) {
				let e = Se[n] ?? 0;
				if (r - e == 0) continue;
				le = b(e, v, w, S);
			}
			let i = y(_.distr != 2 || l != null ? h[n] : n, _, C, x), a = b(L(r, ce), v, w, S), o = T(i - ue), s = T(et(a, le)), c = T($e(a, le)), u = s - c;
			if (r != null) {
				let i = r < 0 ? we : Ce, a = r < 0 ? Ce : we;
				me ? (k > 0 && ge[n] != null && ie(_e.get(ge[n]), o, c + z(k / 2), de, et(0, u - k), i, a), he[n] != null && ie(A.get(he[n]), o, c + z(k / 2), de, et(0, u - k), i, a)) : ie(N, o, c + z(k / 2), de, et(0, u - k), i, a), ae(e, t, n, o - k / 2, c, de + k, u);
			}
		}
		return k > 0 ? xe.stroke = me ? _e : N : me || (xe._fill = m.width == 0 ? m._fill : m._stroke ?? m._fill, xe.width = 0), xe.fill = me ? A : N, xe;
	});
}
function Yr(e, t) {
	let n = L(t?.alignGaps, 0);
	return (t, r, i, a) => Sr(t, r, (o, s, c, l, u, d, f, p, m, h, g) => {
		[i, a] = Fe(c, i, a);
		let _ = o.pxRound, v = (e) => _(d(e, l, h, p)), y = (e) => _(f(e, u, g, m)), b, x, S;
		l.ori == 0 ? (b = jr, S = Nr, x = zr) : (b = Mr, S = Pr, x = Br);
		let C = l.dir * (l.ori == 0 ? 1 : -1), w = v(s[C == 1 ? i : a]), T = w, E = [], D = [];
		for (let e = C == 1 ? i : a; e >= i && e <= a; e += C) if (c[e] != null) {
			let t = s[e], n = v(t);
			E.push(T = n), D.push(y(c[e]));
		}
		let O = {
			stroke: e(E, D, b, S, x, _),
			fill: null,
			clip: null,
			band: null,
			gaps: null,
			flags: br
		}, ee = O.stroke, [te, ne] = Cr(t, r);
		if (o.fill != null || te != 0) {
			let e = O.fill = new Path2D(ee), n = y(o.fillTo(t, r, o.min, o.max, te));
			S(e, T, n), S(e, w, n);
		}
		if (!o.spanGaps) {
			let e = [];
			e.push(...Or(s, c, i, a, C, v, n)), O.gaps = e = o.gaps(t, r, i, a, e), O.clip = Er(e, l.ori, p, m, h, g);
		}
		return ne != 0 && (O.band = ne == 2 ? [Tr(t, r, i, a, ee, -1), Tr(t, r, i, a, ee, 1)] : Tr(t, r, i, a, ee, ne)), O;
	});
}
function Xr(e) {
	return Yr(Zr, e);
}
function Zr(e, t, n, r, i, a) {
	let o = e.length;
	if (o < 2) return null;
	let s = new Path2D();
	if (n(s, e[0], t[0]), o == 2) r(s, e[1], t[1]);
	else {
		let n = Array(o), r = Array(o - 1), a = Array(o - 1), c = Array(o - 1);
		for (let n = 0; n < o - 1; n++) a[n] = t[n + 1] - t[n], c[n] = e[n + 1] - e[n], r[n] = a[n] / c[n];
		n[0] = r[0];
		for (let e = 1; e < o - 1; e++) r[e] === 0 || r[e - 1] === 0 || r[e - 1] > 0 != r[e] > 0 ? n[e] = 0 : (n[e] = 3 * (c[e - 1] + c[e]) / ((2 * c[e] + c[e - 1]) / r[e - 1] + (c[e] + 2 * c[e - 1]) / r[e]), isFinite(n[e]) || (n[e] = 0));
		n[o - 1] = r[o - 2];
		for (let r = 0; r < o - 1; r++) i(s, e[r] + c[r] / 3, t[r] + n[r] * c[r] / 3, e[r + 1] - c[r] / 3, t[r + 1] - n[r + 1] * c[r] / 3, e[r + 1], t[r + 1]);
	}
	return s;
}
var Qr = /* @__PURE__ */ new Set();
function $r() {
	for (let e of Qr) e.syncRect(!0);
}
A && (je(fe, _e, $r), je(pe, _e, $r, !0), je(me, _e, () => {
	hi.pxRatio = j;
}));
var ei = Gr(), ti = Vr();
function ni(e, t, n, r) {
	return (r ? [e[0], e[1]].concat(e.slice(2)) : [e[0]].concat(e.slice(1))).map((e, r) => ii(e, r, t, n));
}
function ri(e, t) {
	return e.map((e, n) => n == 0 ? {} : G({}, t, e));
}
function ii(e, t, n, r) {
	return G({}, t == 0 ? n : r, e);
}
function ai(e, t, n) {
	return t == null ? wt : [t, n];
}
var oi = ai;
function si(e, t, n) {
	return t == null ? wt : We(t, n, Be, !0);
}
function ci(e, t, n, r) {
	return t == null ? wt : Re(t, n, e.scales[r].log, !1);
}
var li = ci;
function ui(e, t, n, r) {
	return t == null ? wt : ze(t, n, e.scales[r].log, !1);
}
var di = ui;
function fi(e, t, n, r, i) {
	let a = et(st(e), st(t)), o = t - e, s = Ne(i / r * o, n);
	do {
		let e = n[s], t = r * e / o;
		if (t >= i && a + (e < 5 ? yt.get(e) : 0) <= 17) return [e, t];
	} while (++s < n.length);
	return [0, 0];
}
function pi(e) {
	let t, n;
	return e = e.replace(/(\d+)px/, (e, r) => (t = Ze((n = +r) * j)) + "px"), [
		e,
		t,
		n
	];
}
function mi(e) {
	e.show && [e.font, e.labelFont].forEach((e) => {
		let t = W(e[2] * j, 1);
		e[0] = e[0].replace(/[0-9.]+px/, t + "px"), e[1] = t;
	});
}
function hi(e, t, n) {
	let r = { mode: L(e.mode, 1) }, i = r.mode;
	function a(e, t, n, r) {
		let i = t.valToPct(e);
		return r + n * (t.dir == -1 ? 1 - i : i);
	}
	function o(e, t, n, r) {
		let i = t.valToPct(e);
		return r + n * (t.dir == -1 ? i : 1 - i);
	}
	function ie(e, t, n, r) {
		return t.ori == 0 ? a(e, t, n, r) : o(e, t, n, r);
	}
	r.valToPosH = a, r.valToPosV = o;
	let fe = !1;
	r.status = 0;
	let pe = r.root = Ce(s);
	if (e.id != null && (pe.id = e.id), be(pe, e.class), e.title) {
		let t = Ce(u, pe);
		t.textContent = e.title;
	}
	let k = Se("canvas"), A = r.ctx = k.getContext("2d"), ve = Ce(d, pe);
	je("click", ve, (e) => {
		e.target === M && (Z != Mi || Q != Ni) && Li.click(r, e);
	}, !0);
	let ye = r.under = Ce(f, ve);
	ve.appendChild(k);
	let M = r.over = Ce(p, ve);
	e = Nt(e);
	let we = +L(e.pxAlign, 1), Ee = kr(we);
	(e.plugins || []).forEach((t) => {
		t.opts && (e = t.opts(r, e) || e);
	});
	let Oe = e.ms || .001, P = r.series = i == 1 ? ni(e.series || [], Zn, mr, !1) : ri(e.series || [null], pr), Ae = r.axes = ni(e.axes || [], Jn, lr, !0), F = r.scales = {}, Pe = r.bands = e.bands || [];
	Pe.forEach((e) => {
		e.fill = V(e.fill || null), e.dir = L(e.dir, -1);
	});
	let I = i == 2 ? P[1].facets[0].scale : P[0].scale, Fe = {
		axes: gi,
		series: Ur
	}, Ie = (e.drawOrder || ["axes", "series"]).map((e) => Fe[e]);
	function He(e) {
		let t = e.distr == 3 ? (t) => rt(t > 0 ? t : e.clamp(r, t, e.min, e.max, e.key)) : e.distr == 4 ? (t) => ot(t, e.asinh) : e.distr == 100 ? (t) => e.fwd(t) : (e) => e;
		return (n) => {
			let r = t(n), { _min: i, _max: a } = e, o = a - i;
			return (r - i) / o;
		};
	}
	function Ue(t) {
		let n = F[t];
		if (n == null) {
			let r = (e.scales || St)[t] || St;
			if (r.from != null) {
				Ue(r.from);
				let e = G({}, F[r.from], r, { key: t });
				e.valToPct = He(e), F[t] = e;
			} else {
				n = F[t] = G({}, t == I ? gr : _r, r), n.key = t;
				let e = n.time, a = n.range, o = Tt(a);
				if ((t != I || i == 2 && !e) && (o && (a[0] == null || a[1] == null) && (a = {
					min: a[0] == null ? Ve : {
						mode: 1,
						hard: a[0],
						soft: a[0]
					},
					max: a[1] == null ? Ve : {
						mode: 1,
						hard: a[1],
						soft: a[1]
					}
				}, o = !1), !o && kt(a))) {
					let e = a;
					a = (t, n, r) => n == null ? wt : We(n, r, e);
				}
				n.range = V(a || (e ? oi : t == I ? n.distr == 3 ? li : n.distr == 4 ? di : ai : n.distr == 3 ? ci : n.distr == 4 ? ui : si)), n.auto = V(!o && n.auto), n.clamp = V(n.clamp || hr), n._min = n._max = null, n.valToPct = He(n);
			}
		}
	}
	Ue("x"), Ue("y"), i == 1 && P.forEach((e) => {
		Ue(e.scale);
	}), Ae.forEach((e) => {
		Ue(e.scale);
	});
	for (let t in e.scales) Ue(t);
	let R = F[I], Ke = R.distr, qe, Je;
	R.ori == 0 ? (be(pe, c), qe = a, Je = o) : (be(pe, l), qe = o, Je = a);
	let z = {};
	for (let e in F) {
		let t = F[e];
		(t.min != null || t.max != null) && (z[e] = {
			min: t.min,
			max: t.max
		}, t.min = t.max = null);
	}
	let nt = e.tzDate || ((e) => new Date(Ze(e / Oe))), it = e.fmtDate || Xt, st = Oe == 1 ? vn(nt) : xn(nt), ut = Cn(nt, Sn(Oe == 1 ? _n : bn, it)), dt = On(nt, En(Dn, it)), gt = [], H = r.legend = G({}, jn, e.legend), U = r.cursor = G({}, Bn, { drag: { y: i == 2 } }, e.cursor), vt = H.show, xt = U.show, Et = H.markers;
	H.idxs = gt, Et.width = V(Et.width), Et.dash = V(Et.dash), Et.stroke = V(Et.stroke), Et.fill = V(Et.fill);
	let jt, Mt, Pt, Ft = [], It = [], Lt, Rt = !1, Bt = {};
	if (H.live) {
		let e = P[1] ? P[1].values : null;
		Rt = e != null, Lt = Rt ? e(r, 1, 0) : { _: 0 };
		for (let e in Lt) Bt[e] = he;
	}
	if (vt) {
		if (jt = Se("table", b, pe), Pt = Se("tbody", null, jt), H.mount(r, jt), Rt) {
			Mt = Se("thead", null, jt, Pt);
			let e = Se("tr", null, Mt);
			for (var Vt in Se("th", null, e), Lt) Se("th", T, e).textContent = Vt;
		} else be(jt, S), H.live && be(jt, x);
	}
	let Ht = { show: !0 }, Ut = { show: !1 };
	function Wt(e, t) {
		if (t == 0 && (Rt || !H.live || i == 2)) return wt;
		let n = [], a = Se("tr", C, Pt, Pt.childNodes[t]);
		be(a, e.class), e.show || be(a, h);
		let o = Se("th", null, a);
		if (Et.show) {
			let e = Ce(w, o);
			if (t > 0) {
				let n = Et.width(r, t);
				n && (e.style.border = n + "px " + Et.dash(r, t) + " " + Et.stroke(r, t)), e.style.background = Et.fill(r, t);
			}
		}
		let s = Ce(T, o);
		for (var c in e.label instanceof HTMLElement ? s.appendChild(e.label) : s.textContent = e.label, t > 0 && (Et.show || (s.style.color = e.width > 0 ? Et.stroke(r, t) : Et.fill(r, t)), Kt("click", o, (t) => {
			if (U._lock) return;
			Pn(t);
			let n = P.indexOf(e);
			if ((t.ctrlKey || t.metaKey) != H.isolate) {
				let e = P.some((e, t) => t > 0 && t != n && e.show);
				P.forEach((t, r) => {
					r > 0 && Wi(r, e ? r == n ? Ht : Ut : Ht, !0, ka.setSeries);
				});
			} else Wi(n, { show: !e.show }, !0, ka.setSeries);
		}, !1), Ln && Kt(le, o, (t) => {
			U._lock || (Pn(t), Wi(P.indexOf(e), Qi, !0, ka.setSeries));
		}, !1)), Lt) {
			let e = Se("td", E, a);
			e.textContent = "--", n.push(e);
		}
		return [a, n];
	}
	let Gt = /* @__PURE__ */ new Map();
	function Kt(e, t, n, i = !0) {
		let a = Gt.get(t) || {}, o = U.bind[e](r, t, n, i);
		o && (je(e, t, a[e] = o), Gt.set(t, a));
	}
	function qt(e, t, n) {
		let r = Gt.get(t) || {};
		for (let n in r) (e == null || n == e) && (Me(n, t, r[n]), delete r[n]);
		e ?? Gt.delete(t);
	}
	let Jt = 0, Yt = 0, K = 0, q = 0, Zt = 0, Qt = 0, $t = Zt, en = Qt, tn = K, an = q, on = 0, sn = 0, cn = 0, ln = 0;
	r.bbox = {};
	let un = !1, dn = !1, fn = !1, pn = !1, mn = !1, J = !1;
	function hn(e, t, n) {
		(n || e != r.width || t != r.height) && Tn(e, t), _i(!1), fn = !0, dn = !0, Si();
	}
	function Tn(e, t) {
		r.width = Jt = K = e, r.height = Yt = q = t, Zt = Qt = 0, Mn(), Nn();
		let n = r.bbox;
		on = n.left = _t(Zt * j, .5), sn = n.top = _t(Qt * j, .5), cn = n.width = _t(K * j, .5), ln = n.height = _t(q * j, .5);
	}
	function kn() {
		let e = !1, t = 0;
		for (; !e;) {
			t++;
			let n = $r(t), i = hi(t);
			e = t == 3 || n && i, e || (Tn(r.width, r.height), dn = !0);
		}
	}
	function An({ width: e, height: t }) {
		hn(e, t);
	}
	r.setSize = An;
	function Mn() {
		let e = !1, t = !1, n = !1, r = !1;
		Ae.forEach((i, a) => {
			if (i.show && i._show) {
				let { side: a, _size: o } = i, s = a % 2, c = o + (i.label == null ? 0 : i.labelSize);
				c > 0 && (s ? (K -= c, a == 3 ? (Zt += c, r = !0) : n = !0) : (q -= c, a == 0 ? (Qt += c, e = !0) : t = !0));
			}
		}), qn[0] = e, qn[1] = n, qn[2] = t, qn[3] = r, K -= ar[1] + ar[3], Zt += ar[3], q -= ar[2] + ar[0], Qt += ar[0];
	}
	function Nn() {
		let e = Zt + K, t = Qt + q, n = Zt, r = Qt;
		function i(i, a) {
			switch (i) {
				case 1: return e += a, e - a;
				case 2: return t += a, t - a;
				case 3: return n -= a, n + a;
				case 0: return r -= a, r + a;
			}
		}
		Ae.forEach((e, t) => {
			if (e.show && e._show) {
				let t = e.side;
				e._pos = i(t, e._size), e.label != null && (e._lpos = i(t, e.labelSize));
			}
		});
	}
	if (U.dataIdx == null) {
		let e = U.hover, n = e.skip = new Set(e.skip ?? []);
		n.add(void 0);
		let r = e.prox = V(e.prox), i = e.bias ??= 0;
		U.dataIdx = (e, a, o, s) => {
			if (a == 0) return o;
			let c = o, l = r(e, a, o, s) ?? B, u = l >= 0 && l < B, d = R.ori == 0 ? K : q, f = U.left, p = t[0], m = t[a];
			if (n.has(m[o])) {
				c = null;
				let e = null, t = null, r;
				if (i == 0 || i == -1) for (r = o; e == null && r-- > 0;) n.has(m[r]) || (e = r);
				if (i == 0 || i == 1) for (r = o; t == null && r++ < m.length;) n.has(m[r]) || (t = r);
				if (e != null || t != null) {
					if (u) {
						let n = e == null ? -Infinity : qe(p[e], R, d, 0), r = t == null ? Infinity : qe(p[t], R, d, 0), i = f - n, a = r - f;
						i <= a ? i <= l && (c = e) : a <= l && (c = t);
					} else c = t == null ? e : e == null ? t : o - e <= t - o ? e : t;
				}
			} else u && Xe(f - qe(p[o], R, d, 0)) > l && (c = null);
			return c;
		};
	}
	let Pn = (e) => {
		U.event = e;
	};
	U.idxs = gt, U._lock = !1;
	let Fn = U.points;
	Fn.show = V(Fn.show), Fn.size = V(Fn.size), Fn.stroke = V(Fn.stroke), Fn.width = V(Fn.width), Fn.fill = V(Fn.fill);
	let In = r.focus = G({}, e.focus || { alpha: .3 }, U.focus), Ln = In.prox >= 0, Rn = Ln && Fn.one, zn = [], Vn = [], Hn = [];
	function Un(e, t) {
		let n = Fn.show(r, t);
		if (n instanceof HTMLElement) return be(n, y), be(n, e.class), Te(n, -10, -10, K, q), M.insertBefore(n, zn[t]), n;
	}
	function Wn(e, t) {
		if (i == 1 || t > 0) {
			let t = i == 1 && F[e.scale].time, n = e.value;
			e.value = t ? Ot(n) ? On(nt, En(n, it)) : n || dt : n || cr, e.label = e.label || (t ? Xn : Yn);
		}
		if (Rn || t > 0) {
			e.width = e.width == null ? 1 : e.width, e.paths = e.paths || ei || pt, e.fillTo = V(e.fillTo || wr), e.pxAlign = +L(e.pxAlign, we), e.pxRound = kr(e.pxAlign), e.stroke = V(e.stroke || null), e.fill = V(e.fill || null), e._stroke = e._fill = e._paths = e._focus = null;
			let t = ur(et(1, e.width), 1), n = e.points = G({}, {
				size: t,
				width: et(1, t * .2),
				stroke: e.stroke,
				space: t * 2,
				paths: ti,
				_stroke: null,
				_fill: null
			}, e.points);
			n.show = V(n.show), n.filter = V(n.filter), n.fill = V(n.fill), n.stroke = V(n.stroke), n.paths = V(n.paths), n.pxAlign = e.pxAlign;
		}
		if (vt) {
			let n = Wt(e, t);
			Ft.splice(t, 0, n[0]), It.splice(t, 0, n[1]), H.values.push(null);
		}
		if (xt) {
			gt.splice(t, 0, null);
			let n = null;
			Rn ? t == 0 && (n = Un(e, t)) : t > 0 && (n = Un(e, t)), zn.splice(t, 0, n), Vn.splice(t, 0, 0), Hn.splice(t, 0, 0);
		}
		Da("addSeries", t);
	}
	function Gn(e, t) {
		t ??= P.length, e = i == 1 ? ii(e, t, Zn, mr) : ii(e, t, {}, pr), P.splice(t, 0, e), Wn(P[t], t);
	}
	r.addSeries = Gn;
	function Kn(e) {
		if (P.splice(e, 1), vt) {
			H.values.splice(e, 1), It.splice(e, 1);
			let t = Ft.splice(e, 1)[0];
			qt(null, t.firstChild), t.remove();
		}
		xt && (gt.splice(e, 1), zn.splice(e, 1)[0].remove(), Vn.splice(e, 1), Hn.splice(e, 1)), Da("delSeries", e);
	}
	r.delSeries = Kn;
	let qn = [
		!1,
		!1,
		!1,
		!1
	];
	function nr(e, t) {
		if (e._show = e.show, e.show) {
			let n = e.side % 2, i = F[e.scale];
			i ??= (e.scale = n ? P[1].scale : I, F[e.scale]);
			let a = i.time;
			e.size = V(e.size), e.space = V(e.space), e.rotate = V(e.rotate), Tt(e.incrs) && e.incrs.forEach((e) => {
				!yt.has(e) && yt.set(e, bt(e));
			}), e.incrs = V(e.incrs || (i.distr == 2 ? nn : a ? Oe == 1 ? gn : yn : rn)), e.splits = V(e.splits || (a && i.distr == 1 ? st : i.distr == 3 ? er : i.distr == 4 ? tr : $n)), e.stroke = V(e.stroke), e.grid.stroke = V(e.grid.stroke), e.ticks.stroke = V(e.ticks.stroke), e.border.stroke = V(e.border.stroke);
			let o = e.values;
			e.values = Tt(o) && !Tt(o[0]) ? V(o) : a ? Tt(o) ? Cn(nt, Sn(o, it)) : Ot(o) ? wn(nt, o) : o || ut : o || Qn, e.filter = V(e.filter || (i.distr >= 3 && i.log == 10 ? or : i.distr == 3 && i.log == 2 ? sr : ft)), e.font = pi(e.font), e.labelFont = pi(e.labelFont), e._size = e.size(r, null, t, 0), e._space = e._rotate = e._incrs = e._found = e._splits = e._values = null, e._size > 0 && (qn[t] = !0, e._el = Ce(m, ve));
		}
	}
	function rr(e, t, n, r) {
		let [i, a, o, s] = n, c = t % 2, l = 0;
		return c == 0 && (s || a) && (l = t == 0 && !i || t == 2 && !o ? Ze(Jn.size / 3) : 0), c == 1 && (i || o) && (l = t == 1 && !a || t == 3 && !s ? Ze(lr.size / 2) : 0), l;
	}
	let ir = r.padding = (e.padding || [
		rr,
		rr,
		rr,
		rr
	]).map((e) => V(L(e, rr))), ar = r._padding = ir.map((e, t) => e(r, t, qn, 0)), Y, dr = null, X = null, fr = i == 1 ? P[0].idxs : null, vr = null, Sr = !1;
	function Cr(e, n) {
		if (t = e ?? [], r.data = r._data = t, i == 2) {
			Y = 0;
			for (let e = 1; e < P.length; e++) Y += t[e][0].length;
		} else {
			t.length == 0 && (r.data = r._data = t = [[]]), vr = t[0], Y = vr.length;
			let e = t;
			if (Ke == 2) {
				e = t.slice();
				let n = e[0] = Array(Y);
				for (let e = 0; e < Y; e++) n[e] = e;
			}
			r._data = t = e;
		}
		if (_i(!0), Da("setData"), Ke == 2 && (fn = !0), n !== !1) {
			let e = R;
			e.auto(r, Sr) ? Tr() : Ui(I, e.min, e.max), pn ||= U.left >= 0, J = !0, Si();
		}
	}
	r.setData = Cr;
	function Tr() {
		Sr = !0;
		let e, n;
		i == 1 && (Y > 0 ? (dr = fr[0] = 0, X = fr[1] = Y - 1, e = t[0][dr], n = t[0][X], Ke == 2 ? (e = dr, n = X) : e == n && (Ke == 3 ? [e, n] = Re(e, e, R.log, !1) : Ke == 4 ? [e, n] = ze(e, e, R.log, !1) : R.time ? n = e + Ze(86400 / Oe) : [e, n] = We(e, n, Be, !0))) : (dr = fr[0] = e = null, X = fr[1] = n = null)), Ui(I, e, n);
	}
	let Er, Dr, Or, Ar, jr, Mr, Nr, Pr, Fr, Ir;
	function Lr(e, t, n, r, i, a) {
		e ??= ae, n ??= Ct, r ??= "butt", i ??= ae, a ??= "round", e != Er && (A.strokeStyle = Er = e), i != Dr && (A.fillStyle = Dr = i), t != Or && (A.lineWidth = Or = t), a != jr && (A.lineJoin = jr = a), r != Mr && (A.lineCap = Mr = r), n != Ar && A.setLineDash(Ar = n);
	}
	function Rr(e, t, n, r) {
		t != Dr && (A.fillStyle = Dr = t), e != Nr && (A.font = Nr = e), n != Pr && (A.textAlign = Pr = n), r != Fr && (A.textBaseline = Fr = r);
	}
	function zr(e, t, n, i, a = 0) {
		if (i.length > 0 && e.auto(r, Sr) && (t == null || t.min == null)) {
			let t = L(dr, 0), r = L(X, i.length - 1), o = n.min == null ? Le(i, t, r, a, e.distr == 3) : [n.min, n.max];
			e.min = $e(e.min, n.min = o[0]), e.max = et(e.max, n.max = o[1]);
		}
	}
	let Br = {
		min: null,
		max: null
	};
	function Vr() {
		for (let e in F) {
			let t = F[e];
			z[e] == null && (t.min == null || z[I] != null && t.auto(r, Sr)) && (z[e] = Br);
		}
		for (let e in F) {
			let t = F[e];
			z[e] == null && t.from != null && z[t.from] != null && (z[e] = Br);
		}
		z[I] != null && _i(!0);
		let e = {};
		for (let t in z) {
			let n = z[t];
			if (n != null) {
				let a = e[t] = Nt(F[t], At);
				if (n.min != null) G(a, n);
				else if (t != I || i == 2) {
					if (Y == 0 && a.from == null) {
						let e = a.range(r, null, null, t);
						a.min = e[0], a.max = e[1];
					} else a.min = B, a.max = -Infinity;
				}
			}
		}
		if (Y > 0) {
			P.forEach((n, a) => {
				if (i == 1) {
					let i = n.scale, o = z[i];
					if (o == null) return;
					let s = e[i];
					if (a == 0) {
						let e = s.range(r, s.min, s.max, i);
						s.min = e[0], s.max = e[1], dr = Ne(s.min, t[0]), X = Ne(s.max, t[0]), X - dr > 1 && (t[0][dr] < s.min && dr++, t[0][X] > s.max && X--), n.min = vr[dr], n.max = vr[X];
					} else n.show && n.auto && zr(s, o, n, t[a], n.sorted);
					n.idxs[0] = dr, n.idxs[1] = X;
				} else if (a > 0 && n.show && n.auto) {
					let [r, i] = n.facets, o = r.scale, s = i.scale, [c, l] = t[a], u = e[o], d = e[s];
					u != null && zr(u, z[o], r, c, r.sorted), d != null && zr(d, z[s], i, l, i.sorted), n.min = i.min, n.max = i.max;
				}
			});
			for (let t in e) {
				let n = e[t], i = z[t];
				if (n.from == null && (i == null || i.min == null)) {
					let e = n.range(r, n.min == B ? null : n.min, n.max == -Infinity ? null : n.max, t);
					n.min = e[0], n.max = e[1];
				}
			}
		}
		for (let t in e) {
			let n = e[t];
			if (n.from != null) {
				let i = e[n.from];
				if (i.min == null) n.min = n.max = null;
				else {
					let e = n.range(r, i.min, i.max, t);
					n.min = e[0], n.max = e[1];
				}
			}
		}
		let n = {}, a = !1;
		for (let t in e) {
			let r = e[t], i = F[t];
			if (i.min != r.min || i.max != r.max) {
				i.min = r.min, i.max = r.max;
				let e = i.distr;
				i._min = e == 3 ? rt(i.min) : e == 4 ? ot(i.min, i.asinh) : e == 100 ? i.fwd(i.min) : i.min, i._max = e == 3 ? rt(i.max) : e == 4 ? ot(i.max, i.asinh) : e == 100 ? i.fwd(i.max) : i.max, n[t] = a = !0;
			}
		}
		if (a) {
			P.forEach((e, t) => {
				i == 2 ? t > 0 && n.y && (e._paths = null) : n[e.scale] && (e._paths = null);
			});
			for (let e in n) fn = !0, Da("setScale", e);
			xt && U.left >= 0 && (pn = J = !0);
		}
		for (let e in z) z[e] = null;
	}
	function Hr(e) {
		let t = ct(dr - 1, 0, Y - 1), n = ct(X + 1, 0, Y - 1);
		for (; e[t] == null && t > 0;) t--;
		for (; e[n] == null && n < Y - 1;) n++;
		return [t, n];
	}
	function Ur() {
		if (Y > 0) {
			let e = P.some((e) => e._focus) && Ir != In.alpha;
			e && (A.globalAlpha = Ir = In.alpha), P.forEach((e, n) => {
				if (n > 0 && e.show && (Wr(n, !1), Wr(n, !0), e._paths == null)) {
					let a = Ir;
					Ir != e.alpha && (A.globalAlpha = Ir = e.alpha);
					let o = i == 2 ? [0, t[n][0].length - 1] : Hr(t[n]);
					e._paths = e.paths(r, n, o[0], o[1]), Ir != a && (A.globalAlpha = Ir = a);
				}
			}), P.forEach((e, t) => {
				if (t > 0 && e.show) {
					let n = Ir;
					Ir != e.alpha && (A.globalAlpha = Ir = e.alpha), e._paths != null && Gr(t, !1);
					{
						let n = e._paths == null ? null : e._paths.gaps, i = e.points.show(r, t, dr, X, n), a = e.points.filter(r, t, i, n);
						(i || a) && (e.points._paths = e.points.paths(r, t, dr, X, a), Gr(t, !0));
					}
					Ir != n && (A.globalAlpha = Ir = n), Da("drawSeries", t);
				}
			}), e && (A.globalAlpha = Ir = 1);
		}
	}
	function Wr(e, t) {
		let n = t ? P[e].points : P[e];
		n._stroke = n.stroke(r, e), n._fill = n.fill(r, e);
	}
	function Gr(e, t) {
		let n = t ? P[e].points : P[e], { stroke: r, fill: i, clip: a, flags: o, _stroke: s = n._stroke, _fill: c = n._fill, _width: l = n.width } = n._paths;
		l = W(l * j, 3);
		let u = null, d = l % 2 / 2;
		t && c == null && (c = l > 0 ? "#fff" : s);
		let f = n.pxAlign == 1 && d > 0;
		if (f && A.translate(d, d), !t) {
			let e = on - l / 2, t = sn - l / 2, n = cn + l, r = ln + l;
			u = new Path2D(), u.rect(e, t, n, r);
		}
		t ? qr(s, l, n.dash, n.cap, c, r, i, o, a) : Kr(e, s, l, n.dash, n.cap, c, r, i, o, u, a), f && A.translate(-d, -d);
	}
	function Kr(e, n, i, a, o, s, c, l, u, d, f) {
		let p = !1;
		u != 0 && Pe.forEach((m, h) => {
			if (m.series[0] == e) {
				let e = P[m.series[1]], g = t[m.series[1]], _ = (e._paths || St).band;
				Tt(_) && (_ = m.dir == 1 ? _[0] : _[1]);
				let v, y = null;
				e.show && _ && Ge(g, dr, X) ? (y = m.fill(r, h) || s, v = e._paths.clip) : _ = null, qr(n, i, a, o, y, c, l, u, d, f, v, _), p = !0;
			}
		}), p || qr(n, i, a, o, s, c, l, u, d, f);
	}
	function qr(e, t, n, r, i, a, o, s, c, l, u, d) {
		Lr(e, t, n, r, i), (c || l || d) && (A.save(), c && A.clip(c), l && A.clip(l)), d ? (s & 3) == 3 ? (A.clip(d), u && A.clip(u), Yr(i, o), Jr(e, a, t)) : s & xr ? (Yr(i, o), A.clip(d), Jr(e, a, t)) : s & br && (A.save(), A.clip(d), u && A.clip(u), Yr(i, o), A.restore(), Jr(e, a, t)) : (Yr(i, o), Jr(e, a, t)), (c || l || d) && A.restore();
	}
	function Jr(e, t, n) {
		n > 0 && (t instanceof Map ? t.forEach((e, t) => {
			A.strokeStyle = Er = t, A.stroke(e);
		}) : t != null && e && A.stroke(t));
	}
	function Yr(e, t) {
		t instanceof Map ? t.forEach((e, t) => {
			A.fillStyle = Dr = t, A.fill(e);
		}) : t != null && e && A.fill(t);
	}
	function Xr(e, t, n, i) {
		let a = Ae[e], o;
		if (i <= 0) o = [0, 0];
		else {
			let s = a._space = a.space(r, e, t, n, i);
			o = fi(t, n, a._incrs = a.incrs(r, e, t, n, i, s), i, s);
		}
		return a._found = o;
	}
	function Zr(e, t, n, r, i, a, o, s, c, l) {
		let u = o % 2 / 2;
		we == 1 && A.translate(u, u), Lr(s, o, c, l, s), A.beginPath();
		let d, f, p, m, h = i + (r == 0 || r == 3 ? -a : a);
		n == 0 ? (f = i, m = h) : (d = i, p = h);
		for (let r = 0; r < e.length; r++) t[r] != null && (n == 0 ? d = p = e[r] : f = m = e[r], A.moveTo(d, f), A.lineTo(p, m));
		A.stroke(), we == 1 && A.translate(-u, -u);
	}
	function $r(e) {
		let t = !0;
		return Ae.forEach((n, i) => {
			if (!n.show) return;
			let a = F[n.scale];
			if (a.min == null) {
				n._show && (t = !1, n._show = !1, _i(!1));
				return;
			}
			n._show || (t = !1, n._show = !0, _i(!1));
			let o = n.side, s = o % 2, { min: c, max: l } = a, [u, d] = Xr(i, c, l, s == 0 ? K : q);
			if (d == 0) return;
			let f = a.distr == 2, p = n._splits = n.splits(r, i, c, l, u, d, f), m = a.distr == 2 ? p.map((e) => vr[e]) : p, h = a.distr == 2 ? vr[p[1]] - vr[p[0]] : u, g = n._values = n.values(r, n.filter(r, m, i, d, h), i, d, h);
			n._rotate = o == 2 ? n.rotate(r, g, i, d) : 0;
			let _ = n._size;
			n._size = Qe(n.size(r, g, i, e)), _ != null && n._size != _ && (t = !1);
		}), t;
	}
	function hi(e) {
		let t = !0;
		return ir.forEach((n, i) => {
			let a = n(r, i, qn, e);
			a != ar[i] && (t = !1), ar[i] = a;
		}), t;
	}
	function gi() {
		for (let e = 0; e < Ae.length; e++) {
			let t = Ae[e];
			if (!t.show || !t._show) continue;
			let n = t.side, i = n % 2, a, o, s = t.stroke(r, e), c = n == 0 || n == 3 ? -1 : 1, [l, u] = t._found;
			if (t.label != null) {
				let d = t.labelGap * c, f = Ze((t._lpos + d) * j);
				Rr(t.labelFont[0], s, "center", n == 2 ? ee : te), A.save(), i == 1 ? (a = o = 0, A.translate(f, Ze(sn + ln / 2)), A.rotate((n == 3 ? -Ye : Ye) / 2)) : (a = Ze(on + cn / 2), o = f);
				let p = lt(t.label) ? t.label(r, e, l, u) : t.label;
				A.fillText(p, a, o), A.restore();
			}
			if (u == 0) continue;
			let d = F[t.scale], f = i == 0 ? cn : ln, p = i == 0 ? on : sn, m = t._splits, h = d.distr == 2 ? m.map((e) => vr[e]) : m, g = d.distr == 2 ? vr[m[1]] - vr[m[0]] : l, _ = t.ticks, v = t.border, y = _.show ? _.size : 0, b = Ze(y * j), x = Ze((t.alignTo == 2 ? t._size - y - t.gap : t.gap) * j), S = t._rotate * -Ye / 180, C = Ee(t._pos * j), w = C + (b + x) * c;
			o = i == 0 ? w : 0, a = i == 1 ? w : 0;
			let T = t.font[0];
			Rr(T, s, t.align == 1 ? ne : t.align == 2 ? re : S > 0 ? ne : S < 0 ? re : i == 0 ? "center" : n == 3 ? re : ne, S || i == 1 ? "middle" : n == 2 ? ee : te);
			let E = t.font[1] * t.lineGap, D = m.map((e) => Ee(ie(e, d, f, p))), O = t._values;
			for (let e = 0; e < O.length; e++) {
				let t = O[e];
				if (t != null) {
					i == 0 ? a = D[e] : o = D[e], t = "" + t;
					let n = t.indexOf("\n") == -1 ? [t] : t.split(/\n/gm);
					for (let e = 0; e < n.length; e++) {
						let t = n[e];
						S ? (A.save(), A.translate(a, o + e * E), A.rotate(S), A.fillText(t, 0, 0), A.restore()) : A.fillText(t, a, o + e * E);
					}
				}
			}
			_.show && Zr(D, _.filter(r, h, e, u, g), i, n, C, b, W(_.width * j, 3), _.stroke(r, e), _.dash, _.cap);
			let ae = t.grid;
			ae.show && Zr(D, ae.filter(r, h, e, u, g), i, i == 0 ? 2 : 1, i == 0 ? sn : on, i == 0 ? ln : cn, W(ae.width * j, 3), ae.stroke(r, e), ae.dash, ae.cap), v.show && Zr([C], [1], +(i == 0), i == 0 ? 1 : 2, i == 1 ? sn : on, i == 1 ? ln : cn, W(v.width * j, 3), v.stroke(r, e), v.dash, v.cap);
		}
		Da("drawAxes");
	}
	function _i(e) {
		P.forEach((t, n) => {
			n > 0 && (t._paths = null, e && (i == 1 ? (t.min = null, t.max = null) : t.facets.forEach((e) => {
				e.min = null, e.max = null;
			})));
		});
	}
	let vi = !1, yi = !1, bi = [];
	function xi() {
		yi = !1;
		for (let e = 0; e < bi.length; e++) Da(...bi[e]);
		bi.length = 0;
	}
	function Si() {
		vi ||= (zt(wi), !0);
	}
	function Ci(e, t = !1) {
		vi = !0, yi = t, e(r), wi(), t && bi.length > 0 && queueMicrotask(xi);
	}
	r.batch = Ci;
	function wi() {
		if (un &&= (Vr(), !1), fn &&= (kn(), !1), dn) {
			if (N(ye, ne, Zt), N(ye, ee, Qt), N(ye, D, K), N(ye, O, q), N(M, ne, Zt), N(M, ee, Qt), N(M, D, K), N(M, O, q), N(ve, D, Jt), N(ve, O, Yt), k.width = Ze(Jt * j), k.height = Ze(Yt * j), Ae.forEach(({ _el: e, _show: t, _size: n, _pos: r, side: i }) => {
				if (e != null) {
					if (t) {
						let t = i === 3 || i === 0 ? n : 0, a = i % 2 == 1;
						N(e, a ? "left" : "top", r - t), N(e, a ? "width" : "height", n), N(e, a ? "top" : "left", a ? Qt : Zt), N(e, a ? "height" : "width", a ? q : K), xe(e, h);
					} else be(e, h);
				}
			}), Er = Dr = Or = jr = Mr = Nr = Pr = Fr = Ar = null, Ir = 1, da(!0), Zt != $t || Qt != en || K != tn || q != an) {
				_i(!1);
				let e = K / tn, t = q / an;
				if (xt && !pn && U.left >= 0) {
					U.left *= e, U.top *= t, Oi && Te(Oi, Ze(U.left), 0, K, q), ki && Te(ki, 0, Ze(U.top), K, q);
					for (let n = 0; n < zn.length; n++) {
						let r = zn[n];
						r != null && (Vn[n] *= e, Hn[n] *= t, Te(r, Qe(Vn[n]), Qe(Hn[n]), K, q));
					}
				}
				if ($.show && !mn && $.left >= 0 && $.width > 0) {
					$.left *= e, $.width *= e, $.top *= t, $.height *= t;
					for (let e in ma) N(Bi, e, $[e]);
				}
				$t = Zt, en = Qt, tn = K, an = q;
			}
			Da("setSize"), dn = !1;
		}
		Jt > 0 && Yt > 0 && (A.clearRect(0, 0, k.width, k.height), Da("drawClear"), Ie.forEach((e) => e()), Da("draw")), $.show && mn && (Vi($), mn = !1), xt && pn && (la(null, !0, !1), pn = !1), H.show && H.live && J && (sa(), J = !1), fe || (fe = !0, r.status = 1, Da("ready")), Sr = !1, vi = !1;
	}
	r.redraw = (e, t) => {
		fn = t || !1, e === !1 ? Si() : Ui(I, R.min, R.max);
	};
	function Ti(e, n) {
		let i = F[e];
		if (i.from == null) {
			if (Y == 0) {
				let t = i.range(r, n.min, n.max, e);
				n.min = t[0], n.max = t[1];
			}
			if (n.min > n.max) {
				let e = n.min;
				n.min = n.max, n.max = e;
			}
			if (Y > 1 && n.min != null && n.max != null && n.max - n.min < 1e-16) return;
			e == I && i.distr == 2 && Y > 0 && (n.min = Ne(n.min, t[0]), n.max = Ne(n.max, t[0]), n.min == n.max && n.max++), z[e] = n, un = !0, Si();
		}
	}
	r.setScale = Ti;
	let Ei, Di, Oi, ki, Ai, ji, Mi, Ni, Pi, Fi, Z, Q, Ii = !1, Li = U.drag, Ri = Li.x, zi = Li.y;
	xt && (U.x && (Ei = Ce(_, M)), U.y && (Di = Ce(v, M)), R.ori == 0 ? (Oi = Ei, ki = Di) : (Oi = Di, ki = Ei), Z = U.left, Q = U.top);
	let $ = r.select = G({
		show: !0,
		over: !0,
		left: 0,
		width: 0,
		top: 0,
		height: 0
	}, e.select), Bi = $.show ? Ce(g, $.over ? M : ye) : null;
	function Vi(e, t) {
		if ($.show) {
			for (let t in e) $[t] = e[t], t in ma && N(Bi, t, e[t]);
			t !== !1 && Da("setSelect");
		}
	}
	r.setSelect = Vi;
	function Hi(e) {
		if (P[e].show) vt && xe(Ft[e], h);
		else if (vt && be(Ft[e], h), xt) {
			let t = Rn ? zn[0] : zn[e];
			t != null && Te(t, -10, -10, K, q);
		}
	}
	function Ui(e, t, n) {
		Ti(e, {
			min: t,
			max: n
		});
	}
	function Wi(e, t, n, a) {
		t.focus != null && $i(e), t.show != null && P.forEach((n, r) => {
			r > 0 && (e == r || e == null) && (n.show = t.show, Hi(r), i == 2 ? (Ui(n.facets[0].scale, null, null), Ui(n.facets[1].scale, null, null)) : Ui(n.scale, null, null), Si());
		}), n !== !1 && Da("setSeries", e, t), a && Ma("setSeries", r, e, t);
	}
	r.setSeries = Wi;
	function Gi(e, t) {
		G(Pe[e], t);
	}
	function Ki(e, t) {
		e.fill = V(e.fill || null), e.dir = L(e.dir, -1), t ??= Pe.length, Pe.splice(t, 0, e);
	}
	function qi(e) {
		e == null ? Pe.length = 0 : Pe.splice(e, 1);
	}
	r.addBand = Ki, r.setBand = Gi, r.delBand = qi;
	function Ji(e, t) {
		P[e].alpha = t, xt && zn[e] != null && (zn[e].style.opacity = t), vt && Ft[e] && (Ft[e].style.opacity = t);
	}
	let Yi, Xi, Zi, Qi = { focus: !0 };
	function $i(e) {
		if (e != Zi) {
			let t = e == null, n = In.alpha != 1;
			P.forEach((r, a) => {
				if (i == 1 || a > 0) {
					let i = t || a == 0 || a == e;
					r._focus = t ? null : i, n && Ji(a, i ? 1 : In.alpha);
				}
			}), Zi = e, n && Si();
		}
	}
	vt && Ln && Kt(ue, jt, (e) => {
		U._lock || (Pn(e), Zi != null && Wi(null, Qi, !0, ka.setSeries));
	});
	function ea(e, t, n) {
		let r = F[t];
		n && (e = e / j - (r.ori == 1 ? Qt : Zt));
		let i = K;
		r.ori == 1 && (i = q, e = i - e), r.dir == -1 && (e = i - e);
		let a = r._min, o = r._max, s = e / i, c = a + (o - a) * s, l = r.distr;
		return l == 3 ? tt(10, c) : l == 4 ? at(c, r.asinh) : l == 100 ? r.bwd(c) : c;
	}
	function ta(e, n) {
		return Ne(ea(e, I, n), t[0], dr, X);
	}
	r.valToIdx = (e) => Ne(e, t[0]), r.posToIdx = ta, r.posToVal = ea, r.valToPos = (e, t, n) => F[t].ori == 0 ? a(e, F[t], n ? cn : K, n ? on : 0) : o(e, F[t], n ? ln : q, n ? sn : 0), r.setCursor = (e, t, n) => {
		Z = e.left, Q = e.top, la(null, t, n);
	};
	function na(e, t) {
		N(Bi, ne, $.left = e), N(Bi, D, $.width = t);
	}
	function ra(e, t) {
		N(Bi, ee, $.top = e), N(Bi, O, $.height = t);
	}
	let ia = R.ori == 0 ? na : ra, aa = R.ori == 1 ? na : ra;
	function oa() {
		if (vt && H.live) for (let e = +(i == 2); e < P.length; e++) {
			if (e == 0 && Rt) continue;
			let t = H.values[e], n = 0;
			for (let r in t) It[e][n++].firstChild.nodeValue = t[r];
		}
	}
	function sa(e, t) {
		if (e != null && (e.idxs ? e.idxs.forEach((e, t) => {
			gt[t] = e;
		}) : Dt(e.idx) || gt.fill(e.idx), H.idx = gt[0]), vt && H.live) {
			for (let e = 0; e < P.length; e++) (e > 0 || i == 1 && !Rt) && ca(e, gt[e]);
			oa();
		}
		J = !1, t !== !1 && Da("setLegend");
	}
	r.setLegend = sa;
	function ca(e, n) {
		let i = P[e], a = e == 0 && Ke == 2 ? vr : t[e], o;
		Rt ? o = i.values(r, e, n) ?? Bt : (o = i.value(r, n == null ? null : a[n], e, n), o = o == null ? Bt : { _: o }), H.values[e] = o;
	}
	function la(e, n, a) {
		Pi = Z, Fi = Q, [Z, Q] = U.move(r, Z, Q), U.left = Z, U.top = Q, xt && (Oi && Te(Oi, Ze(Z), 0, K, q), ki && Te(ki, 0, Ze(Q), K, q));
		let o, s = dr > X;
		Yi = B, Xi = null;
		let c = R.ori == 0 ? K : q, l = R.ori == 1 ? K : q;
		if (Z < 0 || Y == 0 || s) {
			o = U.idx = null;
			for (let e = 0; e < P.length; e++) {
				let t = zn[e];
				t != null && Te(t, -10, -10, K, q);
			}
			Ln && Wi(null, Qi, !0, e == null && ka.setSeries), H.live && (gt.fill(o), J = !0);
		} else {
			let e, n, a;
			i == 1 && (e = R.ori == 0 ? Z : Q, n = ea(e, I), o = U.idx = Ne(n, t[0], dr, X), a = qe(t[0][o], R, c, 0));
			let s = -10, u = -10, d = 0, f = 0, p = !0, m = "", h = "";
			for (let e = +(i == 2); e < P.length; e++) {
				let g = P[e], _ = gt[e], v = _ == null ? null : i == 1 ? t[e][_] : t[e][1][_], y = U.dataIdx(r, e, o, n), b = y == null ? null : i == 1 ? t[e][y] : t[e][1][y];
				if (J = J || b != v || y != _, gt[e] = y, e > 0 && g.show) {
					let n = y == null ? -10 : y == o ? a : qe(i == 1 ? t[0][y] : t[e][0][y], R, c, 0), _ = b == null ? -10 : Je(b, i == 1 ? F[g.scale] : F[g.facets[1].scale], l, 0);
					if (Ln && b != null) {
						let t = R.ori == 1 ? Z : Q, n = Xe(In.dist(r, e, y, _, t));
						if (n < Yi) {
							let r = In.bias;
							if (r != 0) {
								let i = ea(t, g.scale), a = b >= 0 ? 1 : -1, o = i >= 0 ? 1 : -1;
								o == a && (o == 1 ? r == 1 ? b >= i : b <= i : r == 1 ? b <= i : b >= i) && (Yi = n, Xi = e);
							} else Yi = n, Xi = e;
						}
					}
					if (J || Rn) {
						let t, i;
						R.ori == 0 ? (t = n, i = _) : (t = _, i = n);
						let a, o, c, l, g, v, y = !0, b = Fn.bbox;
						if (b != null) {
							y = !1;
							let t = b(r, e);
							c = t.left, l = t.top, a = t.width, o = t.height;
						} else c = t, l = i, a = o = Fn.size(r, e);
						if (v = Fn.fill(r, e), g = Fn.stroke(r, e), Rn) e == Xi && Yi <= In.prox && (s = c, u = l, d = a, f = o, p = y, m = v, h = g);
						else {
							let t = zn[e];
							t != null && (Vn[e] = c, Hn[e] = l, ke(t, a, o, y), De(t, v, g), Te(t, Qe(c), Qe(l), K, q));
						}
					}
				}
			}
			if (Rn) {
				let e = In.prox;
				if (J || (Zi == null ? Yi <= e : Yi > e || Xi != Zi)) {
					let e = zn[0];
					e != null && (Vn[0] = s, Hn[0] = u, ke(e, d, f, p), De(e, m, h), Te(e, Qe(s), Qe(u), K, q));
				}
			}
		}
		if ($.show && Ii) {
			if (e != null) {
				let [t, n] = ka.scales, [r, i] = ka.match, [a, o] = e.cursor.sync.scales, s = e.cursor.drag;
				if (Ri = s._x, zi = s._y, Ri || zi) {
					let { left: s, top: u, width: d, height: f } = e.select, p = e.scales[a].ori, m = e.posToVal, h, g, _, v, y, b = t != null && r(t, a), x = n != null && i(n, o);
					b && Ri ? (p == 0 ? (h = s, g = d) : (h = u, g = f), _ = F[t], v = qe(m(h, a), _, c, 0), y = qe(m(h + g, a), _, c, 0), ia($e(v, y), Xe(y - v))) : ia(0, c), x && zi ? (p == 1 ? (h = s, g = d) : (h = u, g = f), _ = F[n], v = Je(m(h, o), _, l, 0), y = Je(m(h + g, o), _, l, 0), aa($e(v, y), Xe(y - v))) : aa(0, l);
				} else ha();
			} else {
				let e = Xe(Pi - Ai), t = Xe(Fi - ji);
				if (R.ori == 1) {
					let n = e;
					e = t, t = n;
				}
				Ri = Li.x && e >= Li.dist, zi = Li.y && t >= Li.dist;
				let n = Li.uni;
				n == null ? Li.x && Li.y && (Ri || zi) && (Ri = zi = !0) : Ri && zi && (Ri = e >= n, zi = t >= n, !Ri && !zi && (t > e ? zi = !0 : Ri = !0));
				let r, i;
				Ri && (R.ori == 0 ? (r = Mi, i = Z) : (r = Ni, i = Q), ia($e(r, i), Xe(i - r)), zi || aa(0, l)), zi && (R.ori == 1 ? (r = Mi, i = Z) : (r = Ni, i = Q), aa($e(r, i), Xe(i - r)), Ri || ia(0, c)), !Ri && !zi && (ia(0, 0), aa(0, 0));
			}
		}
		if (Li._x = Ri, Li._y = zi, e == null) {
			if (a) {
				if (Aa != null) {
					let [e, t] = ka.scales;
					ka.values[0] = e == null ? null : ea(R.ori == 0 ? Z : Q, e), ka.values[1] = t == null ? null : ea(R.ori == 1 ? Z : Q, t);
				}
				Ma(oe, r, Z, Q, K, q, o);
			}
			if (Ln) {
				let e = a && ka.setSeries, t = In.prox;
				Zi == null ? Yi <= t && Wi(Xi, Qi, !0, e) : Yi > t ? Wi(null, Qi, !0, e) : Xi != Zi && Wi(Xi, Qi, !0, e);
			}
		}
		J && (H.idx = o, sa()), n !== !1 && Da("setCursor");
	}
	let ua = null;
	Object.defineProperty(r, "rect", { get() {
		return ua ?? da(!1), ua;
	} });
	function da(e = !1) {
		e ? ua = null : (ua = M.getBoundingClientRect(), Da("syncRect", ua));
	}
	function fa(e, t, n, r, i, a, o) {
		U._lock || Ii && e != null && e.movementX == 0 && e.movementY == 0 || (pa(e, t, n, r, i, a, o, !1, e != null), e == null ? la(t, !0, !1) : la(null, !0, !0));
	}
	function pa(e, t, n, i, a, o, s, c, l) {
		if (ua ?? da(!1), Pn(e), e != null) n = e.clientX - ua.left, i = e.clientY - ua.top;
		else {
			if (n < 0 || i < 0) {
				Z = -10, Q = -10;
				return;
			}
			let [e, r] = ka.scales, s = t.cursor.sync, [c, l] = s.values, [u, d] = s.scales, [f, p] = ka.match, m = t.axes[0].side % 2 == 1, h = R.ori == 0 ? K : q, g = R.ori == 1 ? K : q, _ = m ? o : a, v = m ? a : o, y = m ? i : n, b = m ? n : i;
			if (n = u == null ? y / _ * h : f(e, u) ? ie(c, F[e], h, 0) : -10, i = d == null ? b / v * g : p(r, d) ? ie(l, F[r], g, 0) : -10, R.ori == 1) {
				let e = n;
				n = i, i = e;
			}
		}
		l && (t == null || t.cursor.event.type == oe) && ((n <= 1 || n >= K - 1) && (n = _t(n, K)), (i <= 1 || i >= q - 1) && (i = _t(i, q))), c ? (Ai = n, ji = i, [Mi, Ni] = U.move(r, n, i)) : (Z = n, Q = i);
	}
	let ma = {
		width: 0,
		height: 0,
		left: 0,
		top: 0
	};
	function ha() {
		Vi(ma, !1);
	}
	let ga, _a, va, ya;
	function ba(e, t, n, i, a, o, s) {
		Ii = !0, Ri = zi = Li._x = Li._y = !1, pa(e, t, n, i, a, o, s, !0, !1), e != null && (Kt(ce, ge, xa, !1), Ma(se, r, Mi, Ni, K, q, null));
		let { left: c, top: l, width: u, height: d } = $;
		ga = c, _a = l, va = u, ya = d;
	}
	function xa(e, t, n, i, a, o, s) {
		Ii = Li._x = Li._y = !1, pa(e, t, n, i, a, o, s, !1, !0);
		let { left: c, top: l, width: u, height: d } = $, f = u > 0 || d > 0, p = ga != c || _a != l || va != u || ya != d;
		if (f && p && Vi($), Li.setScale && f && p) {
			let e = c, t = u, n = l, r = d;
			if (R.ori == 1 && (e = l, t = d, n = c, r = u), Ri && Ui(I, ea(e, I), ea(e + t, I)), zi) for (let e in F) {
				let t = F[e];
				e != I && t.from == null && t.min != B && Ui(e, ea(n + r, e), ea(n, e));
			}
			ha();
		} else U.lock && (U._lock = !U._lock, la(t, !0, e != null));
		e != null && (qt(ce, ge), Ma(ce, r, Z, Q, K, q, null));
	}
	function Sa(e, t, n, r, i, a, o) {
		if (U._lock) return;
		Pn(e);
		let s = Ii;
		if (Ii) {
			let e = !0, t = !0, n, r;
			R.ori == 0 ? (n = Ri, r = zi) : (n = zi, r = Ri), n && r && (e = Z <= 10 || Z >= K - 10, t = Q <= 10 || Q >= q - 10), n && e && (Z = Z < Mi ? 0 : K), r && t && (Q = Q < Ni ? 0 : q), la(null, !0, !0), Ii = !1;
		}
		Z = -10, Q = -10, gt.fill(null), la(null, !0, !0), s && (Ii = s);
	}
	function Ca(e, t, n, i, a, o, s) {
		U._lock || (Pn(e), Tr(), ha(), e != null && Ma(de, r, Z, Q, K, q, null));
	}
	function wa() {
		Ae.forEach(mi), hn(r.width, r.height, !0);
	}
	je(me, _e, wa);
	let Ta = {};
	Ta.mousedown = ba, Ta.mousemove = fa, Ta.mouseup = xa, Ta.dblclick = Ca, Ta.setSeries = (e, t, n, i) => {
		let a = ka.match[2];
		n = a(r, t, n), n != -1 && Wi(n, i, !0, !1);
	}, xt && (Kt(se, M, ba), Kt(oe, M, fa), Kt(le, M, (e) => {
		Pn(e), da(!1);
	}), Kt(ue, M, Sa), Kt(de, M, Ca), Qr.add(r), r.syncRect = da);
	let Ea = r.hooks = e.hooks || {};
	function Da(e, t, n) {
		yi ? bi.push([
			e,
			t,
			n
		]) : e in Ea && Ea[e].forEach((e) => {
			e.call(null, r, t, n);
		});
	}
	(e.plugins || []).forEach((e) => {
		for (let t in e.hooks) Ea[t] = (Ea[t] || []).concat(e.hooks[t]);
	});
	let Oa = (e, t, n) => n, ka = G({
		key: null,
		setSeries: !1,
		filters: {
			pub: mt,
			sub: mt
		},
		scales: [I, P[1] ? P[1].scale : null],
		match: [
			ht,
			ht,
			Oa
		],
		values: [null, null]
	}, U.sync);
	ka.match.length == 2 && ka.match.push(Oa), U.sync = ka;
	let Aa = ka.key, ja = yr(Aa);
	function Ma(e, t, n, r, i, a, o) {
		ka.filters.pub(e, t, n, r, i, a, o) && ja.pub(e, t, n, r, i, a, o);
	}
	ja.sub(r);
	function Na(e, t, n, r, i, a, o) {
		ka.filters.sub(e, t, n, r, i, a, o) && Ta[e](null, t, n, r, i, a, o);
	}
	r.pub = Na;
	function Pa() {
		ja.unsub(r), Qr.delete(r), Gt.clear(), Me(me, _e, wa), pe.remove(), jt?.remove(), Da("destroy");
	}
	r.destroy = Pa;
	function Fa() {
		Da("init", e, t), Cr(t || e.data, !1), z[I] ? Ti(I, z[I]) : Tr(), mn = $.show && ($.width > 0 || $.height > 0), pn = J = !0, hn(e.width, e.height);
	}
	return P.forEach(Wn), Ae.forEach(nr), n ? n instanceof HTMLElement ? (n.appendChild(pe), Fa()) : n(r, Fa) : Fa(), r;
}
hi.assign = G, hi.fmtNum = qe, hi.rangeNum = We, hi.rangeLog = Re, hi.rangeAsinh = ze, hi.orient = Sr, hi.pxRatio = j, hi.join = Rt, hi.fmtDate = Xt, hi.tzDate = Zt, hi.sync = yr;
{
	hi.addGap = Dr, hi.clipGaps = Er;
	let e = hi.paths = { points: Vr };
	e.linear = Gr, e.stepped = Kr, e.bars = Jr, e.spline = Xr;
}
// ../node_modules/uplot/dist/uPlot.min.css?inline
var gi = ".uplot,.uplot *,.uplot :before,.uplot :after{box-sizing:border-box}.uplot{width:min-content;font-family:system-ui,-apple-system,Segoe UI,Roboto,Helvetica Neue,Arial,Noto Sans,sans-serif,Apple Color Emoji,Segoe UI Emoji,Segoe UI Symbol,Noto Color Emoji;line-height:1.5}.u-title{text-align:center;font-size:18px;font-weight:700}.u-wrap{-webkit-user-select:none;user-select:none;position:relative}.u-over,.u-under{position:absolute}.u-under{overflow:hidden}.uplot canvas{width:100%;height:100%;display:block;position:relative}.u-axis{position:absolute}.u-legend{text-align:center;margin:auto;font-size:14px}.u-inline{display:block}.u-inline *{display:inline-block}.u-inline tr{margin-right:16px}.u-legend th{font-weight:600}.u-legend th>*{vertical-align:middle;display:inline-block}.u-legend .u-marker{width:1em;height:1em;margin-right:4px;background-clip:padding-box!important}.u-inline.u-live th:after{content:\":\";vertical-align:middle}.u-inline:not(.u-live) .u-value{display:none}.u-series>*{padding:4px}.u-series th{cursor:pointer}.u-legend .u-off>*{opacity:.3}.u-select{pointer-events:none;background:#00000012;position:absolute}.u-cursor-x,.u-cursor-y{pointer-events:none;will-change:transform;position:absolute;top:0;left:0}.u-hz .u-cursor-x,.u-vt .u-cursor-y{border-right:1px dashed #607d8b;height:100%}.u-hz .u-cursor-y,.u-vt .u-cursor-x{border-bottom:1px dashed #607d8b;width:100%}.u-cursor-pt{pointer-events:none;will-change:transform;border:0 solid;border-radius:50%;position:absolute;top:0;left:0;background-clip:padding-box!important}.u-axis.u-off,.u-select.u-off,.u-cursor-x.u-off,.u-cursor-y.u-off,.u-cursor-pt.u-off{display:none}", _i = 240, vi = class extends i {
	static properties = {
		label: {},
		x: { type: Array },
		series: { type: Array },
		isTime: {
			type: Boolean,
			attribute: "time"
		}
	};
	static styles = [
		e,
		n(gi),
		a`
      :host {
        display: block;
        min-inline-size: 0;
      }
      figure {
        margin: 0;
      }
      figcaption {
        font-weight: 600;
      }
      .values {
        clip-path: inset(50%);
        block-size: 1px;
        overflow: hidden;
        position: absolute;
        inline-size: 1px;
      }
    `
	];
	#e;
	#t = new ResizeObserver(() => {
		this.clientWidth > 0 && this.#e?.setSize({
			width: this.clientWidth,
			height: _i
		});
	});
	constructor() {
		super(), this.label = "", this.x = [], this.series = [], this.isTime = !1;
	}
	disconnectedCallback() {
		super.disconnectedCallback(), this.#t.disconnect(), this.#e?.destroy(), this.#e = void 0;
	}
	render() {
		let e = (e) => this.isTime ? (/* @__PURE__ */ new Date(e * 1e3)).toISOString() : String(e);
		return t`<figure aria-label=${this.label}>
      <figcaption>${this.label}</figcaption>
      <div class="plot" aria-hidden="true"></div>
      <table class="values">
        <thead>
          <tr>
            <td></td>
            ${this.series.map(({ label: e }) => t`<th scope="col">${e}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${this.x.slice(0, 200).map((n, r) => t`<tr>
              <th scope="row">${e(n)}</th>
              ${this.series.map(({ values: e }) => t`<td>${e[r] ?? ""}</td>`)}
            </tr>`)}
        </tbody>
      </table>
    </figure>`;
	}
	updated() {
		let e = getComputedStyle(this), t = e.color, n = [
			((t) => e.getPropertyValue(t).trim())("--alga-primary") || "#2453c5",
			"#b3541e",
			"#1d6b35",
			"#8a2be2",
			"#00758f"
		], r = {
			stroke: t,
			grid: { stroke: "rgb(128 128 128 / 30%)" },
			ticks: { stroke: "rgb(128 128 128 / 30%)" }
		};
		this.#e?.destroy();
		let i = this.renderRoot.querySelector(".plot");
		if (i === null || this.x.length === 0) return;
		let a = this.series.map(({ label: e }, r) => ({
			label: e,
			stroke: n[r % n.length] ?? t,
			width: 2
		})), o = {
			width: Math.max(this.clientWidth, 100),
			height: _i,
			scales: { x: { time: this.isTime } },
			axes: [r, r],
			series: [{}, ...a]
		}, s = [this.x, ...this.series.map(({ values: e }) => e)];
		this.#e = new hi(o, s, i), this.#t.observe(this);
	}
};
r("alga-chart", vi);
export { vi as t };
