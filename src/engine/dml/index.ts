export { executeDelete } from './delete.ts';
export { type DeleteRowsRequest, deleteRows } from './delete-rows.ts';
export { executeInsert } from './insert.ts';
export { type InsertRowsRequest, insertRows, type Overwrite } from './insert-rows.ts';
export { executeMerge } from './merge.ts';
export { executeTruncate } from './truncate.ts';
export { executeUpdate } from './update.ts';
export { type UpsertRowsRequest, upsertRows } from './upsert-rows.ts';
