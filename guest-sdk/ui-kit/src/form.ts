/** `<alga-form>` around a `<form>`: validates, reports errors in a summary, submits data as an object. */
import { type TemplateResult, css, html, nothing } from "lit";
import { AlgaElement, FormElement, define, tokens } from "./base.js";

export class AlgaForm extends AlgaElement {
  static override properties = { heading: {}, errors: { state: true } };
  static override styles = [
    tokens,
    css`
      :host {
        display: block;
      }
      .errors {
        border: 1px solid var(--_danger);
        border-radius: var(--_radius);
        margin-block-end: 12px;
        padding: 8px 12px;
      }
      .errors h2 {
        color: var(--_danger);
        font-size: 1em;
        margin: 0;
      }
      ul {
        margin: 4px 0 0;
        padding-inline-start: 20px;
      }
      button {
        background: none;
        border: 0;
        color: inherit;
        cursor: pointer;
        font: inherit;
        padding: 0;
        text-align: start;
        text-decoration: underline;
      }
      ::slotted(form) {
        display: grid;
        gap: 12px;
      }
    `,
  ];

  /** Heading of the summary of errors. */
  declare heading: string;
  protected declare errors: readonly FormElement[];

  constructor() {
    super();
    this.heading = "Please correct these fields";
    this.errors = [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("submit", this.#submitted);
    this.querySelector("form")?.setAttribute("novalidate", "");
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.removeEventListener("submit", this.#submitted);
  }

  #submitted = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = [...form.elements].filter((element): element is FormElement => element instanceof FormElement);
    this.errors = fields.filter((field) => !field.reportValidity());
    const [first] = this.errors;
    if (first !== undefined) return first.focus();
    this.emit("alga-submit", { data: Object.fromEntries(new FormData(form)), form });
  };

  /** Shows errors of the server, by the names of fields. */
  setErrors(errors: Readonly<Record<string, string>>): void {
    const form = this.querySelector("form");
    const fields = [...(form?.elements ?? [])].filter((element): element is FormElement => element instanceof FormElement);
    const wrong = fields.filter((field) => errors[field.name] !== undefined);
    for (const field of wrong) field.error = errors[field.name] ?? "";
    void Promise.all(wrong.map((field) => field.updateComplete)).then(() => {
      this.errors = wrong;
      wrong[0]?.focus();
    });
  }

  protected override render(): TemplateResult {
    const summary = html`<div class="errors" role="alert">
      <h2>${this.heading}</h2>
      <ul>
        ${this.errors.map(
          (field) => html`<li><button type="button" @click=${() => field.focus()}>${field.label}: ${field.validationMessage}</button></li>`,
        )}
      </ul>
    </div>`;
    return html`${this.errors.length > 0 ? summary : nothing}<slot></slot>`;
  }
}

define("alga-form", AlgaForm);

declare global {
  interface HTMLElementTagNameMap {
    "alga-form": AlgaForm;
  }
}
