/** `<alga-input>` and `<alga-textarea>`: fields for text. */
import { type PropertyDeclarations, type TemplateResult } from "lit";
import { FormElement } from "./base.js";
export declare class AlgaInput extends FormElement {
    static properties: PropertyDeclarations;
    /** `text`, `email`, `number`, `date`, `password`, `search`, `tel`, `url`, … */
    type: string;
    placeholder: string;
    pattern: string | undefined;
    min: string | undefined;
    max: string | undefined;
    step: string | undefined;
    minlength: number | undefined;
    maxlength: number | undefined;
    autocomplete: string | undefined;
    constructor();
    protected render(): TemplateResult;
    protected updated(): void;
}
export declare class AlgaTextarea extends FormElement {
    static properties: PropertyDeclarations;
    rows: number;
    constructor();
    protected render(): TemplateResult;
}
declare global {
    interface HTMLElementTagNameMap {
        "alga-input": AlgaInput;
        "alga-textarea": AlgaTextarea;
    }
}
