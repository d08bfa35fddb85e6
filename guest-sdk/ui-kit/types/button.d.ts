/** `<alga-button>`: a button, also of the form around it. */
import { type TemplateResult } from "lit";
import { AlgaElement } from "./base.js";
export declare class AlgaButton extends AlgaElement {
    #private;
    static readonly formAssociated = true;
    static shadowRootOptions: {
        clonable?: boolean;
        customElementRegistry?: CustomElementRegistry | null;
        mode: ShadowRootMode;
        serializable?: boolean;
        slotAssignment?: SlotAssignmentMode;
        delegatesFocus: boolean;
    };
    static properties: {
        variant: {
            reflect: boolean;
        };
        type: {};
        label: {};
        disabled: {
            type: BooleanConstructor;
            reflect: boolean;
        };
        loading: {
            type: BooleanConstructor;
            reflect: boolean;
        };
    };
    static styles: import("lit").CSSResult[];
    /** `primary`, `secondary`, `danger` or `plain`. */
    variant: string;
    /** `button`, `submit` or `reset`. */
    type: string;
    /** Name for screen readers, if the content is an icon. */
    label: string;
    disabled: boolean;
    /** True while what the button began is in progress. */
    loading: boolean;
    constructor();
    formDisabledCallback(isDisabled: boolean): void;
    protected render(): TemplateResult;
}
declare global {
    interface HTMLElementTagNameMap {
        "alga-button": AlgaButton;
    }
}
