/**
 * `<alga-table>`: a table of any size. Only the visible rows are in the document; all have one
 * height, so that their places need no measuring. Sizes are set as properties: a page's policy
 * blocks style attributes, which Lit's `styleMap` writes first.
 *
 * Keys: arrows, Home, End, PageUp, PageDown move the active cell; Enter or Space sorts a column and
 * selects a row; Shift with the left and right arrow changes the width of a column.
 */
import { type PropertyDeclarations, type TemplateResult, css, html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { AlgaElement, define, tokens } from "./base.js";
import { type Column, type Row, type Sort, filtered, sorted, text, visible } from "./rows.js";

export type { Column, Row, Sort } from "./rows.js";

/** A part of the rows, from a server. */
export interface PageRequest {
  readonly offset: number;
  readonly limit: number;
  readonly sort: Sort | undefined;
  readonly filter: string;
}

const ROW = 40;
const WIDTHS = { least: 60, usual: 160, most: 1000, step: 16 } as const;

export class AlgaTable extends AlgaElement {
  static override properties: PropertyDeclarations = {
    columns: { type: Array },
    rows: { type: Array },
    label: {},
    rowKey: { attribute: "row-key" },
    selectable: { type: Boolean },
    filterLabel: { attribute: "filter-label" },
    columnsLabel: { attribute: "columns-label" },
    emptyText: { attribute: "empty-text" },
    total: { type: Number },
    pageSize: { type: Number, attribute: "page-size" },
    sort: { attribute: false },
    selected: { attribute: false },
    filter: { state: true },
    hiddenColumns: { state: true },
    widths: { state: true },
    active: { state: true },
    scrolled: { state: true },
    height: { state: true },
    offset: { state: true },
  };
  static override styles = [
    tokens,
    css`
      :host {
        display: grid;
        gap: 8px;
        min-inline-size: 0;
      }
      .tools {
        align-items: end;
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
        justify-content: space-between;
      }
      .tools label {
        display: grid;
        font-weight: 600;
      }
      input[type="search"],
      summary,
      .pages button {
        background: var(--_background);
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        color: inherit;
        font: inherit;
        min-block-size: 36px;
        padding: 6px 10px;
      }
      details {
        position: relative;
      }
      summary {
        cursor: pointer;
      }
      fieldset {
        background: var(--_background);
        border: 1px solid var(--_border);
        border-radius: var(--_radius);
        inset-inline-end: 0;
        margin: 4px 0 0;
        padding: 8px;
        position: absolute;
        white-space: nowrap;
        z-index: 10;
      }
      .scroll {
        border: 1px solid var(--_line);
        border-radius: var(--_radius);
        max-block-size: var(--alga-table-height, 480px);
        overflow: auto;
        /* The page does not scroll at the table's end. */
        overscroll-behavior: contain;
      }
      [role="row"] {
        display: flex;
        block-size: 40px;
        min-inline-size: max-content;
      }
      .head {
        background: var(--_surface);
        inset-block-start: 0;
        position: sticky;
        z-index: 1;
      }
      .body {
        position: relative;
      }
      .body [role="row"] {
        border-block-start: 1px solid var(--_line);
        inset-inline: 0;
        position: absolute;
      }
      .body [aria-selected="true"] {
        background: var(--_surface);
      }
      [role="gridcell"],
      [role="columnheader"] {
        align-content: center;
        flex: none;
        overflow: hidden;
        padding: 0 10px;
        position: relative;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      [role="columnheader"] {
        font-weight: 600;
        text-align: start;
      }
      [role="columnheader"][aria-sort] {
        cursor: pointer;
      }
      .end {
        text-align: end;
      }
      :is([role="gridcell"], [role="columnheader"]):focus-visible {
        outline-offset: -2px;
      }
      .handle {
        block-size: 100%;
        cursor: col-resize;
        inline-size: 8px;
        inset-block-start: 0;
        inset-inline-end: 0;
        position: absolute;
        touch-action: none;
      }
      .empty {
        color: var(--_muted);
        padding: 24px;
        text-align: center;
      }
      .pages {
        align-items: center;
        display: flex;
        gap: 8px;
      }
      .pages button:disabled {
        color: var(--_muted);
      }
    `,
  ];

  declare columns: readonly Column[];
  declare rows: readonly Row[];
  /** Name of the table for screen readers. */
  declare label: string;
  /** Key of a value that identifies a row; its position unless given. */
  declare rowKey: string;
  declare selectable: boolean;
  /** Label of the filter; without it there is none. */
  declare filterLabel: string;
  /** Label of the list of columns; without it there is none. */
  declare columnsLabel: string;
  declare emptyText: string;
  /**
   * Number of all rows, if `rows` are a page that a server has filtered and sorted. Each change
   * dispatches `alga-load` with a `PageRequest`.
   */
  declare total: number | undefined;
  declare pageSize: number;
  declare sort: Sort | undefined;
  /** Keys of the selected rows. */
  declare selected: ReadonlySet<unknown>;
  protected declare filter: string;
  protected declare hiddenColumns: ReadonlySet<string>;
  protected declare widths: Readonly<Record<string, number>>;
  protected declare active: readonly [row: number, column: number];
  protected declare scrolled: number;
  protected declare height: number;
  protected declare offset: number;
  #shown: readonly Row[] = [];
  #observer = new ResizeObserver(([entry]) => (this.height = entry?.contentRect.height ?? 0));

  constructor() {
    super();
    this.columns = [];
    this.rows = [];
    this.label = "";
    this.rowKey = "";
    this.selectable = false;
    this.filterLabel = "";
    this.columnsLabel = "";
    this.emptyText = "No rows";
    this.pageSize = 100;
    this.selected = new Set();
    this.filter = "";
    this.hiddenColumns = new Set();
    this.widths = {};
    this.active = [0, 0];
    this.scrolled = 0;
    this.height = 480;
    this.offset = 0;
  }

  /** Columns that are not hidden. */
  get #columns(): readonly Column[] {
    return this.columns.filter(({ key }) => !this.hiddenColumns.has(key));
  }

  get #isPaged(): boolean {
    return this.total !== undefined;
  }

  protected override willUpdate(changed: Map<string, unknown>): void {
    if (["rows", "sort", "filter", "columns", "hiddenColumns", "total"].some((name) => changed.has(name))) {
      const { rows } = this;
      this.#shown = this.#isPaged ? rows : sorted(filtered(rows, this.#columns, this.filter), this.sort);
    }
  }

  protected override firstUpdated(): void {
    const scroll = this.renderRoot.querySelector(".scroll");
    if (scroll !== null) this.#observer.observe(scroll);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#observer.disconnect();
  }

  #keyOf(row: Row, index: number): unknown {
    return this.rowKey === "" ? index : row[this.rowKey];
  }

  #changed(change: { sort?: Sort; filter?: string; offset?: number }): void {
    if (change.sort !== undefined) this.sort = change.sort;
    if (change.filter !== undefined) this.filter = change.filter;
    this.offset = change.offset ?? 0;
    const { offset, sort, filter, pageSize: limit } = this;
    if (this.#isPaged) this.emit<PageRequest>("alga-load", { offset, limit, sort, filter });
  }

  #sortBy(column: Column): void {
    if (column.sortable === false) return;
    const isAscending = this.sort?.key === column.key && this.sort.direction === "ascending";
    this.#changed({ sort: { key: column.key, direction: isAscending ? "descending" : "ascending" } });
  }

  #select(row: Row, index: number): void {
    if (!this.selectable) return;
    const key = this.#keyOf(row, index);
    const selected = new Set(this.selected);
    if (!selected.delete(key)) selected.add(key);
    this.selected = selected;
    this.emit("alga-select", { selected: [...selected] });
  }

  #width(column: Column): number {
    return this.widths[column.key] ?? column.width ?? WIDTHS.usual;
  }

  #resize(column: Column, width: number): void {
    const within = Math.round(Math.min(Math.max(width, WIDTHS.least), WIDTHS.most));
    this.widths = { ...this.widths, [column.key]: within };
  }

  #drag(event: PointerEvent, column: Column): void {
    event.preventDefault();
    const handle = event.target as HTMLElement;
    const [start, width] = [event.clientX, this.#width(column)];
    const sign = getComputedStyle(this).direction === "rtl" ? -1 : 1;
    handle.setPointerCapture(event.pointerId);
    const move = (moved: PointerEvent): void => this.#resize(column, width + sign * (moved.clientX - start));
    handle.addEventListener("pointermove", move);
    handle.addEventListener("lostpointercapture", () => handle.removeEventListener("pointermove", move), { once: true });
  }

  /** Handles a key in the header, which is row 0, or in the body. */
  #pressed(event: KeyboardEvent): void {
    const columns = this.#columns;
    const [row, index] = this.active;
    const column = columns[index];
    const toEnd = getComputedStyle(this).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const isHorizontal = event.key === "ArrowLeft" || event.key === "ArrowRight";
    if (event.shiftKey && isHorizontal && column !== undefined && row === 0) {
      event.preventDefault();
      return this.#resize(column, this.#width(column) + (event.key === toEnd ? WIDTHS.step : -WIDTHS.step));
    }
    if ((event.key === "Enter" || event.key === " ") && column !== undefined) {
      event.preventDefault();
      const of = this.#shown[row - 1];
      return row === 0 ? this.#sortBy(column) : of === undefined ? undefined : this.#select(of, row - 1);
    }
    const page = Math.max(1, Math.floor(this.height / ROW) - 1);
    const moves: Record<string, readonly [number, number]> = {
      ArrowDown: [row + 1, index],
      ArrowUp: [row - 1, index],
      PageDown: [row + page, index],
      PageUp: [row - page, index],
      Home: event.ctrlKey ? [0, 0] : [row, 0],
      End: event.ctrlKey ? [this.#shown.length, columns.length - 1] : [row, columns.length - 1],
    };
    const move = isHorizontal ? ([row, index + (event.key === toEnd ? 1 : -1)] as const) : moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    this.#activate(move[0], move[1]);
  }

  #activate(row: number, column: number): void {
    const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
    this.active = [clamp(row, this.#shown.length), clamp(column, this.#columns.length - 1)];
    const scroll = this.renderRoot.querySelector(".scroll");
    const [at] = this.active;
    if (scroll !== null && at > 0) {
      // The header covers the first row's height.
      const [top, bottom] = [(at - 1) * ROW, (at + 1) * ROW];
      if (top < scroll.scrollTop) scroll.scrollTop = top;
      if (bottom > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = bottom - scroll.clientHeight;
      this.scrolled = scroll.scrollTop;
    }
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>("[tabindex='0'][role]")?.focus());
  }

  #tabindex(row: number, column: number): number {
    return this.active[0] === row && this.active[1] === column ? 0 : -1;
  }

  #head(column: Column, index: number): TemplateResult {
    const isSortable = column.sortable !== false;
    const direction = this.sort?.key === column.key ? this.sort.direction : "none";
    const sign = { ascending: "▲", descending: "▼", none: "" }[direction];
    return html`<div
      role="columnheader"
      class=${column.align ?? "start"}
      aria-colindex=${index + 1}
      aria-sort=${isSortable ? direction : nothing}
      tabindex=${this.#tabindex(0, index)}
      .style=${`inline-size:${this.#width(column)}px`}
      @click=${() => {
        this.active = [0, index];
        this.#sortBy(column);
      }}
    >
      ${column.label} <span aria-hidden="true">${sign}</span>
      <span
        class="handle"
        aria-hidden="true"
        @click=${(event: Event) => event.stopPropagation()}
        @pointerdown=${(event: PointerEvent) => this.#drag(event, column)}
      ></span>
    </div>`;
  }

  #row(row: Row, index: number, columns: readonly Column[]): TemplateResult {
    const isSelected = this.selected.has(this.#keyOf(row, index));
    return html`<div
      role="row"
      aria-rowindex=${this.offset + index + 2}
      aria-selected=${this.selectable ? isSelected : nothing}
      .style=${`inset-block-start:${index * ROW}px`}
      @click=${() => this.#select(row, index)}
      @dblclick=${() => this.emit("alga-open", { row })}
    >
      ${columns.map(
        (column, at) => html`<div
          role="gridcell"
          class=${column.align ?? "start"}
          aria-colindex=${at + 1}
          tabindex=${this.#tabindex(index + 1, at)}
          .style=${`inline-size:${this.#width(column)}px`}
          @focus=${() => (this.active = [index + 1, at])}
        >
          ${text(column, row)}
        </div>`,
      )}
    </div>`;
  }

  #tools(): TemplateResult | typeof nothing {
    if (this.filterLabel === "" && this.columnsLabel === "") return nothing;
    const filter = html`<label
      >${this.filterLabel}<input
        type="search"
        .value=${this.filter}
        @input=${(event: Event) => this.#changed({ filter: (event.target as HTMLInputElement).value })}
    /></label>`;
    const toggle = (key: string) => () => {
      const hidden = new Set(this.hiddenColumns);
      if (!hidden.delete(key) && this.#columns.length > 1) hidden.add(key);
      this.hiddenColumns = hidden;
    };
    const columns = html`<details>
      <summary>${this.columnsLabel}</summary>
      <fieldset aria-label=${this.columnsLabel}>
        ${this.columns.map(
          ({ key, label }) => html`<div>
            <label><input type="checkbox" .checked=${!this.hiddenColumns.has(key)} @change=${toggle(key)} /> ${label}</label>
          </div>`,
        )}
      </fieldset>
    </details>`;
    return html`<div class="tools">
      ${this.filterLabel === "" ? nothing : filter} ${this.columnsLabel === "" ? nothing : columns}
    </div>`;
  }

  #pages(): TemplateResult | typeof nothing {
    if (this.total === undefined) return nothing;
    const { offset, total, pageSize } = this;
    const last = Math.min(offset + pageSize, total);
    const go = (to: number) => () => this.#changed({ offset: to });
    return html`<div class="pages">
      <button type="button" aria-label="Previous page" ?disabled=${offset === 0} @click=${go(Math.max(0, offset - pageSize))}>‹</button>
      <span role="status">${total === 0 ? 0 : offset + 1}–${last} / ${total}</span>
      <button type="button" aria-label="Next page" ?disabled=${last >= total} @click=${go(offset + pageSize)}>›</button>
    </div>`;
  }

  protected override render(): TemplateResult {
    const [columns, rows] = [this.#columns, this.#shown];
    const [first, last] = visible(rows.length, ROW, this.scrolled, this.height);
    // The active row stays in the document, so that it keeps the focus while others are scrolled.
    const [active] = this.active;
    const indexes = Array.from({ length: last - first }, (_, index) => first + index);
    if (active > 0 && active <= rows.length && (active <= first || active > last)) indexes.push(active - 1);
    const empty = html`<div class="empty">${this.emptyText}</div>`;
    return html`${this.#tools()}
      <div
        class="scroll"
        part="scroll"
        @scroll=${(event: Event) => (this.scrolled = (event.target as HTMLElement).scrollTop)}
      >
        <div
          role="grid"
          aria-label=${this.label}
          aria-rowcount=${(this.total ?? rows.length) + 1}
          aria-colcount=${columns.length}
          aria-multiselectable=${this.selectable ? "true" : nothing}
          @keydown=${this.#pressed}
        >
          <div class="head" role="rowgroup">
            <div role="row" aria-rowindex="1">${columns.map((column, index) => this.#head(column, index))}</div>
          </div>
          <div class="body" role="rowgroup" .style=${`block-size:${rows.length * ROW}px`}>
            ${repeat(
              indexes,
              (index) => this.#keyOf(rows[index] ?? {}, index),
              (index) => this.#row(rows[index] ?? {}, index, columns),
            )}
          </div>
        </div>
        ${rows.length === 0 ? empty : nothing}
      </div>
      ${this.#pages()}`;
  }
}

define("alga-table", AlgaTable);

declare global {
  interface HTMLElementTagNameMap {
    "alga-table": AlgaTable;
  }
}
