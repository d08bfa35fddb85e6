import type { ThemeTokens } from "./protocol.js";
type Listener = (tokens: ThemeTokens) => void;
/** Sets the host's CSS variables on the page; other names than `--alga-…` are ignored. */
export declare function applyTheme(tokens: ThemeTokens, element?: HTMLElement): void;
/** Calls `listener` when the theme changes; returns a function that stops it. */
export declare function subscribeTheme(listener: Listener): () => void;
export {};
