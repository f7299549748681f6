export { type Alterations, alterTable, commitChange, renameTable, runAlterTable } from './alter-table.ts';
export { runCall } from './call.ts';
export { columnDefault } from './column-default.ts';
export { type ColumnType, columnType } from './column-type.ts';
export { createTable, runCreateTable } from './create-table.ts';
export { createTableAs, runCreateTableAs, type TableWithRows } from './create-table-as.ts';
export { dropTable, runDropTable } from './drop-table.ts';
export { newTableIdentifier, tableName } from './names.ts';
export type { NewColumn, TableOptions } from './new-table.ts';
export { createSchema, dropSchema, runCreateSchema, runDropSchema } from './schemas.ts';
export {
  cherryPick,
  fastForwardBranch,
  rollback,
  rollbackToTimestamp,
  type SnapshotOptions,
  setCurrentSnapshot,
  setRef,
} from './snapshots.ts';
