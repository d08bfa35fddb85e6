import { t as e } from "./src.js";
import { useEffect as t, useRef as n } from "react";
import { jsx as r } from "react/jsx-runtime";
// src/react.tsx
function i(i) {
	let { className: a, extension: o, contentHash: s, base: c, path: l, theme: u } = i, d = n(null), f = n(void 0), p = n(i);
	return p.current = i, t(() => {
		if (d.current === null) return;
		let t = e(d.current, {
			...p.current,
			session: () => p.current.session(),
			onNavigate: (e) => p.current.onNavigate?.(e),
			onResize: (e) => p.current.onResize?.(e),
			onReady: () => p.current.onReady?.(),
			onError: (e, t) => p.current.onError?.(e, t)
		});
		return f.current = t, () => t.close();
	}, [
		o,
		s,
		c,
		l
	]), t(() => {
		u !== void 0 && f.current?.setTheme(u);
	}, [u]), /* @__PURE__ */ r("div", {
		ref: d,
		className: a
	});
}
export { i as ExtensionFrame };
