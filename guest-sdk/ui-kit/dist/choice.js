import { a as e, c as t, i as n, n as r, r as i, u as a } from "./chunks/base.js";
import { t as o } from "./chunks/live.js";
// src/choice.ts
var s = {
	attribute: "options",
	type: Array
}, c = class extends r {
	static properties = {
		...r.properties,
		options: s,
		placeholder: {}
	};
	constructor() {
		super(), this.options = [], this.placeholder = "";
	}
	render() {
		let e = this.required && this.placeholder === "" ? "" : t`<option value="">${this.placeholder}</option>`;
		return t`<div class="field">
      <label for="control">${this.label}</label>
      <select
        id="control"
        class="control"
        part="control"
        ?required=${this.required}
        ?disabled=${this.disabled}
        aria-describedby="hint error"
        @change=${(e) => {
			this.changed(e.target.value), this.committed();
		}}
      >
        ${e}
        ${this.options.map(({ value: e, label: n, disabled: r }) => t`<option value=${e} ?selected=${e === this.value} ?disabled=${r ?? !1}>${n}</option>`)}
      </select>
      <div class="hint" id="hint">${this.hint}</div>
      <div class="error" id="error" aria-live="polite"></div>
    </div>`;
	}
	updated() {
		let { control: e } = this;
		e !== null && (e.value = this.value, this.value === "" && e.value !== "" && (this.value = e.value)), super.updated();
	}
}, l = class extends r {
	static properties = {
		...r.properties,
		options: s
	};
	static styles = [
		e,
		n,
		a`
      .option {
        align-items: center;
        display: flex;
        font-weight: normal;
        gap: 8px;
        min-block-size: 28px;
      }
      fieldset {
        border: 0;
        margin: 0;
        padding: 0;
      }
      legend {
        font-weight: 600;
        padding: 0;
      }
      .choice {
        accent-color: var(--_primary);
        block-size: 18px;
        flex: none;
        inline-size: 18px;
        margin: 0;
        min-block-size: 0;
      }
    `
	];
	constructor() {
		super(), this.options = [];
	}
	render() {
		return t`<fieldset class="field" aria-describedby="hint error">
      <legend>${this.label}</legend>
      ${this.options.map(({ value: e, label: n, disabled: r }, i) => t`<label class="option">
          <input
            class=${i === 0 ? "choice control" : "choice"}
            type="radio"
            name="choice"
            value=${e}
            .checked=${o(e === this.value)}
            ?required=${this.required}
            ?disabled=${this.disabled || (r ?? !1)}
            @change=${() => {
			this.changed(e), this.committed();
		}}
          />${n}
        </label>`)}
      <div class="hint" id="hint">${this.hint}</div>
      <div class="error" id="error" aria-live="polite"></div>
    </fieldset>`;
	}
}, u = class extends r {
	static properties = {
		...r.properties,
		checked: {
			type: Boolean,
			reflect: !0
		}
	};
	static styles = [
		e,
		n,
		a`
      .option {
        align-items: center;
        display: flex;
        font-weight: normal;
        gap: 8px;
        min-block-size: 28px;
      }
      input.control {
        accent-color: var(--_primary);
        block-size: 18px;
        flex: none;
        inline-size: 18px;
        margin: 0;
        min-block-size: 0;
      }
      input[role="switch"] {
        appearance: none;
        background: var(--_surface);
        border: 1px solid var(--_border);
        border-radius: 12px;
        block-size: 24px;
        cursor: pointer;
        inline-size: 42px;
        padding: 0;
        position: relative;
      }
      input[role="switch"]::after {
        background: var(--_border);
        block-size: 16px;
        border-radius: 50%;
        content: "";
        inline-size: 16px;
        inset-block-start: 3px;
        inset-inline-start: 3px;
        position: absolute;
        transition: inset-inline-start 0.1s;
      }
      input[role="switch"]:checked {
        background: var(--_primary);
        border-color: var(--_primary);
      }
      input[role="switch"]:checked::after {
        background: var(--_on-primary);
        inset-inline-start: 21px;
      }
    `
	];
	controlRole = "checkbox";
	#e;
	constructor() {
		super(), this.checked = !1, this.value = "on";
	}
	get formValue() {
		return this.checked ? this.value : null;
	}
	render() {
		return t`<div class="field">
      <label class="option">
        <input
          class="control"
          part="control"
          type="checkbox"
          role=${this.controlRole}
          .checked=${o(this.checked)}
          ?required=${this.required}
          ?disabled=${this.disabled}
          aria-describedby="hint error"
          @change=${(e) => {
			this.checked = e.target.checked, this.changed(this.value), this.committed();
		}}
        />${this.label}
      </label>
      <div class="hint" id="hint">${this.hint}</div>
      <div class="error" id="error" aria-live="polite"></div>
    </div>`;
	}
	connectedCallback() {
		super.connectedCallback(), this.#e ??= this.checked;
	}
	formResetCallback() {
		super.formResetCallback(), this.checked = this.#e ?? !1;
	}
}, d = class extends u {
	controlRole = "switch";
};
i("alga-select", c), i("alga-radio", l), i("alga-checkbox", u), i("alga-switch", d);
export { u as AlgaCheckbox, l as AlgaRadio, c as AlgaSelect, d as AlgaSwitch };
