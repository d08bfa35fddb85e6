/** `<alga-chart>`: lines over time or numbers, drawn by uPlot, with a table for screen readers. */
import { type PropertyDeclarations, type TemplateResult } from "lit";
import { AlgaElement } from "./base.js";
/** A line of a chart. */
export interface Series {
    readonly label: string;
    readonly values: readonly (number | null)[];
}
export declare class AlgaChart extends AlgaElement {
    #private;
    static properties: PropertyDeclarations;
    static styles: import("lit").CSSResult[];
    label: string;
    /** Positions; seconds since 1970 with `time`. */
    x: readonly number[];
    series: readonly Series[];
    isTime: boolean;
    constructor();
    disconnectedCallback(): void;
    protected render(): TemplateResult;
    protected updated(): void;
}
declare global {
    interface HTMLElementTagNameMap {
        "alga-chart": AlgaChart;
    }
}
