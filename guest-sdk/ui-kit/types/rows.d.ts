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
export declare function text(column: Column, row: Row): string;
/** Returns the rows in which a visible cell contains the text. */
export declare function filtered(rows: readonly Row[], columns: readonly Column[], query: string): readonly Row[];
/** Returns the rows in order: numbers and dates by value, other values by language, nothing last. */
export declare function sorted(rows: readonly Row[], sort: Sort | undefined): readonly Row[];
/** Returns first and last index of the rows that are rendered: the visible ones, and some on each side. */
export declare function visible(count: number, rowHeight: number, top: number, height: number): readonly [number, number];
