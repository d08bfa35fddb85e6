import { a as e, c as t, i as n, n as r, o as i, r as a, u as o } from "./chunks/base.js";
import { t as s } from "./chunks/live.js";
// src/combobox.ts
var c = 100, l = class extends r {
	static properties = {
		...r.properties,
		options: { type: Array },
		placeholder: {},
		empty: {},
		text: { state: !0 },
		isOpen: { state: !0 },
		active: { state: !0 }
	};
	static styles = [
		e,
		n,
		o`
      .box {
        position: relative;
      }
      ul {
        background: var(--_background);
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        inset-block-start: calc(100% + 4px);
        inset-inline: 0;
        list-style: none;
        margin: 0;
        max-block-size: 240px;
        overflow-y: auto;
        padding: 4px;
        position: absolute;
        z-index: 10;
      }
      li {
        border-radius: var(--_radius);
        cursor: pointer;
        padding: 6px 8px;
      }
      li[aria-selected="true"] {
        font-weight: 600;
      }
      li.active {
        background: var(--_primary);
        color: var(--_on-primary);
      }
      .none {
        color: var(--_muted);
        cursor: default;
      }
    `
	];
	constructor() {
		super(), this.options = [], this.placeholder = "", this.empty = "No matches", this.text = "", this.isOpen = !1, this.active = -1;
	}
	get #e() {
		let e = this.text.trim().toLocaleLowerCase();
		return (this.options.some(({ value: e, label: t }) => e === this.value && t === this.text) ? this.options : this.options.filter(({ label: t }) => t.toLocaleLowerCase().includes(e))).slice(0, c);
	}
	willUpdate(e) {
		if (!e.has("value") && !e.has("options")) return;
		let t = this.options.find(({ value: e }) => e === this.value);
		t !== void 0 && !this.isOpen && (this.text = t.label), this.value === "" && e.has("value") && !this.isOpen && (this.text = "");
	}
	#t(e) {
		e !== void 0 && e.disabled !== !0 && (this.isOpen = !1, this.active = -1, this.text = e.label, this.changed(e.value), this.committed());
	}
	#n(e) {
		this.text = e.target.value, this.isOpen = !0, this.active = -1;
		let t = this.options.find(({ label: e }) => e.toLocaleLowerCase() === this.text.toLocaleLowerCase());
		this.changed(t?.value ?? ""), this.emit("alga-search", { text: this.text });
	}
	#r(e) {
		let t = this.#e, n = (n) => {
			e.preventDefault(), this.isOpen = !0, this.active = t.length === 0 ? -1 : (n + t.length) % t.length;
		};
		e.key === "ArrowDown" ? n(this.isOpen ? this.active + 1 : 0) : e.key === "ArrowUp" ? n(this.active < 0 ? t.length - 1 : this.active - 1) : e.key === "Enter" && this.isOpen && this.active >= 0 ? (e.preventDefault(), this.#t(t[this.active])) : e.key === "Escape" && this.isOpen && (e.stopPropagation(), e.preventDefault(), this.isOpen = !1);
	}
	render() {
		let e = this.#e, n = this.isOpen && this.active >= 0 ? `option-${this.active}` : i;
		return t`<div class="field">
      <label for="control">${this.label}</label>
      <div class="box">
        <input
          id="control"
          class="control"
          part="control"
          role="combobox"
          autocomplete="off"
          aria-autocomplete="list"
          aria-expanded=${this.isOpen}
          aria-controls="list"
          aria-activedescendant=${n}
          aria-describedby="hint error"
          placeholder=${this.placeholder}
          .value=${s(this.text)}
          ?required=${this.required}
          ?disabled=${this.disabled}
          @input=${this.#n}
          @keydown=${this.#r}
          @click=${() => this.isOpen = !0}
          @blur=${() => {
			this.isOpen = !1, this.committed();
		}}
        />
        <ul id="list" role="listbox" aria-label=${this.label} ?hidden=${!this.isOpen}>
          ${e.map((e, n) => t`<li
              id=${`option-${n}`}
              role="option"
              class=${n === this.active ? "active" : ""}
              aria-selected=${e.value === this.value}
              aria-disabled=${e.disabled ?? !1}
              @pointerdown=${(e) => e.preventDefault()}
              @click=${() => this.#t(e)}
            >
              ${e.label}
            </li>`)}
          ${e.length === 0 ? t`<li role="option" aria-disabled="true" aria-selected="false" class="none">${this.empty}</li>` : i}
        </ul>
      </div>
      <div class="hint" id="hint">${this.hint}</div>
      <div class="error" id="error" aria-live="polite"></div>
    </div>`;
	}
	updated() {
		let { control: e } = this, t = this.text !== "" && this.value === "" && !this.isOpen;
		e?.setCustomValidity(t ? "Choose one of the suggestions" : ""), super.updated(), this.renderRoot.querySelector("li.active")?.scrollIntoView({ block: "nearest" });
	}
};
a("alga-combobox", l);
export { l as AlgaCombobox };
