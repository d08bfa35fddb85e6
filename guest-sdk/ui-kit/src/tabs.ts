/** `<alga-tabs>` with `<alga-tab label="…">` panels, by the ARIA pattern "tabs". */
import { type TemplateResult, css, html } from "lit";
import { AlgaElement, define, tokens } from "./base.js";

export class AlgaTab extends AlgaElement {
  static override properties = { label: {}, active: { type: Boolean, reflect: true } };
  static override styles = [
    tokens,
    css`
      :host {
        display: none;
        padding-block: 12px;
      }
      :host([active]) {
        display: block;
      }
    `,
  ];

  declare label: string;
  declare active: boolean;

  constructor() {
    super();
    this.label = "";
    this.active = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.setAttribute("role", "tabpanel");
    this.setAttribute("aria-label", this.label);
  }

  protected override render(): TemplateResult {
    return html`<slot></slot>`;
  }
}

export class AlgaTabs extends AlgaElement {
  static override properties = { selected: { type: Number, reflect: true }, label: {}, panels: { state: true } };
  static override styles = [
    tokens,
    css`
      :host {
        display: block;
      }
      [role="tablist"] {
        border-block-end: 1px solid var(--_line);
        display: flex;
        gap: 4px;
        overflow-x: auto;
      }
      button {
        background: none;
        border: 0;
        border-block-end: 3px solid transparent;
        color: var(--_muted);
        cursor: pointer;
        font: inherit;
        font-weight: 600;
        min-block-size: 40px;
        padding: 6px 14px;
        white-space: nowrap;
      }
      button[aria-selected="true"] {
        border-block-end-color: var(--_primary);
        color: var(--_text);
      }
      button:focus-visible {
        outline-offset: -2px;
      }
    `,
  ];

  /** Index of the shown panel. */
  declare selected: number;
  /** Name of the list of tabs for screen readers. */
  declare label: string;
  protected declare panels: readonly AlgaTab[];

  constructor() {
    super();
    this.selected = 0;
    this.label = "";
    this.panels = [];
  }

  #select(index: number, hasFocus: boolean): void {
    const count = this.panels.length;
    this.selected = (index + count) % count;
    this.emit("alga-select", { index: this.selected });
    if (hasFocus) void this.updateComplete.then(() => this.renderRoot.querySelectorAll("button")[this.selected]?.focus());
  }

  #pressed(event: KeyboardEvent): void {
    const isReversed = getComputedStyle(this).direction === "rtl";
    const [next, previous] = isReversed ? ["ArrowLeft", "ArrowRight"] : ["ArrowRight", "ArrowLeft"];
    const to = new Map([
      [next, this.selected + 1],
      [previous, this.selected - 1],
      ["Home", 0],
      ["End", this.panels.length - 1],
    ]).get(event.key);
    if (to === undefined) return;
    event.preventDefault();
    this.#select(to, true);
  }

  protected override render(): TemplateResult {
    return html`<div role="tablist" aria-label=${this.label} @keydown=${this.#pressed}>
        ${this.panels.map(
          ({ label }, index) => html`<button
            type="button"
            role="tab"
            aria-selected=${index === this.selected}
            tabindex=${index === this.selected ? 0 : -1}
            @click=${() => this.#select(index, false)}
          >
            ${label}
          </button>`,
        )}
      </div>
      <slot
        @slotchange=${(event: Event) => {
          const slotted = (event.target as HTMLSlotElement).assignedElements();
          this.panels = slotted.filter((element): element is AlgaTab => element instanceof AlgaTab);
        }}
      ></slot>`;
  }

  protected override updated(): void {
    this.panels.forEach((panel, index) => (panel.active = index === this.selected));
  }
}

define("alga-tab", AlgaTab);
define("alga-tabs", AlgaTabs);

declare global {
  interface HTMLElementTagNameMap {
    "alga-tab": AlgaTab;
    "alga-tabs": AlgaTabs;
  }
}
