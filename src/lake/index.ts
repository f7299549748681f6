/*
 * What a person does with a lake. Each verb is one function of a session and a request (requests.ts), and answers
 * a sentence and perhaps rows.
 */
export { addFiles } from './add-files.ts';
export type { RowCounts, VerbAnswer, VerbOptions } from './answer.ts';
export { compact } from './compact.ts';
export { create } from './create.ts';
export { deleteRows } from './delete.ts';
export { describe } from './describe.ts';
export { diff } from './diff.ts';
export { drop } from './drop.ts';
export { engine } from './engine.ts';
export { evolve } from './evolve.ts';
export { expire } from './expire.ts';
export { exportRows } from './export.ts';
export { files } from './files.ts';
export { health } from './health.ts';
export { history } from './history.ts';
export { importTable } from './import.ts';
export { ingest, rejectedLines } from './ingest.ts';
export { orphans } from './orphans.ts';
export { publish } from './publish.ts';
export { ref } from './ref.ts';
export type * from './requests.ts';
export { rollback } from './rollback.ts';
export { sqlName } from './table-names.ts';
export { tables } from './tables.ts';
export { travel } from './travel.ts';
export { upsert } from './upsert.ts';
