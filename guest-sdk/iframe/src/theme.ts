import type { ThemeTokens } from "./protocol.js";

type Listener = (tokens: ThemeTokens) => void;

const listeners = new Set<Listener>();

/** Sets the host's CSS variables on the page; other names than `--alga-…` are ignored. */
export function applyTheme(tokens: ThemeTokens, element: HTMLElement = document.documentElement): void {
  for (const [name, value] of Object.entries(tokens)) {
    if (/^--alga-[\w-]{1,64}$/.test(name)) element.style.setProperty(name, value);
  }
  const scheme = tokens["--alga-color-scheme"];
  if (scheme === "light" || scheme === "dark") element.style.colorScheme = scheme;
  listeners.forEach((listener) => listener(tokens));
}

/** Calls `listener` when the theme changes; returns a function that stops it. */
export function subscribeTheme(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
