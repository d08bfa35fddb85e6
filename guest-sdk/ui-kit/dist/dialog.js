import { a as e, c as t, r as n, t as r, u as i } from "./chunks/base.js";
// src/dialog.ts
var a = class extends r {
	static properties = {
		open: {
			type: Boolean,
			reflect: !0
		},
		heading: {},
		closeLabel: { attribute: "close-label" }
	};
	static styles = [e, i`
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
    `];
	constructor() {
		super(), this.open = !1, this.heading = "", this.closeLabel = "Close";
	}
	show() {
		this.open = !0;
	}
	close() {
		this.open = !1;
	}
	render() {
		return t`<dialog
      part="dialog"
      aria-labelledby="heading"
      @close=${() => {
			this.open = !1, this.emit("alga-close", {});
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
	updated() {
		let e = this.renderRoot.querySelector("dialog");
		this.open && e?.open === !1 && e.showModal(), !this.open && e?.open === !0 && e.close();
	}
};
n("alga-dialog", a);
export { a as AlgaDialog };
