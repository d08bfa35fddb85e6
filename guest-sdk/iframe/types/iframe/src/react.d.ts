/** Hooks for pages that use React. */
import { type RefObject } from "react";
import { type Bootstrap, type IframeBridge, type ThemeTokens } from "./index.js";
/** Returns the bridge, and the host's first message after it has arrived. */
export declare function useBridge(): {
    bridge: IframeBridge;
    bootstrap: Bootstrap | undefined;
};
/** Returns the host's CSS variables, and renders again when they change. */
export declare function useTheme(): ThemeTokens;
/** Returns the user's token, and renders again when the host sends a new one. */
export declare function useAuthToken(): string | undefined;
/** Makes the frame as high as the element. */
export declare function useResize(element: RefObject<Element | null>): void;
