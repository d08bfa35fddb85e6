import { a as e, c as t, n, o as r, r as i, t as a, u as o } from "./chunks/base.js";
// src/form.ts
var s = class extends a {
	static properties = {
		heading: {},
		errors: { state: !0 }
	};
	static styles = [e, o`
      :host {
        display: block;
      }
      .errors {
        border: 1px solid var(--_danger);
        border-radius: var(--_radius);
        margin-block-end: 12px;
        padding: 8px 12px;
      }
      .errors h2 {
        color: var(--_danger);
        font-size: 1em;
        margin: 0;
      }
      ul {
        margin: 4px 0 0;
        padding-inline-start: 20px;
      }
      button {
        background: none;
        border: 0;
        color: inherit;
        cursor: pointer;
        font: inherit;
        padding: 0;
        text-align: start;
        text-decoration: underline;
      }
      ::slotted(form) {
        display: grid;
        gap: 12px;
      }
    `];
	constructor() {
		super(), this.heading = "Please correct these fields", this.errors = [];
	}
	connectedCallback() {
		super.connectedCallback(), this.addEventListener("submit", this.#e), this.querySelector("form")?.setAttribute("novalidate", "");
	}
	disconnectedCallback() {
		super.disconnectedCallback(), this.removeEventListener("submit", this.#e);
	}
	#e = (e) => {
		e.preventDefault();
		let t = e.target, r = [...t.elements].filter((e) => e instanceof n);
		this.errors = r.filter((e) => !e.reportValidity());
		let [i] = this.errors;
		if (i !== void 0) return i.focus();
		this.emit("alga-submit", {
			data: Object.fromEntries(new FormData(t)),
			form: t
		});
	};
	setErrors(e) {
		let t = [...this.querySelector("form")?.elements ?? []].filter((e) => e instanceof n).filter((t) => e[t.name] !== void 0);
		for (let n of t) n.error = e[n.name] ?? "";
		Promise.all(t.map((e) => e.updateComplete)).then(() => {
			this.errors = t, t[0]?.focus();
		});
	}
	render() {
		let e = t`<div class="errors" role="alert">
      <h2>${this.heading}</h2>
      <ul>
        ${this.errors.map((e) => t`<li><button type="button" @click=${() => e.focus()}>${e.label}: ${e.validationMessage}</button></li>`)}
      </ul>
    </div>`;
		return t`${this.errors.length > 0 ? e : r}<slot></slot>`;
	}
};
i("alga-form", s);
export { s as AlgaForm };
