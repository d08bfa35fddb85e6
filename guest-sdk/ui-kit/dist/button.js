import { a as e, c as t, o as n, r, t as i, u as a } from "./chunks/base.js";
// src/button.ts
var o = class extends i {
	static formAssociated = !0;
	static shadowRootOptions = {
		...i.shadowRootOptions,
		delegatesFocus: !0
	};
	static properties = {
		variant: { reflect: !0 },
		type: {},
		label: {},
		disabled: {
			type: Boolean,
			reflect: !0
		},
		loading: {
			type: Boolean,
			reflect: !0
		}
	};
	static styles = [e, a`
      :host {
        display: inline-block;
      }
      button {
        align-items: center;
        background: var(--_background);
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        color: var(--_text);
        cursor: pointer;
        display: inline-flex;
        font: inherit;
        font-weight: 600;
        gap: 6px;
        justify-content: center;
        min-block-size: 36px;
        inline-size: 100%;
        padding: 6px 14px;
      }
      button:hover {
        background: var(--_surface);
      }
      :host([variant="primary"]) button {
        background: var(--_primary);
        border-color: var(--_primary);
        color: var(--_on-primary);
      }
      :host([variant="danger"]) button {
        background: var(--_danger);
        border-color: var(--_danger);
        color: var(--_on-danger);
      }
      :host([variant="plain"]) button {
        border-color: transparent;
      }
      button:disabled {
        cursor: default;
        opacity: 0.6;
      }
    `];
	#e = this.attachInternals();
	constructor() {
		super(), this.variant = "secondary", this.type = "button", this.label = "", this.disabled = !1, this.loading = !1, this.addEventListener("click", (e) => {
			if (this.disabled || this.loading) return e.stopImmediatePropagation();
			this.type === "submit" && this.#e.form?.requestSubmit(), this.type === "reset" && this.#e.form?.reset();
		});
	}
	formDisabledCallback(e) {
		this.disabled = e;
	}
	render() {
		return t`<button
      part="button"
      type="button"
      ?disabled=${this.disabled || this.loading}
      aria-busy=${this.loading}
      aria-label=${this.label || n}
    >
      <slot></slot>
    </button>`;
	}
};
r("alga-button", o);
export { o as AlgaButton };
