// A page of an extension. Tests call the bridge from its frame.
import { getBridge, callHandlerJson, navigate, subscribeTheme } from "./sdk/index.js";

const bridge = getBridge();
Object.assign(window, { bridge, callHandlerJson, navigate, themes: [] });
subscribeTheme((tokens) => window.themes.push(tokens));
window.bootstrap = await bridge.ready();
document.getElementById("state").textContent = "ready";
