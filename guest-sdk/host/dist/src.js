var e = 10485760, t = {
	least: 100,
	most: 4e3
};
function n(e, t, n) {
	return n === void 0 ? {
		alga: !0,
		version: "1",
		type: e,
		payload: t
	} : {
		alga: !0,
		version: "1",
		type: e,
		request_id: n,
		payload: t
	};
}
function r(e) {
	if (!i(e) || e.alga !== !0 || e.version !== "1") return;
	let { type: t, request_id: n } = e, r = n === void 0 || typeof n == "string" && /^[\w.-]{1,64}$/.test(n);
	return typeof t == "string" && /^[a-z_]{1,64}$/.test(t) && r ? e : void 0;
}
function i(e) {
	return typeof e == "object" && !!e && !Array.isArray(e);
}
function a(e) {
	return i(e) && Object.values(e).every((e) => typeof e == "string");
}
function o(e) {
	let t = "";
	for (let n = 0; n < e.length; n += 32768) t += String.fromCharCode(...e.subarray(n, n + 32768));
	return btoa(t);
}
function s(e) {
	try {
		return Uint8Array.from(atob(e), (e) => e.charCodeAt(0));
	} catch {
		return;
	}
}
// src/flood.ts
var c = 200, l = 100, u = 2e3, d = class {
	now;
	#e = c;
	#t = 0;
	#n;
	constructor(e = () => performance.now()) {
		this.now = e, this.#n = e();
	}
	admit() {
		let e = this.now();
		return this.#e = Math.min(c, this.#e + (e - this.#n) / 1e3 * l), this.#n = e, this.#e >= 1 ? (--this.#e, "handle") : (this.#t += 1, this.#t > u ? "close" : "ignore");
	}
}, f = 6e4, p = /* @__PURE__ */ new Set([
	"GET",
	"HEAD",
	"POST",
	"PUT",
	"PATCH",
	"DELETE"
]), m = /^(accept|accept-language|content-language|content-type|if-(none-)?match|if-(un)?modified-since|prefer|range|x-idempotency-key|x-ext-[\w-]+)$/, h = class extends Error {
	code;
	constructor(e, t) {
		super(t), this.code = e;
	}
};
function g(e) {
	if (e.length > 4096 || !e.startsWith("/") || /[\\\u0000-\u0020\u007f]/.test(e)) return;
	let t = e.split(/[?#]/, 1)[0] ?? "", n = /%(2f|5c|00|25)/i.test(t) || t.includes("//"), r = t.split("/").some((e) => /^(\.|%2e){1,2}$/i.test(e));
	if (n || r) return;
	let i = new URL(e, "http://extension.invalid");
	return i.origin === "http://extension.invalid" ? i.pathname + i.search : void 0;
}
var _ = class {
	target;
	#e = /* @__PURE__ */ new Map();
	constructor(e) {
		this.target = e;
	}
	async call(e, t) {
		let n = new AbortController();
		try {
			if (this.#e.has(e)) throw new h("bad_request", "another call with this id is in progress");
			if (this.#e.size >= 8) throw new h("too_many_calls", "at most 8 calls at once");
			this.#e.set(e, n);
		} catch (e) {
			return b(e);
		}
		let r = setTimeout(() => n.abort(new h("timeout", "no response in time")), f);
		try {
			return await this.#t(t, n.signal);
		} catch (e) {
			return b(n.signal.reason ?? e);
		} finally {
			clearTimeout(r), this.#e.delete(e);
		}
	}
	abort(e) {
		this.#e.get(e)?.abort(new h("aborted", "the page cancelled the call"));
	}
	close() {
		for (let e of this.#e.keys()) this.abort(e);
	}
	async #t(e, t) {
		let { path: n, ...r } = v(e), i = await this.target.token(), a = encodeURIComponent(this.target.extension), s = {
			...r.headers,
			...i === void 0 ? {} : { authorization: `Bearer ${i}` }
		}, c = await (this.target.fetch ?? fetch)(`${this.target.gateway}/${a}${n}`, {
			...r,
			headers: s,
			signal: t,
			credentials: "omit",
			redirect: "manual",
			referrerPolicy: "no-referrer",
			cache: "no-store"
		});
		if (c.type === "opaqueredirect") throw new h("redirect", "the endpoint redirects elsewhere");
		let l = await y(c);
		return {
			status: c.status,
			headers: Object.fromEntries(c.headers),
			body: o(l)
		};
	}
};
function v(t) {
	if (!i(t) || typeof t.route != "string") throw new h("bad_request", "a call has a route");
	let { route: n, method: r = "GET", headers: o = {}, body: c } = t, l = g(n);
	if (l === void 0) throw new h("bad_route", "a route is the path of one of the extension's own endpoints");
	if (typeof r != "string" || !p.has(r)) throw new h("bad_request", "the method is not one of HTTP's");
	if (!a(o)) throw new h("bad_request", "header fields are texts");
	let u = Object.entries(o).filter(([e]) => m.test(e.toLowerCase()));
	if (c === void 0) return {
		path: l,
		method: r,
		headers: Object.fromEntries(u)
	};
	let d = typeof c == "string" && c.length <= (10485760 / 3 + 1) * 4 ? s(c) : void 0;
	if (d === void 0 || d.length > 10485760) throw new h("payload_too_large", `a body has at most ${e} bytes in base64`);
	return {
		path: l,
		method: r,
		headers: Object.fromEntries(u),
		body: d
	};
}
async function y(t) {
	let n = t.body?.getReader(), r = [], i = 0;
	for (let t = await n?.read(); t?.value !== void 0; t = await n?.read()) {
		if (i += t.value.length, i > 10485760) throw await n?.cancel(), new h("response_too_large", `a response has at most ${e} bytes`);
		r.push(t.value);
	}
	let a = new Uint8Array(i), o = 0;
	for (let e of r) a.set(e, o), o += e.length;
	return a;
}
function b(e) {
	let t = e instanceof h ? e : new h("unreachable", "the extension cannot be reached");
	return {
		status: 0,
		headers: {},
		error: {
			code: t.code,
			message: t.message
		}
	};
}
// src/frame.ts
var x = "allow-scripts allow-forms", S = 3, C = 3e4, w = 2 ** 31 - 1;
function T({ base: e = "", extension: t, contentHash: n, path: r }) {
	let i = r === void 0 || r === "" ? "" : `?path=${encodeURIComponent(r)}`;
	return `${e.replace(/\/$/, "")}/ext-ui/${encodeURIComponent(t)}/${n}/${i}`;
}
function E(e, t) {
	let n = new D(t);
	return e.append(n.element), n;
}
var D = class {
	options;
	element = document.createElement("iframe");
	#e = "";
	#t = !1;
	#n = 0;
	#r;
	#i = new d();
	#a;
	#o;
	#s;
	constructor(e) {
		this.options = e, this.#o = e.theme ?? {}, this.element.setAttribute("sandbox", x), this.element.setAttribute("allow", ""), this.element.referrerPolicy = "no-referrer", this.element.title = e.title, this.element.style.cssText = "border:0;width:100%;display:block", this.element.addEventListener("load", this.#u), window.addEventListener("message", this.#f), this.#l();
	}
	setTheme(e) {
		this.#o = e, this.send("theme_tokens", e);
	}
	send(e, t) {
		this.#r?.postMessage(n(e, t));
	}
	close() {
		window.removeEventListener("message", this.#f), this.element.removeEventListener("load", this.#u), this.#c(), this.element.remove();
	}
	#c() {
		clearTimeout(this.#s), this.#a?.close(), this.#r?.close(), this.#r = void 0;
	}
	#l() {
		let e = crypto.getRandomValues(/* @__PURE__ */ new Uint8Array(16));
		this.#e = Array.from(e, (e) => e.toString(16).padStart(2, "0")).join(""), this.element.src = `${T(this.options)}#alga-nonce=${this.#e}`;
	}
	#u = () => {
		if (!this.#t) this.#t = !0;
		else {
			if (this.#c(), this.#n += 1, this.#n > S) return this.#d("navigated", "the page leaves its frame again and again");
			this.#t = !1, this.options.onError?.("navigated", "the page left its frame; it is loaded again"), this.#l();
		}
	};
	#d(e, t) {
		this.close(), this.options.onError?.(e, t);
	}
	#f = (e) => {
		if (e.source === null || e.source !== this.element.contentWindow || this.#h()) return;
		let t = r(e.data), n = i(t?.payload) ? t.payload.nonce : void 0, [a] = e.ports;
		if (t?.type !== "ready" || n !== this.#e || this.#e === "" || a === void 0) return this.options.onError?.("refused", "a message that does not begin a connection");
		this.#e = "", this.#r = a, a.onmessage = (e) => this.#g(e.data), this.#p(a);
	};
	async #p(e) {
		let { gateway: t, extension: n, about: r, path: i } = this.options;
		try {
			let a = await this.options.session();
			if (this.#r !== e) return;
			if (t !== void 0) {
				let e = async () => (await this.options.session()).token;
				this.#a = new _({
					gateway: t,
					extension: n,
					token: e
				});
			}
			let o = this.options.locale ?? document.documentElement.lang, s = { path: i ?? "/" }, c = {
				session: a,
				theme_tokens: this.#o,
				navigation: s,
				extension: r,
				locale: o
			};
			this.send("bootstrap", c), this.#m(a), this.options.onReady?.();
		} catch {
			this.#d("no_session", "the user's credential is not available");
		}
	}
	#m({ expires_at: e }) {
		let t = Math.min(Math.max(e - Date.now() - C, 1e3), w);
		this.#s = setTimeout(() => {
			this.options.session().then((e) => {
				this.send("session", e), this.#m(e);
			}).catch(() => this.options.onError?.("no_session", "the user's credential was not renewed"));
		}, t);
	}
	#h() {
		let e = this.#i.admit();
		return e === "close" && this.#d("flood", "the page sends too many messages"), e !== "handle";
	}
	#g(e) {
		if (this.#h()) return;
		let t = r(e);
		if (t === void 0) return this.options.onError?.("refused", "a message of another form");
		this.#_(t);
	}
	#_({ type: e, payload: n, request_id: r }) {
		let a = i(n) ? n : {};
		if (e === "resize" && typeof a.height == "number" && Number.isFinite(a.height)) {
			let e = Math.min(Math.max(Math.ceil(a.height), t.least), t.most);
			this.element.style.height = `${e}px`, this.options.onResize?.(e);
		} else e === "navigate" && typeof a.path == "string" && /^\/[^\\]{0,2048}$/.test(a.path) ? a.path.startsWith("//") || this.options.onNavigate?.(a.path) : e === "apiproxy" && r !== void 0 ? this.#v(r, n) : e === "apiproxy_abort" && r !== void 0 && this.#a?.abort(r);
	}
	async #v(e, t) {
		let r = this.#r, i = await this.#a?.call(e, t) ?? {
			status: 0,
			headers: {},
			error: {
				code: "not_granted",
				message: "this page may not call endpoints"
			}
		};
		r?.postMessage(n("apiproxy_response", i, e));
	}
};
export { T as n, g as r, E as t };
