/** Hooks for pages that use React. */
import { useEffect, useState, useSyncExternalStore, type RefObject } from "react";
import { type Bootstrap, type IframeBridge, type ThemeTokens, getBridge, subscribeTheme } from "./index.js";

/** Returns the bridge, and the host's first message after it has arrived. */
export function useBridge(): { bridge: IframeBridge; bootstrap: Bootstrap | undefined } {
  const bridge = getBridge();
  const [bootstrap, setBootstrap] = useState<Bootstrap>();
  useEffect(() => void bridge.ready().then(setBootstrap), [bridge]);
  return { bridge, bootstrap };
}

/** Returns the host's CSS variables, and renders again when they change. */
export function useTheme(): ThemeTokens {
  return useSyncExternalStore(subscribeTheme, () => getBridge().getThemeTokens());
}

/** Returns the user's token, and renders again when the host sends a new one. */
export function useAuthToken(): string | undefined {
  const bridge = getBridge();
  return useSyncExternalStore(
    (changed) => {
      const stops = [bridge.on("bootstrap", changed), bridge.on("session", changed)];
      return () => stops.forEach((stop) => stop());
    },
    () => bridge.session?.token,
  );
}

/** Makes the frame as high as the element. */
export function useResize(element: RefObject<Element | null>): void {
  useEffect(() => {
    const found = element.current;
    return found === null ? undefined : getBridge().autoResize(found);
  }, [element]);
}
