export { i as BridgeError, a as IframeBridge, o as applyTheme, t as callHandlerJson, n as getBridge, r as navigate, s as subscribeTheme } from "./src.js";
