import { a as e, c as t, o as n, r, t as i, u as a } from "./chunks/base.js";
// src/layout.ts
var o = class extends i {
	static properties = { kind: { reflect: !0 } };
	static styles = [e, a`
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
    `];
	render() {
		return t`<slot></slot>`;
	}
}, s = class extends i {
	static properties = { heading: {} };
	static styles = [e, a`
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
    `];
	render() {
		return t`${this.heading ? t`<h2>${this.heading}</h2>` : n}<slot></slot>`;
	}
}, c = class extends i {
	static properties = {
		lines: { type: Number },
		label: {}
	};
	static styles = [e, a`
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
    `];
	constructor() {
		super(), this.lines = 3, this.label = "Loading";
	}
	render() {
		return t`<span role="status">${this.label}</span>${Array.from({ length: this.lines }, () => t`<div aria-hidden="true"></div>`)}`;
	}
}, l = class extends i {
	static properties = { heading: {} };
	static styles = [e, a`
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
    `];
	render() {
		return t`<h2>${this.heading}</h2><slot></slot>`;
	}
}, u = class extends i {
	static properties = {
		page: { type: Number },
		pages: { type: Number },
		label: {},
		previous: {},
		next: {}
	};
	static styles = [e, a`
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
    `];
	constructor() {
		super(), this.page = 1, this.pages = 1, this.label = "Pages", this.previous = "Previous", this.next = "Next";
	}
	get #e() {
		let e = Array.from({ length: this.pages }, (e, t) => t + 1).filter((e) => e === 1 || e === this.pages || Math.abs(e - this.page) <= 1);
		return e.flatMap((t, n) => (e[n - 1] ?? t - 1) === t - 1 ? [t] : [0, t]);
	}
	#t(e) {
		this.page = e, this.emit("alga-page", { page: e });
	}
	render() {
		let e = (e, r) => t`<button
      type="button"
      ?disabled=${e < 1 || e > this.pages}
      aria-current=${e === this.page && r === e ? "page" : n}
      @click=${() => this.#t(e)}
    >
      ${r}
    </button>`;
		return t`<nav aria-label=${this.label}>
      ${e(this.page - 1, this.previous)}
      ${this.#e.map((n) => n === 0 ? t`<span aria-hidden="true">…</span>` : e(n, n))}
      ${e(this.page + 1, this.next)}
    </nav>`;
	}
};
r("alga-badge", o), r("alga-card", s), r("alga-skeleton", c), r("alga-empty", l), r("alga-pagination", u);
export { o as AlgaBadge, s as AlgaCard, l as AlgaEmpty, u as AlgaPagination, c as AlgaSkeleton };
