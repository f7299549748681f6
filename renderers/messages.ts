/**
 * What the result renderer (in the notebook's webview) and the extension say to each other. The renderer never
 * holds a whole result: it asks the kernel, through the extension, for windows of rows.
 */

export const RESULT_MIME = 'application/vnd.lakebook.result+arrow';

/** Keys of the Arrow schema's metadata in a result's first window. */
export const META_RESULT_ID = 'lakebook:result-id';
export const META_ROW_COUNT = 'lakebook:row-count';
export const META_NAME = 'lakebook:name';
/** A sentence that goes with the rows, if there is one. */
export const META_TEXT = 'lakebook:text';
/** Key of a field's metadata: the column's SQL type. */
export const META_TYPE = 'lakebook:type';

export type FilterOp = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'contains' | 'null' | 'not-null';

export interface ColumnFilter {
  readonly column: string;
  readonly op: FilterOp;
  /** As typed; cast to the column's type by the kernel. Absent for null and not-null. */
  readonly value?: string;
}

/** How the rows of a result are looked at: all conditions hold together. */
export interface ResultView {
  readonly sort: readonly { readonly column: string; readonly descending: boolean }[];
  readonly filters: readonly ColumnFilter[];
  /** Rows in which any column's text contains this, ignoring case. */
  readonly search?: string;
}

export const ALL_ROWS: ResultView = { sort: [], filters: [] };

export type ChartKind = 'bar' | 'line' | 'area' | 'scatter' | 'histogram';

export interface ChartRequest {
  readonly kind: ChartKind;
  readonly x: string;
  /** Absent: count of rows. */
  readonly y?: string;
  readonly aggregate: 'sum' | 'avg' | 'min' | 'max' | 'count' | 'none';
  readonly color?: string;
}

export type SaveFormat = 'csv' | 'parquet' | 'arrow' | 'json';

export interface ColumnSummary {
  readonly column: string;
  readonly nullCount: number;
  readonly distinct: number;
  readonly min?: string;
  readonly max?: string;
  /** For numbers and times: counts of equally wide bins from min to max. */
  readonly histogram?: readonly number[];
  /** For everything else: the most frequent values. */
  readonly top?: readonly { readonly value: string; readonly count: number }[];
}

export type RendererRequest =
  | {
      readonly type: 'window';
      readonly resultId: string;
      readonly view: ResultView;
      readonly offset: number;
      readonly limit: number;
    }
  | { readonly type: 'summary'; readonly resultId: string; readonly column: string }
  | {
      readonly type: 'chart';
      readonly resultId: string;
      readonly view: ResultView;
      readonly chart: ChartRequest;
    }
  | {
      readonly type: 'save';
      readonly resultId: string;
      readonly view: ResultView;
      readonly format: SaveFormat;
    }
  | { readonly type: 'save-image'; readonly format: 'png' | 'svg'; readonly bytes: Uint8Array }
  | { readonly type: 'copy'; readonly text: string };

/** Answers by request type. `rowCount` is that of the view. */
export interface RendererAnswers {
  window: { readonly rowCount: number; readonly bytes: Uint8Array };
  summary: ColumnSummary;
  /** Arrow IPC: columns x, y, and color when asked for. At most 5,000 rows. */
  chart: { readonly bytes: Uint8Array; readonly truncated: boolean };
  save: { readonly path?: string };
  'save-image': { readonly path?: string };
  copy: Record<string, never>;
}

export interface ToExtension {
  readonly request: number;
  readonly body: RendererRequest;
}

export interface ToRenderer {
  readonly request: number;
  readonly ok?: unknown;
  readonly error?: string;
}
