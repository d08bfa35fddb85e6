// A small host application. Tests call `window.show` and read `window.events`.
import { bootstrapIframe } from "/sdk/index.js";

const settings = await (await fetch("/settings")).json();
window.events = [];
const record = (type, ...values) => window.events.push([type, ...values]);

window.show = (options = {}, place = "extension") => {
  const { extension, contentHash } = { ...settings, ...options };
  const frame = bootstrapIframe(document.getElementById(place), {
    base: settings.alga,
    gateway: `${settings.alga}/api/ext-proxy`,
    title: "Page of an extension",
    about: { id: "i1", name: extension, version: "1.0.0" },
    theme: { "--alga-primary": "rgb(1, 2, 3)", "--alga-color-scheme": "light" },
    session: async () => (await fetch("/session")).json(),
    onNavigate: (path) => record("navigate", path),
    onResize: (height) => record("resize", height),
    onReady: () => record("ready"),
    onError: (code) => record("error", code),
    ...options,
    extension,
    contentHash,
  });
  (window.frames_ ??= []).push(frame);
  return frame;
};
window.isLoaded = true;
