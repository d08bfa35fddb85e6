/** `<alga-button>`: a button, also of the form around it. */
import { type TemplateResult, css, html, nothing } from "lit";
import { AlgaElement, define, tokens } from "./base.js";

export class AlgaButton extends AlgaElement {
  static readonly formAssociated = true;
  static override shadowRootOptions = { ...AlgaElement.shadowRootOptions, delegatesFocus: true };
  static override properties = {
    variant: { reflect: true },
    type: {},
    label: {},
    disabled: { type: Boolean, reflect: true },
    loading: { type: Boolean, reflect: true },
  };
  static override styles = [
    tokens,
    css`
      :host {
        display: inline-block;
      }
      button {
        align-items: center;
        background: var(--_background);
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        color: var(--_text);
        cursor: pointer;
        display: inline-flex;
        font: inherit;
        font-weight: 600;
        gap: 6px;
        justify-content: center;
        min-block-size: 36px;
        inline-size: 100%;
        padding: 6px 14px;
      }
      button:hover {
        background: var(--_surface);
      }
      :host([variant="primary"]) button {
        background: var(--_primary);
        border-color: var(--_primary);
        color: var(--_on-primary);
      }
      :host([variant="danger"]) button {
        background: var(--_danger);
        border-color: var(--_danger);
        color: var(--_on-danger);
      }
      :host([variant="plain"]) button {
        border-color: transparent;
      }
      button:disabled {
        cursor: default;
        opacity: 0.6;
      }
    `,
  ];

  /** `primary`, `secondary`, `danger` or `plain`. */
  declare variant: string;
  /** `button`, `submit` or `reset`. */
  declare type: string;
  /** Name for screen readers, if the content is an icon. */
  declare label: string;
  declare disabled: boolean;
  /** True while what the button began is in progress. */
  declare loading: boolean;
  readonly #internals = this.attachInternals();

  constructor() {
    super();
    this.variant = "secondary";
    this.type = "button";
    this.label = "";
    this.disabled = false;
    this.loading = false;
    this.addEventListener("click", (event) => {
      if (this.disabled || this.loading) return event.stopImmediatePropagation();
      if (this.type === "submit") this.#internals.form?.requestSubmit();
      if (this.type === "reset") this.#internals.form?.reset();
    });
  }

  formDisabledCallback(isDisabled: boolean): void {
    this.disabled = isDisabled;
  }

  protected override render(): TemplateResult {
    return html`<button
      part="button"
      type="button"
      ?disabled=${this.disabled || this.loading}
      aria-busy=${this.loading}
      aria-label=${this.label || nothing}
    >
      <slot></slot>
    </button>`;
  }
}

define("alga-button", AlgaButton);

declare global {
  interface HTMLElementTagNameMap {
    "alga-button": AlgaButton;
  }
}
