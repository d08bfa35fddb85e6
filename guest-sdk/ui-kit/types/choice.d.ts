/** `<alga-select>`, `<alga-radio>`, `<alga-checkbox>` and `<alga-switch>`: choices. */
import { type PropertyDeclarations, type TemplateResult } from "lit";
import { FormElement } from "./base.js";
/** A choice of a list. */
export interface Option {
    readonly value: string;
    readonly label: string;
    readonly disabled?: boolean;
}
export declare class AlgaSelect extends FormElement {
    static properties: PropertyDeclarations;
    /** Choices, as a property or as JSON in the attribute. */
    options: readonly Option[];
    /** Text of the choice of nothing. */
    placeholder: string;
    constructor();
    protected render(): TemplateResult;
    protected updated(): void;
}
export declare class AlgaRadio extends FormElement {
    static properties: PropertyDeclarations;
    static styles: import("lit").CSSResult[];
    /** Choices, as a property or as JSON in the attribute. */
    options: readonly Option[];
    constructor();
    protected render(): TemplateResult;
}
export declare class AlgaCheckbox extends FormElement {
    #private;
    static properties: PropertyDeclarations;
    static styles: import("lit").CSSResult[];
    checked: boolean;
    /** Role of the control; `<alga-switch>` has `switch`. */
    protected readonly controlRole: "checkbox" | "switch";
    constructor();
    protected get formValue(): string | null;
    protected render(): TemplateResult;
    connectedCallback(): void;
    formResetCallback(): void;
}
export declare class AlgaSwitch extends AlgaCheckbox {
    protected readonly controlRole = "switch";
}
declare global {
    interface HTMLElementTagNameMap {
        "alga-select": AlgaSelect;
        "alga-radio": AlgaRadio;
        "alga-checkbox": AlgaCheckbox;
        "alga-switch": AlgaSwitch;
    }
}
