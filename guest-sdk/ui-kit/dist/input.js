import { c as e, n as t, r as n } from "./chunks/base.js";
import { t as r } from "./chunks/live.js";
// src/input.ts
var i = class extends t {
	static properties = {
		...t.properties,
		type: {},
		placeholder: {},
		pattern: {},
		min: {},
		max: {},
		step: {},
		minlength: { type: Number },
		maxlength: { type: Number },
		autocomplete: {}
	};
	constructor() {
		super(), this.type = "text", this.placeholder = "";
	}
	render() {
		return e`<div class="field">
      <label for="control">${this.label}</label>
      <input
        id="control"
        class="control"
        part="control"
        type=${this.type}
        .value=${r(this.value)}
        placeholder=${this.placeholder}
        ?required=${this.required}
        ?disabled=${this.disabled}
        aria-describedby="hint error"
        @input=${(e) => this.changed(e.target.value)}
        @change=${() => this.committed()}
        @keydown=${(e) => e.key === "Enter" && this.form?.requestSubmit()}
      />
      <div class="hint" id="hint">${this.hint}</div>
      <div class="error" id="error" aria-live="polite"></div>
    </div>`;
	}
	updated() {
		for (let e of [
			"pattern",
			"min",
			"max",
			"step",
			"minlength",
			"maxlength",
			"autocomplete"
		]) {
			let t = this[e];
			t == null ? this.control?.removeAttribute(e) : this.control?.setAttribute(e, String(t));
		}
		super.updated();
	}
}, a = class extends t {
	static properties = {
		...t.properties,
		rows: { type: Number }
	};
	constructor() {
		super(), this.rows = 4;
	}
	render() {
		return e`<div class="field">
      <label for="control">${this.label}</label>
      <textarea
        id="control"
        class="control"
        part="control"
        rows=${this.rows}
        .value=${r(this.value)}
        ?required=${this.required}
        ?disabled=${this.disabled}
        aria-describedby="hint error"
        @input=${(e) => this.changed(e.target.value)}
        @change=${() => this.committed()}
      ></textarea>
      <div class="hint" id="hint">${this.hint}</div>
      <div class="error" id="error" aria-live="polite"></div>
    </div>`;
	}
};
n("alga-input", i), n("alga-textarea", a);
export { i as AlgaInput, a as AlgaTextarea };
