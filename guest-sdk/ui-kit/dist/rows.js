// src/rows.ts
function e(e, t) {
	let n = t[e.key];
	return e.format === void 0 ? String(n ?? "") : e.format(n, t);
}
function t(t, n, r) {
	let i = r.trim().toLocaleLowerCase();
	return i === "" ? t : t.filter((t) => n.some((n) => e(n, t).toLocaleLowerCase().includes(i)));
}
function n(e, t) {
	if (t === void 0) return e;
	let { key: n, direction: r } = t, i = new Intl.Collator(void 0, { numeric: !0 }), a = r === "ascending" ? 1 : -1, o = (e, t) => {
		let [n, r] = [e == null || e === "", t == null || t === ""];
		return n || r ? Number(n) - Number(r) : typeof e == "number" && typeof t == "number" ? a * (e - t) : a * i.compare(String(e), String(t));
	};
	return [...e].sort((e, t) => o(e[n], t[n]));
}
function r(e, t, n, r) {
	let i = Math.max(0, Math.floor(n / t) - 8), a = Math.min(e, Math.ceil((n + r) / t) + 8);
	return [Math.min(i, a), a];
}
export { t as filtered, n as sorted, e as text, r as visible };
