/**
 * `<alga-table>`: a table of any size. Only the visible rows are in the document; all have one
 * height, so that their places need no measuring. Sizes are set as properties: a page's policy
 * blocks style attributes, which Lit's `styleMap` writes first.
 *
 * Keys: arrows, Home, End, PageUp, PageDown move the active cell; Enter or Space sorts a column and
 * selects a row; Shift with the left and right arrow changes the width of a column.
 */
import { type PropertyDeclarations, type TemplateResult } from "lit";
import { AlgaElement } from "./base.js";
import { type Column, type Row, type Sort } from "./rows.js";
export type { Column, Row, Sort } from "./rows.js";
/** A part of the rows, from a server. */
export interface PageRequest {
    readonly offset: number;
    readonly limit: number;
    readonly sort: Sort | undefined;
    readonly filter: string;
}
export declare class AlgaTable extends AlgaElement {
    #private;
    static properties: PropertyDeclarations;
    static styles: import("lit").CSSResult[];
    columns: readonly Column[];
    rows: readonly Row[];
    /** Name of the table for screen readers. */
    label: string;
    /** Key of a value that identifies a row; its position unless given. */
    rowKey: string;
    selectable: boolean;
    /** Label of the filter; without it there is none. */
    filterLabel: string;
    /** Label of the list of columns; without it there is none. */
    columnsLabel: string;
    emptyText: string;
    /**
     * Number of all rows, if `rows` are a page that a server has filtered and sorted. Each change
     * dispatches `alga-load` with a `PageRequest`.
     */
    total: number | undefined;
    pageSize: number;
    sort: Sort | undefined;
    /** Keys of the selected rows. */
    selected: ReadonlySet<unknown>;
    protected filter: string;
    protected hiddenColumns: ReadonlySet<string>;
    protected widths: Readonly<Record<string, number>>;
    protected active: readonly [row: number, column: number];
    protected scrolled: number;
    protected height: number;
    protected offset: number;
    constructor();
    protected willUpdate(changed: Map<string, unknown>): void;
    protected firstUpdated(): void;
    disconnectedCallback(): void;
    protected render(): TemplateResult;
}
declare global {
    interface HTMLElementTagNameMap {
        "alga-table": AlgaTable;
    }
}
