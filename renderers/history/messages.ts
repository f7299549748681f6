/** What the history view (a webview) and the extension say to each other. */

export interface HistorySnapshot {
  /** As text: ids are larger than what a JavaScript number holds. */
  readonly id: string;
  readonly parentId?: string;
  readonly operation: string;
  /** As people read it, in their zone. */
  readonly moment: string;
  readonly ago: string;
  /** `+12 -3 rows`; empty when no writer counted. */
  readonly change: string;
  readonly summary: Readonly<Record<string, string>>;
  readonly isCurrent: boolean;
  readonly refs: readonly { readonly name: string; readonly type: 'branch' | 'tag' }[];
}

export type HistoryAction = 'query' | 'compare' | 'compare-parent' | 'rollback' | 'branch' | 'tag';

export interface HistoryLabels {
  readonly title: string;
  readonly empty: string;
  readonly current: string;
  readonly snapshot: string;
  readonly actions: Readonly<Record<HistoryAction, string>>;
}

export interface HistoryData {
  readonly type: 'history';
  readonly table: string;
  /** Newest first. */
  readonly snapshots: readonly HistorySnapshot[];
  readonly labels: HistoryLabels;
}

export type FromHistory =
  | { readonly type: 'ready' }
  | { readonly type: 'action'; readonly action: HistoryAction; readonly snapshotId: string };
