/** `<alga-combobox>`: a field with suggestions, by the ARIA pattern "editable combobox with list". */
import { type PropertyDeclarations, type TemplateResult } from "lit";
import { FormElement } from "./base.js";
import type { Option } from "./choice.js";
export declare class AlgaCombobox extends FormElement {
    #private;
    static properties: PropertyDeclarations;
    static styles: import("lit").CSSResult[];
    options: readonly Option[];
    placeholder: string;
    /** Text that is shown when nothing matches. */
    empty: string;
    protected text: string;
    protected isOpen: boolean;
    protected active: number;
    constructor();
    protected willUpdate(changed: Map<string, unknown>): void;
    protected render(): TemplateResult;
    protected updated(): void;
}
declare global {
    interface HTMLElementTagNameMap {
        "alga-combobox": AlgaCombobox;
    }
}
