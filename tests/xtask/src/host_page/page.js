// Shows the pages of the demo's extensions, as any page of a product would.
import { bootstrapIframe } from "/sdk/index.js";

const { alga, extensions } = await (await fetch("/settings")).json();
const find = (id) => document.getElementById(id);
let shown;

const themes = {
  light: { "--alga-color-scheme": "light", "--alga-primary": "#2453c5" },
  dark: { "--alga-color-scheme": "dark", "--alga-primary": "#8fb0ff" },
};
const theme = () => themes[find("theme").value];

function show() {
  shown?.close();
  const extension = extensions.find(({ name }) => name === find("extension").value);
  shown = bootstrapIframe(find("frame"), {
    base: alga,
    gateway: `${alga}/api/ext-proxy`,
    extension: extension.name,
    contentHash: extension.contentHash,
    title: extension.name,
    about: { id: extension.name, name: extension.name, version: extension.version },
    path: new URLSearchParams(location.search).get("path") ?? "/",
    theme: theme(),
    // The demo's tenant needs no token. A product returns one that its server signed.
    session: async () => ({ token: "", expires_at: Date.now() + 3_600_000 }),
    onNavigate: (path) => history.replaceState(null, "", `?path=${encodeURIComponent(path)}`),
    onError: (code, message) => (find("error").textContent = `${code}: ${message}`),
  });
}

for (const { name } of extensions) find("extension").append(new Option(name));
find("extension").addEventListener("change", show);
find("theme").addEventListener("change", () => shown?.setTheme(theme()));
show();
