/** `<alga-combobox>`: a field with suggestions, by the ARIA pattern "editable combobox with list". */
import { type PropertyDeclarations, type TemplateResult, css, html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { FormElement, define, fieldStyles, tokens } from "./base.js";
import type { Option } from "./choice.js";

/** Suggestions that are shown at once. */
const SHOWN = 100;

export class AlgaCombobox extends FormElement {
  static override properties: PropertyDeclarations = {
    ...FormElement.properties,
    options: { type: Array },
    placeholder: {},
    empty: {},
    text: { state: true },
    isOpen: { state: true },
    active: { state: true },
  };
  static override styles = [
    tokens,
    fieldStyles,
    css`
      .box {
        position: relative;
      }
      ul {
        background: var(--_background);
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        inset-block-start: calc(100% + 4px);
        inset-inline: 0;
        list-style: none;
        margin: 0;
        max-block-size: 240px;
        overflow-y: auto;
        padding: 4px;
        position: absolute;
        z-index: 10;
      }
      li {
        border-radius: var(--_radius);
        cursor: pointer;
        padding: 6px 8px;
      }
      li[aria-selected="true"] {
        font-weight: 600;
      }
      li.active {
        background: var(--_primary);
        color: var(--_on-primary);
      }
      .none {
        color: var(--_muted);
        cursor: default;
      }
    `,
  ];

  declare options: readonly Option[];
  declare placeholder: string;
  /** Text that is shown when nothing matches. */
  declare empty: string;
  protected declare text: string;
  protected declare isOpen: boolean;
  protected declare active: number;

  constructor() {
    super();
    this.options = [];
    this.placeholder = "";
    this.empty = "No matches";
    this.text = "";
    this.isOpen = false;
    this.active = -1;
  }

  /** Suggestions for the text, or all of them while the text is the chosen one. */
  get #matches(): readonly Option[] {
    const text = this.text.trim().toLocaleLowerCase();
    const isChosen = this.options.some(({ value, label }) => value === this.value && label === this.text);
    const found = isChosen ? this.options : this.options.filter(({ label }) => label.toLocaleLowerCase().includes(text));
    return found.slice(0, SHOWN);
  }

  protected override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has("value") && !changed.has("options")) return;
    const chosen = this.options.find(({ value }) => value === this.value);
    if (chosen !== undefined && !this.isOpen) this.text = chosen.label;
    if (this.value === "" && changed.has("value") && !this.isOpen) this.text = "";
  }

  #choose(option: Option | undefined): void {
    if (option === undefined || option.disabled === true) return;
    this.isOpen = false;
    this.active = -1;
    this.text = option.label;
    this.changed(option.value);
    this.committed();
  }

  #typed(event: Event): void {
    this.text = (event.target as HTMLInputElement).value;
    this.isOpen = true;
    this.active = -1;
    const exact = this.options.find(({ label }) => label.toLocaleLowerCase() === this.text.toLocaleLowerCase());
    this.changed(exact?.value ?? "");
    this.emit("alga-search", { text: this.text });
  }

  #pressed(event: KeyboardEvent): void {
    const matches = this.#matches;
    const move = (to: number): void => {
      event.preventDefault();
      this.isOpen = true;
      this.active = matches.length === 0 ? -1 : (to + matches.length) % matches.length;
    };
    if (event.key === "ArrowDown") move(this.isOpen ? this.active + 1 : 0);
    else if (event.key === "ArrowUp") move(this.active < 0 ? matches.length - 1 : this.active - 1);
    else if (event.key === "Enter" && this.isOpen && this.active >= 0) {
      event.preventDefault();
      this.#choose(matches[this.active]);
    } else if (event.key === "Escape" && this.isOpen) {
      event.stopPropagation();
      event.preventDefault();
      this.isOpen = false;
    }
  }

  protected override render(): TemplateResult {
    const matches = this.#matches;
    const active = this.isOpen && this.active >= 0 ? `option-${this.active}` : nothing;
    return html`<div class="field">
      <label for="control">${this.label}</label>
      <div class="box">
        <input
          id="control"
          class="control"
          part="control"
          role="combobox"
          autocomplete="off"
          aria-autocomplete="list"
          aria-expanded=${this.isOpen}
          aria-controls="list"
          aria-activedescendant=${active}
          aria-describedby="hint error"
          placeholder=${this.placeholder}
          .value=${live(this.text)}
          ?required=${this.required}
          ?disabled=${this.disabled}
          @input=${this.#typed}
          @keydown=${this.#pressed}
          @click=${() => (this.isOpen = true)}
          @blur=${() => {
            this.isOpen = false;
            this.committed();
          }}
        />
        <ul id="list" role="listbox" aria-label=${this.label} ?hidden=${!this.isOpen}>
          ${matches.map(
            (option, index) => html`<li
              id=${`option-${index}`}
              role="option"
              class=${index === this.active ? "active" : ""}
              aria-selected=${option.value === this.value}
              aria-disabled=${option.disabled ?? false}
              @pointerdown=${(event: Event) => event.preventDefault()}
              @click=${() => this.#choose(option)}
            >
              ${option.label}
            </li>`,
          )}
          ${matches.length === 0 ? html`<li role="option" aria-disabled="true" aria-selected="false" class="none">${this.empty}</li>` : nothing}
        </ul>
      </div>
      <div class="hint" id="hint">${this.hint}</div>
      <div class="error" id="error" aria-live="polite"></div>
    </div>`;
  }

  protected override updated(): void {
    // A text that is no choice is no value.
    const { control } = this;
    const isWrong = this.text !== "" && this.value === "" && !this.isOpen;
    control?.setCustomValidity(isWrong ? "Choose one of the suggestions" : "");
    super.updated();
    this.renderRoot.querySelector("li.active")?.scrollIntoView({ block: "nearest" });
  }
}

define("alga-combobox", AlgaCombobox);

declare global {
  interface HTMLElementTagNameMap {
    "alga-combobox": AlgaCombobox;
  }
}
