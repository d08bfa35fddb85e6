/** `<alga-badge>`, `<alga-card>`, `<alga-skeleton>`, `<alga-empty>`, `<alga-pagination>`: parts of pages. */
import { type TemplateResult } from "lit";
import { AlgaElement } from "./base.js";
export declare class AlgaBadge extends AlgaElement {
    static properties: {
        kind: {
            reflect: boolean;
        };
    };
    static styles: import("lit").CSSResult[];
    /** `info`, `success` or `danger`. */
    kind: string;
    protected render(): TemplateResult;
}
export declare class AlgaCard extends AlgaElement {
    static properties: {
        heading: {};
    };
    static styles: import("lit").CSSResult[];
    heading: string;
    protected render(): TemplateResult;
}
export declare class AlgaSkeleton extends AlgaElement {
    static properties: {
        lines: {
            type: NumberConstructor;
        };
        label: {};
    };
    static styles: import("lit").CSSResult[];
    lines: number;
    /** Text for screen readers while content is loading. */
    label: string;
    constructor();
    protected render(): TemplateResult;
}
export declare class AlgaEmpty extends AlgaElement {
    static properties: {
        heading: {};
    };
    static styles: import("lit").CSSResult[];
    heading: string;
    protected render(): TemplateResult;
}
export declare class AlgaPagination extends AlgaElement {
    #private;
    static properties: {
        page: {
            type: NumberConstructor;
        };
        pages: {
            type: NumberConstructor;
        };
        label: {};
        previous: {};
        next: {};
    };
    static styles: import("lit").CSSResult[];
    /** Number of the page, from 1. */
    page: number;
    pages: number;
    label: string;
    previous: string;
    next: string;
    constructor();
    protected render(): TemplateResult;
}
declare global {
    interface HTMLElementTagNameMap {
        "alga-badge": AlgaBadge;
        "alga-card": AlgaCard;
        "alga-skeleton": AlgaSkeleton;
        "alga-empty": AlgaEmpty;
        "alga-pagination": AlgaPagination;
    }
}
