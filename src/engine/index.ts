export type { RunOptions } from './duckdb.ts';
export type { Progress, ProgressListener } from './progress.ts';
export type { BoundScan } from './read.ts';
export type { ResultColumn } from './result-set.ts';
export type { ScanFile } from './scan-request.ts';
export { EngineSession, type SessionOptions } from './session.ts';
export type {
  ChangeResult,
  DoneResult,
  ExecuteOptions,
  RowsResult,
  StatementOutcome,
  StatementResult,
} from './statement-result.ts';
export type { WriteRequest } from './write.ts';
