/** `<alga-menu>`: a button that opens a menu, by the ARIA pattern "menu button". */
import { type TemplateResult, css, html } from "lit";
import { AlgaElement, define, tokens } from "./base.js";

/** An action of a menu. */
export interface MenuItem {
  readonly id: string;
  readonly label: string;
  readonly disabled?: boolean;
  readonly danger?: boolean;
}

export class AlgaMenu extends AlgaElement {
  static override properties = { label: {}, items: { type: Array }, isOpen: { state: true } };
  static override styles = [
    tokens,
    css`
      :host {
        display: inline-block;
        position: relative;
      }
      .trigger {
        background: var(--_background);
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        color: inherit;
        cursor: pointer;
        font: inherit;
        font-weight: 600;
        min-block-size: 36px;
        padding: 6px 14px;
      }
      [role="menu"] {
        background: var(--_background);
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        inset-block-start: calc(100% + 4px);
        inset-inline-start: 0;
        margin: 0;
        min-inline-size: 100%;
        padding: 4px;
        position: absolute;
        z-index: 10;
      }
      [role="menuitem"] {
        background: none;
        border: 0;
        border-radius: var(--_radius);
        color: inherit;
        cursor: pointer;
        display: block;
        font: inherit;
        inline-size: 100%;
        padding: 6px 10px;
        text-align: start;
        white-space: nowrap;
      }
      [role="menuitem"].danger {
        color: var(--_danger);
      }
      [role="menuitem"]:focus {
        background: var(--_primary);
        color: var(--_on-primary);
        outline: none;
      }
      [role="menuitem"][aria-disabled="true"] {
        color: var(--_muted);
      }
    `,
  ];

  declare label: string;
  declare items: readonly MenuItem[];
  protected declare isOpen: boolean;

  constructor() {
    super();
    this.label = "";
    this.items = [];
    this.isOpen = false;
    this.addEventListener("focusout", (event) => {
      if (!this.contains(event.relatedTarget as Node | null)) this.isOpen = false;
    });
  }

  get #buttons(): readonly HTMLButtonElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLButtonElement>("[role=menuitem]")];
  }

  #open(index: number): void {
    this.isOpen = true;
    void this.updateComplete.then(() => this.#buttons.at(index)?.focus());
  }

  #close(): void {
    this.isOpen = false;
    this.renderRoot.querySelector<HTMLElement>(".trigger")?.focus();
  }

  #choose(item: MenuItem): void {
    if (item.disabled === true) return;
    this.#close();
    this.emit("alga-choose", { id: item.id });
  }

  #pressed(event: KeyboardEvent): void {
    const buttons = this.#buttons;
    const at = buttons.findIndex((button) => button === this.shadowRoot?.activeElement);
    const isLetter = event.key.length === 1 && event.key !== " ";
    const start = event.key.toLocaleLowerCase();
    const later = [...buttons.slice(at + 1), ...buttons.slice(0, at + 1)];
    const found = isLetter ? later.find((button) => button.textContent.trim().toLocaleLowerCase().startsWith(start)) : undefined;
    const moves = new Map([
      ["ArrowDown", buttons[(at + 1) % buttons.length]],
      ["ArrowUp", buttons.at(at - 1)],
      ["Home", buttons[0]],
      ["End", buttons.at(-1)],
    ]);
    const to = moves.get(event.key) ?? found;
    if (event.key === "Escape") {
      event.stopPropagation();
      this.#close();
    } else if (to !== undefined) {
      event.preventDefault();
      to.focus();
    }
  }

  protected override render(): TemplateResult {
    return html`<button
        type="button"
        class="trigger"
        part="trigger"
        aria-haspopup="menu"
        aria-expanded=${this.isOpen}
        @click=${() => (this.isOpen ? this.#close() : this.#open(0))}
        @keydown=${(event: KeyboardEvent) => {
          if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
          event.preventDefault();
          this.#open(event.key === "ArrowDown" ? 0 : -1);
        }}
      >
        <slot>${this.label}</slot> <span aria-hidden="true">▾</span>
      </button>
      <div role="menu" aria-label=${this.label} ?hidden=${!this.isOpen} @keydown=${this.#pressed}>
        ${this.items.map(
          (item) => html`<button
            type="button"
            role="menuitem"
            tabindex="-1"
            class=${item.danger === true ? "danger" : ""}
            aria-disabled=${item.disabled ?? false}
            @click=${() => this.#choose(item)}
          >
            ${item.label}
          </button>`,
        )}
      </div>`;
  }
}

define("alga-menu", AlgaMenu);

declare global {
  interface HTMLElementTagNameMap {
    "alga-menu": AlgaMenu;
  }
}
