/** `<alga-form>` around a `<form>`: validates, reports errors in a summary, submits data as an object. */
import { type TemplateResult } from "lit";
import { AlgaElement, FormElement } from "./base.js";
export declare class AlgaForm extends AlgaElement {
    #private;
    static properties: {
        heading: {};
        errors: {
            state: boolean;
        };
    };
    static styles: import("lit").CSSResult[];
    /** Heading of the summary of errors. */
    heading: string;
    protected errors: readonly FormElement[];
    constructor();
    connectedCallback(): void;
    disconnectedCallback(): void;
    /** Shows errors of the server, by the names of fields. */
    setErrors(errors: Readonly<Record<string, string>>): void;
    protected render(): TemplateResult;
}
declare global {
    interface HTMLElementTagNameMap {
        "alga-form": AlgaForm;
    }
}
