/** `<alga-select>`, `<alga-radio>`, `<alga-checkbox>` and `<alga-switch>`: choices. */
import { type PropertyDeclarations, type TemplateResult, css, html } from "lit";
import { live } from "lit/directives/live.js";
import { FormElement, define, fieldStyles, tokens } from "./base.js";

/** A choice of a list. */
export interface Option {
  readonly value: string;
  readonly label: string;
  readonly disabled?: boolean;
}

const optionsProperty = { attribute: "options", type: Array };

export class AlgaSelect extends FormElement {
  static override properties: PropertyDeclarations = { ...FormElement.properties, options: optionsProperty, placeholder: {} };

  /** Choices, as a property or as JSON in the attribute. */
  declare options: readonly Option[];
  /** Text of the choice of nothing. */
  declare placeholder: string;

  constructor() {
    super();
    this.options = [];
    this.placeholder = "";
  }

  protected override render(): TemplateResult {
    const none = this.required && this.placeholder === "" ? "" : html`<option value="">${this.placeholder}</option>`;
    return html`<div class="field">
      <label for="control">${this.label}</label>
      <select
        id="control"
        class="control"
        part="control"
        ?required=${this.required}
        ?disabled=${this.disabled}
        aria-describedby="hint error"
        @change=${(event: Event) => {
          this.changed((event.target as HTMLSelectElement).value);
          this.committed();
        }}
      >
        ${none}
        ${this.options.map(
          ({ value, label, disabled }) =>
            html`<option value=${value} ?selected=${value === this.value} ?disabled=${disabled ?? false}>${label}</option>`,
        )}
      </select>
      <div class="hint" id="hint">${this.hint}</div>
      <div class="error" id="error" aria-live="polite"></div>
    </div>`;
  }

  protected override updated(): void {
    const { control } = this;
    if (control !== null) {
      control.value = this.value;
      if (this.value === "" && control.value !== "") this.value = control.value;
    }
    super.updated();
  }
}

export class AlgaRadio extends FormElement {
  static override properties: PropertyDeclarations = { ...FormElement.properties, options: optionsProperty };
  static override styles = [
    tokens,
    fieldStyles,
    css`
      .option {
        align-items: center;
        display: flex;
        font-weight: normal;
        gap: 8px;
        min-block-size: 28px;
      }
      fieldset {
        border: 0;
        margin: 0;
        padding: 0;
      }
      legend {
        font-weight: 600;
        padding: 0;
      }
      .choice {
        accent-color: var(--_primary);
        block-size: 18px;
        flex: none;
        inline-size: 18px;
        margin: 0;
        min-block-size: 0;
      }
    `,
  ];

  /** Choices, as a property or as JSON in the attribute. */
  declare options: readonly Option[];

  constructor() {
    super();
    this.options = [];
  }

  protected override render(): TemplateResult {
    return html`<fieldset class="field" aria-describedby="hint error">
      <legend>${this.label}</legend>
      ${this.options.map(
        ({ value, label, disabled }, index) => html`<label class="option">
          <input
            class=${index === 0 ? "choice control" : "choice"}
            type="radio"
            name="choice"
            value=${value}
            .checked=${live(value === this.value)}
            ?required=${this.required}
            ?disabled=${this.disabled || (disabled ?? false)}
            @change=${() => {
              this.changed(value);
              this.committed();
            }}
          />${label}
        </label>`,
      )}
      <div class="hint" id="hint">${this.hint}</div>
      <div class="error" id="error" aria-live="polite"></div>
    </fieldset>`;
  }
}

export class AlgaCheckbox extends FormElement {
  static override properties: PropertyDeclarations = {
    ...FormElement.properties,
    checked: { type: Boolean, reflect: true },
  };
  static override styles = [
    tokens,
    fieldStyles,
    css`
      .option {
        align-items: center;
        display: flex;
        font-weight: normal;
        gap: 8px;
        min-block-size: 28px;
      }
      input.control {
        accent-color: var(--_primary);
        block-size: 18px;
        flex: none;
        inline-size: 18px;
        margin: 0;
        min-block-size: 0;
      }
      input[role="switch"] {
        appearance: none;
        background: var(--_surface);
        border: 1px solid var(--_border);
        border-radius: 12px;
        block-size: 24px;
        cursor: pointer;
        inline-size: 42px;
        padding: 0;
        position: relative;
      }
      input[role="switch"]::after {
        background: var(--_border);
        block-size: 16px;
        border-radius: 50%;
        content: "";
        inline-size: 16px;
        inset-block-start: 3px;
        inset-inline-start: 3px;
        position: absolute;
        transition: inset-inline-start 0.1s;
      }
      input[role="switch"]:checked {
        background: var(--_primary);
        border-color: var(--_primary);
      }
      input[role="switch"]:checked::after {
        background: var(--_on-primary);
        inset-inline-start: 21px;
      }
    `,
  ];

  declare checked: boolean;
  /** Role of the control; `<alga-switch>` has `switch`. */
  protected readonly controlRole: "checkbox" | "switch" = "checkbox";
  #wasChecked: boolean | undefined;

  constructor() {
    super();
    this.checked = false;
    this.value = "on";
  }

  protected override get formValue(): string | null {
    return this.checked ? this.value : null;
  }

  protected override render(): TemplateResult {
    return html`<div class="field">
      <label class="option">
        <input
          class="control"
          part="control"
          type="checkbox"
          role=${this.controlRole}
          .checked=${live(this.checked)}
          ?required=${this.required}
          ?disabled=${this.disabled}
          aria-describedby="hint error"
          @change=${(event: Event) => {
            this.checked = (event.target as HTMLInputElement).checked;
            this.changed(this.value);
            this.committed();
          }}
        />${this.label}
      </label>
      <div class="hint" id="hint">${this.hint}</div>
      <div class="error" id="error" aria-live="polite"></div>
    </div>`;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#wasChecked ??= this.checked;
  }

  override formResetCallback(): void {
    super.formResetCallback();
    this.checked = this.#wasChecked ?? false;
  }
}

export class AlgaSwitch extends AlgaCheckbox {
  protected override readonly controlRole = "switch";
}

define("alga-select", AlgaSelect);
define("alga-radio", AlgaRadio);
define("alga-checkbox", AlgaCheckbox);
define("alga-switch", AlgaSwitch);

declare global {
  interface HTMLElementTagNameMap {
    "alga-select": AlgaSelect;
    "alga-radio": AlgaRadio;
    "alga-checkbox": AlgaCheckbox;
    "alga-switch": AlgaSwitch;
  }
}
