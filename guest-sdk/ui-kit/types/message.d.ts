/** `<alga-tooltip>`, `<alga-toasts>` with `toast()`: short messages. */
import { type TemplateResult } from "lit";
import { AlgaElement } from "./base.js";
export declare class AlgaTooltip extends AlgaElement {
    static properties: {
        text: {};
        isShown: {
            state: boolean;
        };
    };
    static styles: import("lit").CSSResult[];
    text: string;
    protected isShown: boolean;
    constructor();
    protected render(): TemplateResult;
}
/** A message of `toast()`. */
export interface Toast {
    readonly text: string;
    /** `info`, `success` or `danger`. */
    readonly kind?: string;
    /** Time until it disappears, in milliseconds; 0 is until it is closed. */
    readonly timeout?: number;
}
export declare class AlgaToasts extends AlgaElement {
    #private;
    static properties: {
        closeLabel: {
            attribute: string;
        };
        toasts: {
            state: boolean;
        };
    };
    static styles: import("lit").CSSResult[];
    closeLabel: string;
    protected toasts: readonly (Toast & {
        readonly key: number;
    })[];
    constructor();
    show(toast: Toast): void;
    protected render(): TemplateResult;
}
/** Shows a message in the page's `<alga-toasts>`, which is added if there is none. */
export declare function toast(text: string, options?: Omit<Toast, "text">): void;
declare global {
    interface HTMLElementTagNameMap {
        "alga-tooltip": AlgaTooltip;
        "alga-toasts": AlgaToasts;
    }
}
