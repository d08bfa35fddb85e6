/** `<alga-tabs>` with `<alga-tab label="…">` panels, by the ARIA pattern "tabs". */
import { type TemplateResult } from "lit";
import { AlgaElement } from "./base.js";
export declare class AlgaTab extends AlgaElement {
    static properties: {
        label: {};
        active: {
            type: BooleanConstructor;
            reflect: boolean;
        };
    };
    static styles: import("lit").CSSResult[];
    label: string;
    active: boolean;
    constructor();
    connectedCallback(): void;
    protected render(): TemplateResult;
}
export declare class AlgaTabs extends AlgaElement {
    #private;
    static properties: {
        selected: {
            type: NumberConstructor;
            reflect: boolean;
        };
        label: {};
        panels: {
            state: boolean;
        };
    };
    static styles: import("lit").CSSResult[];
    /** Index of the shown panel. */
    selected: number;
    /** Name of the list of tabs for screen readers. */
    label: string;
    protected panels: readonly AlgaTab[];
    constructor();
    protected render(): TemplateResult;
    protected updated(): void;
}
declare global {
    interface HTMLElementTagNameMap {
        "alga-tab": AlgaTab;
        "alga-tabs": AlgaTabs;
    }
}
