export { DuckDb, type RunOptions } from './duckdb.ts';
export { SqlError } from './errors.ts';
export type { Progress, ProgressListener } from './progress.ts';
export { type BoundScan, scanSql } from './read.ts';
export { type ResultColumn, ResultSet } from './result-set.ts';
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
export { type WriteRequest, writeDataFiles } from './write.ts';
