/** `<alga-chart>`: lines over time or numbers, drawn by uPlot, with a table for screen readers. */
import { type PropertyDeclarations, type TemplateResult, css, html, unsafeCSS } from "lit";
import uPlot from "uplot";
import sheet from "uplot/dist/uPlot.min.css?inline";
import { AlgaElement, define, tokens } from "./base.js";

/** A line of a chart. */
export interface Series {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

const HEIGHT = 240;

export class AlgaChart extends AlgaElement {
  static override properties: PropertyDeclarations = {
    label: {},
    x: { type: Array },
    series: { type: Array },
    isTime: { type: Boolean, attribute: "time" },
  };
  static override styles = [
    tokens,
    unsafeCSS(sheet),
    css`
      :host {
        display: block;
        min-inline-size: 0;
      }
      figure {
        margin: 0;
      }
      figcaption {
        font-weight: 600;
      }
      .values {
        clip-path: inset(50%);
        block-size: 1px;
        overflow: hidden;
        position: absolute;
        inline-size: 1px;
      }
    `,
  ];

  declare label: string;
  /** Positions; seconds since 1970 with `time`. */
  declare x: readonly number[];
  declare series: readonly Series[];
  declare isTime: boolean;
  #plot: uPlot | undefined;
  #observer = new ResizeObserver(() => {
    // An element that is not shown has no width, with which uPlot does not end.
    if (this.clientWidth > 0) this.#plot?.setSize({ width: this.clientWidth, height: HEIGHT });
  });

  constructor() {
    super();
    this.label = "";
    this.x = [];
    this.series = [];
    this.isTime = false;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#observer.disconnect();
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  protected override render(): TemplateResult {
    const place = (x: number): string => (this.isTime ? new Date(x * 1000).toISOString() : String(x));
    return html`<figure aria-label=${this.label}>
      <figcaption>${this.label}</figcaption>
      <div class="plot" aria-hidden="true"></div>
      <table class="values">
        <thead>
          <tr>
            <td></td>
            ${this.series.map(({ label }) => html`<th scope="col">${label}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${this.x.slice(0, 200).map(
            (x, index) => html`<tr>
              <th scope="row">${place(x)}</th>
              ${this.series.map(({ values }) => html`<td>${values[index] ?? ""}</td>`)}
            </tr>`,
          )}
        </tbody>
      </table>
    </figure>`;
  }

  protected override updated(): void {
    const style = getComputedStyle(this);
    const text = style.color;
    const probe = (name: string): string => style.getPropertyValue(name).trim();
    const colors = [probe("--alga-primary") || "#2453c5", "#b3541e", "#1d6b35", "#8a2be2", "#00758f"];
    const axis = { stroke: text, grid: { stroke: "rgb(128 128 128 / 30%)" }, ticks: { stroke: "rgb(128 128 128 / 30%)" } };
    this.#plot?.destroy();
    const place = this.renderRoot.querySelector<HTMLElement>(".plot");
    if (place === null || this.x.length === 0) return;
    const lines = this.series.map(({ label }, index) => ({ label, stroke: colors[index % colors.length] ?? text, width: 2 }));
    const options: uPlot.Options = {
      width: Math.max(this.clientWidth, 100),
      height: HEIGHT,
      scales: { x: { time: this.isTime } },
      axes: [axis, axis],
      series: [{}, ...lines],
    };
    const data = [this.x, ...this.series.map(({ values }) => values)] as unknown as uPlot.AlignedData;
    this.#plot = new uPlot(options, data, place);
    this.#observer.observe(this);
  }
}

define("alga-chart", AlgaChart);

declare global {
  interface HTMLElementTagNameMap {
    "alga-chart": AlgaChart;
  }
}
