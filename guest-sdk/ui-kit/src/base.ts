/** What all elements share: the tokens of the design, and the basis of elements in forms. */
import { type CSSResultGroup, LitElement, type PropertyDeclarations, css } from "lit";

/**
 * Design tokens. The host application sets `--alga-…`; each has a value for light, dark and high
 * contrast where it does not. The scheme is the one of `color-scheme`.
 */
export const tokens = css`
  :host {
    --_background: var(--alga-background, light-dark(#ffffff, #16181d));
    --_surface: var(--alga-surface, light-dark(#f4f5f7, #21242b));
    --_text: var(--alga-text, light-dark(#1b1f27, #eceef2));
    --_muted: var(--alga-muted, light-dark(#565d6b, #a9b0bd));
    --_border: var(--alga-border, light-dark(#7c8494, #7b8494));
    --_line: var(--alga-line, light-dark(#d9dce2, #343944));
    --_primary: var(--alga-primary, light-dark(#2453c5, #8fb0ff));
    --_on-primary: var(--alga-on-primary, light-dark(#ffffff, #0d1a38));
    --_danger: var(--alga-danger, light-dark(#b3261e, #ff9d94));
    --_on-danger: var(--alga-on-danger, light-dark(#ffffff, #3b0a06));
    --_success: var(--alga-success, light-dark(#1d6b35, #7fd79a));
    --_radius: var(--alga-radius, 6px);
    --_space: var(--alga-space, 8px);
    --_font: var(--alga-font, system-ui, sans-serif);
    --_size: var(--alga-font-size, 14px);
    box-sizing: border-box;
    color: var(--_text);
    font-family: var(--_font);
    font-size: var(--_size);
    line-height: 1.5;
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: inherit;
  }
  :focus-visible {
    outline: 2px solid var(--_primary);
    outline-offset: 2px;
  }
  @media (prefers-contrast: more) {
    :host {
      --_border: var(--_text);
      --_line: var(--_text);
      --_muted: var(--_text);
    }
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      animation: none !important;
      transition: none !important;
    }
  }
`;

/** Styles of fields: label, control, hint and error. */
export const fieldStyles = css`
  :host {
    display: block;
  }
  .field {
    display: grid;
    gap: 4px;
  }
  label,
  .label {
    font-weight: 600;
  }
  .control {
    background: var(--_background);
    border: 1px solid var(--_border);
    border-radius: var(--_radius);
    color: inherit;
    font: inherit;
    inline-size: 100%;
    min-block-size: 36px;
    padding: 6px 10px;
  }
  .control:disabled {
    background: var(--_surface);
    color: var(--_muted);
  }
  .control[aria-invalid="true"] {
    border-color: var(--_danger);
  }
  .hint {
    color: var(--_muted);
  }
  .error {
    color: var(--_danger);
  }
`;

/** Basis of all elements. */
export abstract class AlgaElement extends LitElement {
  static override styles: CSSResultGroup = tokens;

  /** Dispatches an event that leaves the element. */
  protected emit<Detail>(type: string, detail: Detail): boolean {
    return this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}

/**
 * Basis of elements in forms. They take part in their form like the browser's own: with a name and
 * a value, in validation, and when the form is reset.
 */
export abstract class FormElement extends AlgaElement {
  static readonly formAssociated = true;
  static override shadowRootOptions = { ...LitElement.shadowRootOptions, delegatesFocus: true };
  static override styles: CSSResultGroup = [tokens, fieldStyles];
  static override properties: PropertyDeclarations = {
    name: { reflect: true },
    label: {},
    hint: {},
    error: {},
    value: {},
    required: { type: Boolean, reflect: true },
    disabled: { type: Boolean, reflect: true },
    shown: { state: true },
  };

  declare name: string;
  /** Text of the label. */
  declare label: string;
  /** Explanation below the control. */
  declare hint: string;
  /** Error of the host's or the extension's own, such as one of the server. */
  declare error: string;
  declare value: string;
  declare required: boolean;
  declare disabled: boolean;
  protected declare shown: boolean;
  readonly internals: ElementInternals;
  #initial: string | undefined;

  constructor() {
    super();
    this.internals = this.attachInternals();
    this.name = "";
    this.label = "";
    this.hint = "";
    this.error = "";
    this.value = "";
    this.required = false;
    this.disabled = false;
    this.shown = false;
    // The browser's own bubble is replaced by the text below the control.
    this.addEventListener("invalid", (event) => {
      event.preventDefault();
      this.shown = true;
    });
  }

  /** The control inside, whose rules the element has. */
  protected get control(): HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement | null {
    return this.renderRoot.querySelector(".control");
  }

  /** Value in the form's data; nothing if it is not part of it. */
  protected get formValue(): string | null {
    return this.value;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#initial ??= this.value;
  }

  protected override updated(): void {
    this.internals.setFormValue(this.formValue);
    const control = this.control;
    if (control === null) return;
    const isOwn = this.error !== "";
    if (isOwn || !control.validity.valid) {
      const text = isOwn ? this.error : control.validationMessage;
      this.internals.setValidity(isOwn ? { customError: true } : control.validity, text, control);
    } else {
      this.internals.setValidity({});
    }
    const message = this.shown || isOwn ? this.internals.validationMessage : "";
    const place = this.renderRoot.querySelector(".error");
    if (place !== null) place.textContent = message;
    control.setAttribute("aria-invalid", String(message !== ""));
  }

  /** Takes the value of the control after the user has changed it. */
  protected changed(value: string): void {
    this.value = value;
    this.error = "";
    this.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
  }

  /** Reports the value after the user has left the control. */
  protected committed(): void {
    this.shown = true;
    this.dispatchEvent(new Event("change", { bubbles: true, composed: true }));
  }

  formResetCallback(): void {
    this.value = this.#initial ?? "";
    this.shown = false;
    this.error = "";
  }

  formDisabledCallback(isDisabled: boolean): void {
    this.disabled = isDisabled;
  }

  checkValidity(): boolean {
    return this.internals.checkValidity();
  }

  reportValidity(): boolean {
    this.shown = true;
    return this.internals.reportValidity();
  }

  get form(): HTMLFormElement | null {
    return this.internals.form;
  }

  get validationMessage(): string {
    return this.internals.validationMessage;
  }
}

/** Defines an element, unless a page has loaded it already. */
export function define(tag: string, element: CustomElementConstructor): void {
  if (customElements.get(tag) === undefined) customElements.define(tag, element);
}
