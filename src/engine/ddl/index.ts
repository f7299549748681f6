export { type Alterations, alterTable, runAlterTable } from './alter-table.ts';
export { runCall } from './call.ts';
export type { ColumnType } from './column-type.ts';
export { createTable, runCreateTable } from './create-table.ts';
export { createTableAs, runCreateTableAs, type TableWithRows } from './create-table-as.ts';
export { dropTable, runDropTable } from './drop-table.ts';
export type { NewColumn, TableOptions } from './new-table.ts';
export { runCreateSchema, runDropSchema } from './schemas.ts';
export {
  fastForwardBranch,
  rollback,
  type SnapshotOptions,
  setCurrentSnapshot,
  setRef,
} from './snapshots.ts';
