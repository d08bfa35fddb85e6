/** `<alga-dialog>`: a modal dialog on the browser's own, which manages focus and the Escape key. */
import { type TemplateResult } from "lit";
import { AlgaElement } from "./base.js";
export declare class AlgaDialog extends AlgaElement {
    static properties: {
        open: {
            type: BooleanConstructor;
            reflect: boolean;
        };
        heading: {};
        closeLabel: {
            attribute: string;
        };
    };
    static styles: import("lit").CSSResult[];
    open: boolean;
    heading: string;
    /** Name of the button that closes the dialog. */
    closeLabel: string;
    constructor();
    show(): void;
    close(): void;
    protected render(): TemplateResult;
    protected updated(): void;
}
declare global {
    interface HTMLElementTagNameMap {
        "alga-dialog": AlgaDialog;
    }
}
