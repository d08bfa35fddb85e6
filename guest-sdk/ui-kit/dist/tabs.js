import { a as e, c as t, r as n, t as r, u as i } from "./chunks/base.js";
// src/tabs.ts
var a = class extends r {
	static properties = {
		label: {},
		active: {
			type: Boolean,
			reflect: !0
		}
	};
	static styles = [e, i`
      :host {
        display: none;
        padding-block: 12px;
      }
      :host([active]) {
        display: block;
      }
    `];
	constructor() {
		super(), this.label = "", this.active = !1;
	}
	connectedCallback() {
		super.connectedCallback(), this.setAttribute("role", "tabpanel"), this.setAttribute("aria-label", this.label);
	}
	render() {
		return t`<slot></slot>`;
	}
}, o = class extends r {
	static properties = {
		selected: {
			type: Number,
			reflect: !0
		},
		label: {},
		panels: { state: !0 }
	};
	static styles = [e, i`
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
    `];
	constructor() {
		super(), this.selected = 0, this.label = "", this.panels = [];
	}
	#e(e, t) {
		let n = this.panels.length;
		this.selected = (e + n) % n, this.emit("alga-select", { index: this.selected }), t && this.updateComplete.then(() => this.renderRoot.querySelectorAll("button")[this.selected]?.focus());
	}
	#t(e) {
		let [t, n] = getComputedStyle(this).direction === "rtl" ? ["ArrowLeft", "ArrowRight"] : ["ArrowRight", "ArrowLeft"], r = (/* @__PURE__ */ new Map([
			[t, this.selected + 1],
			[n, this.selected - 1],
			["Home", 0],
			["End", this.panels.length - 1]
		])).get(e.key);
		r !== void 0 && (e.preventDefault(), this.#e(r, !0));
	}
	render() {
		return t`<div role="tablist" aria-label=${this.label} @keydown=${this.#t}>
        ${this.panels.map(({ label: e }, n) => t`<button
            type="button"
            role="tab"
            aria-selected=${n === this.selected}
            tabindex=${n === this.selected ? 0 : -1}
            @click=${() => this.#e(n, !1)}
          >
            ${e}
          </button>`)}
      </div>
      <slot
        @slotchange=${(e) => {
			let t = e.target.assignedElements();
			this.panels = t.filter((e) => e instanceof a);
		}}
      ></slot>`;
	}
	updated() {
		this.panels.forEach((e, t) => e.active = t === this.selected);
	}
};
n("alga-tab", a), n("alga-tabs", o);
export { a as AlgaTab, o as AlgaTabs };
