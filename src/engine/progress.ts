/** How far a long piece of work is. All numbers are totals since it began. */
export interface Progress {
  /** What is being done, for people: `reading`, `writing`, `committing`, ... */
  readonly phase: string;
  /** 0 to 1; absent when it can't be known. */
  readonly fraction?: number;
  readonly rows?: number;
  readonly bytes?: number;
  readonly files?: number;
  /** Parts of the work that a remote engine has made of it. */
  readonly splits?: Steps;
  /** Stages of a remote engine's plan. */
  readonly stages?: Steps;
}

export interface Steps {
  readonly done: number;
  readonly total: number;
}

export type ProgressListener = (progress: Progress) => void;

/** How often a running statement is asked how far it is, in milliseconds. */
export const progressIntervalMs = 200;
