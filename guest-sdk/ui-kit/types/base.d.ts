/** What all elements share: the tokens of the design, and the basis of elements in forms. */
import { type CSSResultGroup, LitElement, type PropertyDeclarations } from "lit";
/**
 * Design tokens. The host application sets `--alga-…`; each has a value for light, dark and high
 * contrast where it does not. The scheme is the one of `color-scheme`.
 */
export declare const tokens: import("lit").CSSResult;
/** Styles of fields: label, control, hint and error. */
export declare const fieldStyles: import("lit").CSSResult;
/** Basis of all elements. */
export declare abstract class AlgaElement extends LitElement {
    static styles: CSSResultGroup;
    /** Dispatches an event that leaves the element. */
    protected emit<Detail>(type: string, detail: Detail): boolean;
}
/**
 * Basis of elements in forms. They take part in their form like the browser's own: with a name and
 * a value, in validation, and when the form is reset.
 */
export declare abstract class FormElement extends AlgaElement {
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
    static styles: CSSResultGroup;
    static properties: PropertyDeclarations;
    name: string;
    /** Text of the label. */
    label: string;
    /** Explanation below the control. */
    hint: string;
    /** Error of the host's or the extension's own, such as one of the server. */
    error: string;
    value: string;
    required: boolean;
    disabled: boolean;
    protected shown: boolean;
    readonly internals: ElementInternals;
    constructor();
    /** The control inside, whose rules the element has. */
    protected get control(): HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement | null;
    /** Value in the form's data; nothing if it is not part of it. */
    protected get formValue(): string | null;
    connectedCallback(): void;
    protected updated(): void;
    /** Takes the value of the control after the user has changed it. */
    protected changed(value: string): void;
    /** Reports the value after the user has left the control. */
    protected committed(): void;
    formResetCallback(): void;
    formDisabledCallback(isDisabled: boolean): void;
    checkValidity(): boolean;
    reportValidity(): boolean;
    get form(): HTMLFormElement | null;
    get validationMessage(): string;
}
/** Defines an element, unless a page has loaded it already. */
export declare function define(tag: string, element: CustomElementConstructor): void;
