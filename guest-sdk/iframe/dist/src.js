var e = {
	least: 100,
	most: 4e3
};
function t(e, t, n) {
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
function n(e) {
	if (!r(e) || e.alga !== !0 || e.version !== "1") return;
	let { type: t, request_id: n } = e, i = n === void 0 || typeof n == "string" && /^[\w.-]{1,64}$/.test(n);
	return typeof t == "string" && /^[a-z_]{1,64}$/.test(t) && i ? e : void 0;
}
function r(e) {
	return typeof e == "object" && !!e && !Array.isArray(e);
}
function i(e) {
	return r(e) && Object.values(e).every((e) => typeof e == "string");
}
function a(e) {
	let t = "";
	for (let n = 0; n < e.length; n += 32768) t += String.fromCharCode(...e.subarray(n, n + 32768));
	return btoa(t);
}
function o(e) {
	try {
		return Uint8Array.from(atob(e), (e) => e.charCodeAt(0));
	} catch {
		return;
	}
}
// src/theme.ts
var s = /* @__PURE__ */ new Set();
function c(e, t = document.documentElement) {
	for (let [n, r] of Object.entries(e)) /^--alga-[\w-]{1,64}$/.test(n) && t.style.setProperty(n, r);
	let n = e["--alga-color-scheme"];
	(n === "light" || n === "dark") && (t.style.colorScheme = n), s.forEach((t) => t(e));
}
function l(e) {
	return s.add(e), () => s.delete(e);
}
// src/bridge.ts
var u = class extends Error {
	code;
	constructor(e, t) {
		super(t), this.code = e, this.name = "BridgeError";
	}
}, d = 3e4, f = class {
	#e;
	#t = /* @__PURE__ */ new Map();
	#n = /* @__PURE__ */ new Map();
	#r = 0;
	#i;
	#a;
	#o = {};
	uiProxy;
	constructor(e = window.parent) {
		let n = new MessageChannel();
		this.#e = n.port1, this.#i = new Promise((e) => {
			this.on("bootstrap", (t) => {
				m(t) && (this.#a = t.session, this.#l(t.theme_tokens), e(t));
			});
		}), this.on("theme", (e) => this.#l(e)), this.on("theme_tokens", (e) => this.#l(e)), this.on("session", (e) => {
			p(e) && (this.#a = e);
		}), this.#e.onmessage = (e) => this.#s(e.data), this.uiProxy = { call: async (e, t) => {
			let n = await this.fetch(e, t ? {
				method: "POST",
				body: t
			} : {});
			if (!n.ok) throw new u("http_error", `the route responded with ${n.status}`);
			return new Uint8Array(await n.arrayBuffer());
		} };
		let r = t("ready", { nonce: h() });
		e.postMessage(r, "*", [n.port2]), g();
	}
	ready() {
		return this.#i;
	}
	on(e, t) {
		let n = this.#t.get(e) ?? /* @__PURE__ */ new Set();
		return this.#t.set(e, n.add(t)), () => n.delete(t);
	}
	emitToHost(e, n) {
		this.#e.postMessage(t(e, n));
	}
	getThemeTokens() {
		return this.#o;
	}
	get session() {
		return this.#a;
	}
	navigate(e) {
		this.emitToHost("navigate", { path: e });
	}
	resize(t) {
		let n = Math.min(Math.max(Math.ceil(t), e.least), e.most);
		this.emitToHost("resize", { height: n });
	}
	autoResize(e = document.documentElement) {
		let t = new ResizeObserver(() => this.resize(e.getBoundingClientRect().height));
		return t.observe(e), () => t.disconnect();
	}
	async fetch(e, t = {}) {
		let n = new Request("http://extension.invalid/", {
			method: t.method ?? "GET",
			headers: t.headers ?? {},
			...t.body == null ? {} : {
				body: t.body,
				duplex: "half"
			}
		}), r = new Uint8Array(await n.arrayBuffer());
		if (r.length > 10485760) throw new u("payload_too_large", "a body has at most 10485760 bytes");
		let i = {
			route: e,
			method: n.method,
			headers: Object.fromEntries(n.headers),
			...r.length === 0 ? {} : { body: a(r) }
		}, s = await this.callProxy(i, t), c = o(s.body ?? ""), l = s.status === 204 || s.status === 205 || s.status === 304;
		return new Response(l ? null : c ?? null, {
			status: s.status,
			headers: s.headers
		});
	}
	callProxy(e, n = {}) {
		let { signal: r, timeout: i = d } = n, a = `c${this.#r += 1}`;
		return new Promise((n, o) => {
			if (r?.aborted) return o(r.reason);
			let s = (e) => {
				this.#e.postMessage(t("apiproxy_abort", {}, a)), d(() => o(e));
			}, c = () => s(r?.reason), l = setTimeout(() => s(new u("timeout", `no response within ${i} ms`)), i), d = (e) => {
				clearTimeout(l), r?.removeEventListener("abort", c), this.#n.delete(a), e();
			};
			r?.addEventListener("abort", c), this.#n.set(a, {
				resolve: (e) => d(() => n(e)),
				reject: (e) => d(() => o(e))
			}), this.#e.postMessage(t("apiproxy", e, a));
		});
	}
	#s(e) {
		let t = n(e);
		t !== void 0 && (t.type === "apiproxy_response" && this.#c(t), this.#t.get(t.type)?.forEach((e) => e(t.payload)));
	}
	#c({ request_id: e, payload: t }) {
		let n = e === void 0 ? void 0 : this.#n.get(e);
		if (n === void 0 || !r(t)) return;
		let { error: i } = t;
		r(i) ? n.reject(new u(String(i.code), String(i.message))) : n.resolve(t);
	}
	#l(e) {
		i(e) && (this.#o = e, c(e));
	}
};
function p(e) {
	return r(e) && typeof e.token == "string" && typeof e.expires_at == "number";
}
function m(e) {
	return r(e) && p(e.session) && i(e.theme_tokens) && r(e.extension);
}
function h() {
	let e = new URLSearchParams(location.hash.slice(1)), t = e.get("alga-nonce") ?? "";
	e.delete("alga-nonce");
	let n = e.toString();
	try {
		history.replaceState(history.state, "", location.pathname + location.search + (n && `#${n}`));
	} catch {}
	return t;
}
function g() {
	document.addEventListener("securitypolicyviolation", (e) => {
		e.effectiveDirective === "connect-src" && console.error(`${e.blockedURI} was blocked: the page of an extension connects to nothing. Call the extension's own endpoints with \`bridge.fetch("/path")\`.`);
	});
}
// src/index.ts
var _;
function v() {
	return _ ??= new f();
}
function y(e) {
	v().navigate(e);
}
async function b(e, t = {}) {
	let { method: n, body: r, signal: i } = t, a = await v().fetch(e, {
		method: n ?? (r === void 0 ? "GET" : "POST"),
		headers: {
			accept: "application/json",
			...r === void 0 ? {} : { "content-type": "application/json" }
		},
		...r === void 0 ? {} : { body: JSON.stringify(r) },
		...i === void 0 ? {} : { signal: i }
	});
	if (!a.ok) throw Error(`${e} responded with ${a.status}: ${await a.text()}`);
	return await a.json();
}
export { f as a, u as i, v as n, c as o, y as r, l as s, b as t };
