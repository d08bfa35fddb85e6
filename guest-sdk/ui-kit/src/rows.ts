/** Rows of a table: filtering, sorting, and which of them are visible. Pure functions. */

/** A row, by the keys of columns. */
export type Row = Readonly<Record<string, unknown>>;

/** A column of a table. */
export interface Column {
  /** Key of the values in rows. */
  readonly key: string;
  readonly label: string;
  /** Width in pixels before the user changes it; 160 unless given. */
  readonly width?: number;
  /** False for a column that is not sorted. */
  readonly sortable?: boolean;
  /** Alignment of numbers. */
  readonly align?: "start" | "end";
  /** Text of a value; the value itself unless given. */
  readonly format?: (value: unknown, row: Row) => string;
}

/** Order of rows. */
export interface Sort {
  readonly key: string;
  readonly direction: "ascending" | "descending";
}

/** Returns the text of a cell. */
export function text(column: Column, row: Row): string {
  const value = row[column.key];
  return column.format === undefined ? String(value ?? "") : column.format(value, row);
}

/** Returns the rows in which a visible cell contains the text. */
export function filtered(rows: readonly Row[], columns: readonly Column[], query: string): readonly Row[] {
  const wanted = query.trim().toLocaleLowerCase();
  if (wanted === "") return rows;
  return rows.filter((row) => columns.some((column) => text(column, row).toLocaleLowerCase().includes(wanted)));
}

/** Returns the rows in order: numbers and dates by value, other values by language, nothing last. */
export function sorted(rows: readonly Row[], sort: Sort | undefined): readonly Row[] {
  if (sort === undefined) return rows;
  const { key, direction } = sort;
  const collator = new Intl.Collator(undefined, { numeric: true });
  const sign = direction === "ascending" ? 1 : -1;
  const compare = (a: unknown, b: unknown): number => {
    const [isEmptyA, isEmptyB] = [a == null || a === "", b == null || b === ""];
    if (isEmptyA || isEmptyB) return Number(isEmptyA) - Number(isEmptyB);
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * collator.compare(String(a), String(b));
  };
  return [...rows].sort((a, b) => compare(a[key], b[key]));
}

/** Returns first and last index of the rows that are rendered: the visible ones, and some on each side. */
export function visible(count: number, rowHeight: number, top: number, height: number): readonly [number, number] {
  const beyond = 8;
  const first = Math.max(0, Math.floor(top / rowHeight) - beyond);
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + beyond);
  return [Math.min(first, last), last];
}
