import { a as e, c as t, r as n, t as r, u as i } from "./chunks/base.js";
// src/message.ts
var a = class extends r {
	static properties = {
		text: {},
		isShown: { state: !0 }
	};
	static styles = [e, i`
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
    `];
	constructor() {
		super(), this.text = "", this.isShown = !1;
		let e = (e) => () => this.isShown = e;
		for (let t of ["pointerenter", "focusin"]) this.addEventListener(t, e(!0));
		for (let t of ["pointerleave", "focusout"]) this.addEventListener(t, e(!1));
		this.addEventListener("keydown", (e) => {
			e.key === "Escape" && (this.isShown = !1);
		});
	}
	render() {
		return t`<slot
        @slotchange=${(e) => {
			for (let t of e.target.assignedElements()) t.setAttribute("aria-description", this.text);
		}}
      ></slot>
      <div role="tooltip" aria-hidden="true" ?hidden=${!this.isShown}>${this.text}</div>`;
	}
}, o = class extends r {
	static properties = {
		closeLabel: { attribute: "close-label" },
		toasts: { state: !0 }
	};
	static styles = [e, i`
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
    `];
	#e = 0;
	constructor() {
		super(), this.closeLabel = "Close", this.toasts = [];
	}
	show(e) {
		let t = this.#e += 1;
		this.toasts = [...this.toasts, {
			...e,
			key: t
		}];
		let n = e.timeout ?? 6e3;
		n > 0 && setTimeout(() => this.#t(t), n);
	}
	#t(e) {
		this.toasts = this.toasts.filter((t) => t.key !== e);
	}
	render() {
		return t`<div role="status" aria-live="polite">
      ${this.toasts.map(({ key: e, kind: n, text: r }) => t`<div class="toast ${n ?? "info"}">
          <span>${r}</span>
          <button type="button" aria-label=${this.closeLabel} @click=${() => this.#t(e)}><span aria-hidden="true">×</span></button>
        </div>`)}
    </div>`;
	}
};
function s(e, t = {}) {
	let n = document.querySelector("alga-toasts");
	n === null && (n = document.createElement("alga-toasts"), document.body.append(n)), n.show({
		text: e,
		...t
	});
}
n("alga-tooltip", a), n("alga-toasts", o);
export { o as AlgaToasts, a as AlgaTooltip, s as toast };
