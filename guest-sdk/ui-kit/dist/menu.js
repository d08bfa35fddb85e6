import { a as e, c as t, r as n, t as r, u as i } from "./chunks/base.js";
// src/menu.ts
var a = class extends r {
	static properties = {
		label: {},
		items: { type: Array },
		isOpen: { state: !0 }
	};
	static styles = [e, i`
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
    `];
	constructor() {
		super(), this.label = "", this.items = [], this.isOpen = !1, this.addEventListener("focusout", (e) => {
			this.contains(e.relatedTarget) || (this.isOpen = !1);
		});
	}
	get #e() {
		return [...this.renderRoot.querySelectorAll("[role=menuitem]")];
	}
	#t(e) {
		this.isOpen = !0, this.updateComplete.then(() => this.#e.at(e)?.focus());
	}
	#n() {
		this.isOpen = !1, this.renderRoot.querySelector(".trigger")?.focus();
	}
	#r(e) {
		e.disabled !== !0 && (this.#n(), this.emit("alga-choose", { id: e.id }));
	}
	#i(e) {
		let t = this.#e, n = t.findIndex((e) => e === this.shadowRoot?.activeElement), r = e.key.length === 1 && e.key !== " ", i = e.key.toLocaleLowerCase(), a = [...t.slice(n + 1), ...t.slice(0, n + 1)], o = r ? a.find((e) => e.textContent.trim().toLocaleLowerCase().startsWith(i)) : void 0, s = (/* @__PURE__ */ new Map([
			["ArrowDown", t[(n + 1) % t.length]],
			["ArrowUp", t.at(n - 1)],
			["Home", t[0]],
			["End", t.at(-1)]
		])).get(e.key) ?? o;
		e.key === "Escape" ? (e.stopPropagation(), this.#n()) : s !== void 0 && (e.preventDefault(), s.focus());
	}
	render() {
		return t`<button
        type="button"
        class="trigger"
        part="trigger"
        aria-haspopup="menu"
        aria-expanded=${this.isOpen}
        @click=${() => this.isOpen ? this.#n() : this.#t(0)}
        @keydown=${(e) => {
			(e.key === "ArrowDown" || e.key === "ArrowUp") && (e.preventDefault(), this.#t(e.key === "ArrowDown" ? 0 : -1));
		}}
      >
        <slot>${this.label}</slot> <span aria-hidden="true">▾</span>
      </button>
      <div role="menu" aria-label=${this.label} ?hidden=${!this.isOpen} @keydown=${this.#i}>
        ${this.items.map((e) => t`<button
            type="button"
            role="menuitem"
            tabindex="-1"
            class=${e.danger === !0 ? "danger" : ""}
            aria-disabled=${e.disabled ?? !1}
            @click=${() => this.#r(e)}
          >
            ${e.label}
          </button>`)}
      </div>`;
	}
};
n("alga-menu", a);
export { a as AlgaMenu };
