import { n as e, s as t } from "./src.js";
import { useEffect as n, useState as r, useSyncExternalStore as i } from "react";
// src/react.ts
function a() {
	let t = e(), [i, a] = r();
	return n(() => void t.ready().then(a), [t]), {
		bridge: t,
		bootstrap: i
	};
}
function o() {
	return i(t, () => e().getThemeTokens());
}
function s() {
	let t = e();
	return i((e) => {
		let n = [t.on("bootstrap", e), t.on("session", e)];
		return () => n.forEach((e) => e());
	}, () => t.session?.token);
}
function c(t) {
	n(() => {
		let n = t.current;
		return n === null ? void 0 : e().autoResize(n);
	}, [t]);
}
export { s as useAuthToken, a as useBridge, c as useResize, o as useTheme };
