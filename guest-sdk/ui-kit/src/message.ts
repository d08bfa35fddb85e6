/** `<alga-tooltip>`, `<alga-toasts>` with `toast()`: short messages. */
import { type TemplateResult, css, html } from "lit";
import { AlgaElement, define, tokens } from "./base.js";

export class AlgaTooltip extends AlgaElement {
  static override properties = { text: {}, isShown: { state: true } };
  static override styles = [
    tokens,
    css`
      :host {
        display: inline-block;
        position: relative;
      }
      [role="tooltip"] {
        background: var(--_text);
        border-radius: var(--_radius);
        color: var(--_background);
        inline-size: max-content;
        inset-block-end: calc(100% + 6px);
        inset-inline-start: 0;
        max-inline-size: 240px;
        padding: 4px 8px;
        pointer-events: none;
        position: absolute;
        z-index: 20;
      }
    `,
  ];

  declare text: string;
  protected declare isShown: boolean;

  constructor() {
    super();
    this.text = "";
    this.isShown = false;
    const show = (isShown: boolean) => () => (this.isShown = isShown);
    for (const type of ["pointerenter", "focusin"]) this.addEventListener(type, show(true));
    for (const type of ["pointerleave", "focusout"]) this.addEventListener(type, show(false));
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.isShown = false;
    });
  }

  protected override render(): TemplateResult {
    // An id does not reach across the shadow root, so the described element has the text itself.
    return html`<slot
        @slotchange=${(event: Event) => {
          for (const element of (event.target as HTMLSlotElement).assignedElements()) {
            element.setAttribute("aria-description", this.text);
          }
        }}
      ></slot>
      <div role="tooltip" aria-hidden="true" ?hidden=${!this.isShown}>${this.text}</div>`;
  }
}

/** A message of `toast()`. */
export interface Toast {
  readonly text: string;
  /** `info`, `success` or `danger`. */
  readonly kind?: string;
  /** Time until it disappears, in milliseconds; 0 is until it is closed. */
  readonly timeout?: number;
}

export class AlgaToasts extends AlgaElement {
  static override properties = { closeLabel: { attribute: "close-label" }, toasts: { state: true } };
  static override styles = [
    tokens,
    css`
      :host {
        display: grid;
        gap: 8px;
        inset-block-end: 16px;
        inset-inline-end: 16px;
        max-inline-size: min(400px, calc(100vw - 32px));
        position: fixed;
        z-index: 30;
      }
      .toast {
        align-items: center;
        background: var(--_background);
        border: 1px solid var(--_border);
        border-inline-start: 6px solid var(--_primary);
        border-radius: var(--_radius);
        display: flex;
        gap: 8px;
        justify-content: space-between;
        padding: 8px 12px;
      }
      .toast.success {
        border-inline-start-color: var(--_success);
      }
      .toast.danger {
        border-inline-start-color: var(--_danger);
      }
      button {
        background: none;
        border: 0;
        color: inherit;
        cursor: pointer;
        font: inherit;
        min-block-size: 28px;
        min-inline-size: 28px;
      }
    `,
  ];

  declare closeLabel: string;
  protected declare toasts: readonly (Toast & { readonly key: number })[];
  #next = 0;

  constructor() {
    super();
    this.closeLabel = "Close";
    this.toasts = [];
  }

  show(toast: Toast): void {
    const key = (this.#next += 1);
    this.toasts = [...this.toasts, { ...toast, key }];
    const timeout = toast.timeout ?? 6000;
    if (timeout > 0) setTimeout(() => this.#remove(key), timeout);
  }

  #remove(key: number): void {
    this.toasts = this.toasts.filter((toast) => toast.key !== key);
  }

  protected override render(): TemplateResult {
    return html`<div role="status" aria-live="polite">
      ${this.toasts.map(
        ({ key, kind, text }) => html`<div class="toast ${kind ?? "info"}">
          <span>${text}</span>
          <button type="button" aria-label=${this.closeLabel} @click=${() => this.#remove(key)}><span aria-hidden="true">×</span></button>
        </div>`,
      )}
    </div>`;
  }
}

/** Shows a message in the page's `<alga-toasts>`, which is added if there is none. */
export function toast(text: string, options: Omit<Toast, "text"> = {}): void {
  let toasts = document.querySelector<AlgaToasts>("alga-toasts");
  if (toasts === null) {
    toasts = document.createElement("alga-toasts");
    document.body.append(toasts);
  }
  toasts.show({ text, ...options });
}

define("alga-tooltip", AlgaTooltip);
define("alga-toasts", AlgaToasts);

declare global {
  interface HTMLElementTagNameMap {
    "alga-tooltip": AlgaTooltip;
    "alga-toasts": AlgaToasts;
  }
}
