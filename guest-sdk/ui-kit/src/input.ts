/** `<alga-input>` and `<alga-textarea>`: fields for text. */
import { type PropertyDeclarations, type TemplateResult, html } from "lit";
import { live } from "lit/directives/live.js";
import { FormElement, define } from "./base.js";

export class AlgaInput extends FormElement {
  static override properties: PropertyDeclarations = {
    ...FormElement.properties,
    type: {},
    placeholder: {},
    pattern: {},
    min: {},
    max: {},
    step: {},
    minlength: { type: Number },
    maxlength: { type: Number },
    autocomplete: {},
  };

  /** `text`, `email`, `number`, `date`, `password`, `search`, `tel`, `url`, … */
  declare type: string;
  declare placeholder: string;
  declare pattern: string | undefined;
  declare min: string | undefined;
  declare max: string | undefined;
  declare step: string | undefined;
  declare minlength: number | undefined;
  declare maxlength: number | undefined;
  declare autocomplete: string | undefined;

  constructor() {
    super();
    this.type = "text";
    this.placeholder = "";
  }

  protected override render(): TemplateResult {
    return html`<div class="field">
      <label for="control">${this.label}</label>
      <input
        id="control"
        class="control"
        part="control"
        type=${this.type}
        .value=${live(this.value)}
        placeholder=${this.placeholder}
        ?required=${this.required}
        ?disabled=${this.disabled}
        aria-describedby="hint error"
        @input=${(event: Event) => this.changed((event.target as HTMLInputElement).value)}
        @change=${() => this.committed()}
        @keydown=${(event: KeyboardEvent) => event.key === "Enter" && this.form?.requestSubmit()}
      />
      <div class="hint" id="hint">${this.hint}</div>
      <div class="error" id="error" aria-live="polite"></div>
    </div>`;
  }

  protected override updated(): void {
    for (const name of ["pattern", "min", "max", "step", "minlength", "maxlength", "autocomplete"] as const) {
      const value = this[name];
      if (value === undefined || value === null) this.control?.removeAttribute(name);
      else this.control?.setAttribute(name, String(value));
    }
    super.updated();
  }
}

export class AlgaTextarea extends FormElement {
  static override properties: PropertyDeclarations = { ...FormElement.properties, rows: { type: Number } };

  declare rows: number;

  constructor() {
    super();
    this.rows = 4;
  }

  protected override render(): TemplateResult {
    return html`<div class="field">
      <label for="control">${this.label}</label>
      <textarea
        id="control"
        class="control"
        part="control"
        rows=${this.rows}
        .value=${live(this.value)}
        ?required=${this.required}
        ?disabled=${this.disabled}
        aria-describedby="hint error"
        @input=${(event: Event) => this.changed((event.target as HTMLTextAreaElement).value)}
        @change=${() => this.committed()}
      ></textarea>
      <div class="hint" id="hint">${this.hint}</div>
      <div class="error" id="error" aria-live="polite"></div>
    </div>`;
  }
}

define("alga-input", AlgaInput);
define("alga-textarea", AlgaTextarea);

declare global {
  interface HTMLElementTagNameMap {
    "alga-input": AlgaInput;
    "alga-textarea": AlgaTextarea;
  }
}
