/** `<alga-dialog>`: a modal dialog on the browser's own, which manages focus and the Escape key. */
import { type TemplateResult, css, html } from "lit";
import { AlgaElement, define, tokens } from "./base.js";

export class AlgaDialog extends AlgaElement {
  static override properties = { open: { type: Boolean, reflect: true }, heading: {}, closeLabel: { attribute: "close-label" } };
  static override styles = [
    tokens,
    css`
      :host {
        display: contents;
      }
      dialog {
        background: var(--_background);
        border: 1px solid var(--_line);
        border-radius: calc(var(--_radius) * 2);
        color: var(--_text);
        font: inherit;
        inline-size: min(480px, calc(100vw - 32px));
        max-block-size: calc(100vh - 32px);
        padding: 0;
      }
      dialog::backdrop {
        background: rgb(0 0 0 / 50%);
      }
      header {
        align-items: center;
        display: flex;
        justify-content: space-between;
        padding: 16px 16px 0;
      }
      h2 {
        font-size: 1.25em;
        margin: 0;
      }
      header button {
        background: none;
        border: 0;
        border-radius: var(--_radius);
        color: inherit;
        cursor: pointer;
        font: inherit;
        font-size: 1.25em;
        min-block-size: 36px;
        min-inline-size: 36px;
      }
      .body {
        padding: 16px;
      }
      footer {
        display: flex;
        gap: 8px;
        justify-content: flex-end;
        padding: 0 16px 16px;
      }
    `,
  ];

  declare open: boolean;
  declare heading: string;
  /** Name of the button that closes the dialog. */
  declare closeLabel: string;

  constructor() {
    super();
    this.open = false;
    this.heading = "";
    this.closeLabel = "Close";
  }

  show(): void {
    this.open = true;
  }

  close(): void {
    this.open = false;
  }

  protected override render(): TemplateResult {
    return html`<dialog
      part="dialog"
      aria-labelledby="heading"
      @close=${() => {
        this.open = false;
        this.emit("alga-close", {});
      }}
    >
      <header>
        <h2 id="heading">${this.heading}</h2>
        <button type="button" aria-label=${this.closeLabel} @click=${() => this.close()}><span aria-hidden="true">×</span></button>
      </header>
      <div class="body"><slot></slot></div>
      <footer><slot name="footer"></slot></footer>
    </dialog>`;
  }

  protected override updated(): void {
    const dialog = this.renderRoot.querySelector("dialog");
    if (this.open && dialog?.open === false) dialog.showModal();
    if (!this.open && dialog?.open === true) dialog.close();
  }
}

define("alga-dialog", AlgaDialog);

declare global {
  interface HTMLElementTagNameMap {
    "alga-dialog": AlgaDialog;
  }
}
