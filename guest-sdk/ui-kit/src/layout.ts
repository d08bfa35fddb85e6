/** `<alga-badge>`, `<alga-card>`, `<alga-skeleton>`, `<alga-empty>`, `<alga-pagination>`: parts of pages. */
import { type TemplateResult, css, html, nothing } from "lit";
import { AlgaElement, define, tokens } from "./base.js";

export class AlgaBadge extends AlgaElement {
  static override properties = { kind: { reflect: true } };
  static override styles = [
    tokens,
    css`
      :host {
        background: var(--_surface);
        border: 1px solid var(--_border);
        border-radius: 999px;
        display: inline-block;
        font-size: 0.85em;
        font-weight: 600;
        padding: 1px 10px;
      }
      :host([kind="success"]) {
        border-color: var(--_success);
        color: var(--_success);
      }
      :host([kind="danger"]) {
        border-color: var(--_danger);
        color: var(--_danger);
      }
    `,
  ];

  /** `info`, `success` or `danger`. */
  declare kind: string;

  protected override render(): TemplateResult {
    return html`<slot></slot>`;
  }
}

export class AlgaCard extends AlgaElement {
  static override properties = { heading: {} };
  static override styles = [
    tokens,
    css`
      :host {
        background: var(--_background);
        border: 1px solid var(--_line);
        border-radius: calc(var(--_radius) * 1.5);
        display: block;
        padding: 16px;
      }
      h2 {
        font-size: 1.15em;
        margin: 0 0 8px;
      }
    `,
  ];

  declare heading: string;

  protected override render(): TemplateResult {
    return html`${this.heading ? html`<h2>${this.heading}</h2>` : nothing}<slot></slot>`;
  }
}

export class AlgaSkeleton extends AlgaElement {
  static override properties = { lines: { type: Number }, label: {} };
  static override styles = [
    tokens,
    css`
      :host {
        display: grid;
        gap: 8px;
      }
      div {
        animation: pulse 1.5s infinite alternate;
        background: var(--_line);
        block-size: 1em;
        border-radius: var(--_radius);
      }
      div:last-of-type {
        inline-size: 60%;
      }
      span {
        clip-path: inset(50%);
        position: absolute;
      }
      @keyframes pulse {
        to {
          opacity: 0.4;
        }
      }
    `,
  ];

  declare lines: number;
  /** Text for screen readers while content is loading. */
  declare label: string;

  constructor() {
    super();
    this.lines = 3;
    this.label = "Loading";
  }

  protected override render(): TemplateResult {
    return html`<span role="status">${this.label}</span>${Array.from({ length: this.lines }, () => html`<div aria-hidden="true"></div>`)}`;
  }
}

export class AlgaEmpty extends AlgaElement {
  static override properties = { heading: {} };
  static override styles = [
    tokens,
    css`
      :host {
        border: 1px dashed var(--_border);
        border-radius: calc(var(--_radius) * 1.5);
        color: var(--_muted);
        display: block;
        padding: 32px 16px;
        text-align: center;
      }
      h2 {
        color: var(--_text);
        font-size: 1.15em;
        margin: 0 0 4px;
      }
    `,
  ];

  declare heading: string;

  protected override render(): TemplateResult {
    return html`<h2>${this.heading}</h2><slot></slot>`;
  }
}

export class AlgaPagination extends AlgaElement {
  static override properties = { page: { type: Number }, pages: { type: Number }, label: {}, previous: {}, next: {} };
  static override styles = [
    tokens,
    css`
      :host {
        display: block;
      }
      nav {
        align-items: center;
        display: flex;
        flex-wrap: wrap;
        gap: 4px;
      }
      button {
        background: var(--_background);
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        color: inherit;
        cursor: pointer;
        font: inherit;
        min-block-size: 36px;
        min-inline-size: 36px;
        padding: 4px 10px;
      }
      button[aria-current="page"] {
        background: var(--_primary);
        border-color: var(--_primary);
        color: var(--_on-primary);
      }
      button:disabled {
        color: var(--_muted);
        cursor: default;
      }
    `,
  ];

  /** Number of the page, from 1. */
  declare page: number;
  declare pages: number;
  declare label: string;
  declare previous: string;
  declare next: string;

  constructor() {
    super();
    this.page = 1;
    this.pages = 1;
    this.label = "Pages";
    this.previous = "Previous";
    this.next = "Next";
  }

  /** First, last and neighbouring pages; 0 is a gap. */
  get #numbers(): readonly number[] {
    const near = Array.from({ length: this.pages }, (_, index) => index + 1).filter(
      (page) => page === 1 || page === this.pages || Math.abs(page - this.page) <= 1,
    );
    return near.flatMap((page, index) => ((near[index - 1] ?? page - 1) === page - 1 ? [page] : [0, page]));
  }

  #go(page: number): void {
    this.page = page;
    this.emit("alga-page", { page });
  }

  protected override render(): TemplateResult {
    const button = (page: number, text: string | number): TemplateResult => html`<button
      type="button"
      ?disabled=${page < 1 || page > this.pages}
      aria-current=${page === this.page && text === page ? "page" : nothing}
      @click=${() => this.#go(page)}
    >
      ${text}
    </button>`;
    return html`<nav aria-label=${this.label}>
      ${button(this.page - 1, this.previous)}
      ${this.#numbers.map((page) => (page === 0 ? html`<span aria-hidden="true">…</span>` : button(page, page)))}
      ${button(this.page + 1, this.next)}
    </nav>`;
  }
}

define("alga-badge", AlgaBadge);
define("alga-card", AlgaCard);
define("alga-skeleton", AlgaSkeleton);
define("alga-empty", AlgaEmpty);
define("alga-pagination", AlgaPagination);

declare global {
  interface HTMLElementTagNameMap {
    "alga-badge": AlgaBadge;
    "alga-card": AlgaCard;
    "alga-skeleton": AlgaSkeleton;
    "alga-empty": AlgaEmpty;
    "alga-pagination": AlgaPagination;
  }
}
