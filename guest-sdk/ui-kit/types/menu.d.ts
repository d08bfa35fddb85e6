/** `<alga-menu>`: a button that opens a menu, by the ARIA pattern "menu button". */
import { type TemplateResult } from "lit";
import { AlgaElement } from "./base.js";
/** An action of a menu. */
export interface MenuItem {
    readonly id: string;
    readonly label: string;
    readonly disabled?: boolean;
    readonly danger?: boolean;
}
export declare class AlgaMenu extends AlgaElement {
    #private;
    static properties: {
        label: {};
        items: {
            type: ArrayConstructor;
        };
        isOpen: {
            state: boolean;
        };
    };
    static styles: import("lit").CSSResult[];
    label: string;
    items: readonly MenuItem[];
    protected isOpen: boolean;
    constructor();
    protected render(): TemplateResult;
}
declare global {
    interface HTMLElementTagNameMap {
        "alga-menu": AlgaMenu;
    }
}
