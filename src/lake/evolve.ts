import { alterTable, renameTable } from '../engine/ddl/alter-table.ts';
import type { EngineSession } from '../engine/session.ts';
import { ValidationError } from '../iceberg/errors.ts';
import type { ColumnPlace } from '../iceberg/schema-update.ts';
import type { TableAlteration } from '../iceberg/table-update.ts';
import type { VerbAnswer, VerbOptions } from './answer.ts';
import type { EvolveChange, EvolveRequest } from './requests.ts';
import { newTable, requireTable } from './targets.ts';
import { columnNames, partitionFieldName, partitionTerm, sortTerm, typeOf } from './terms.ts';

/**
 * Changes a table's columns, partitioning, order, key or properties: all changes in one commit, no file is rewritten.
 * @throws NotFoundError('column'), AlreadyExistsError, ValidationError for the first change that can't be made
 */
export async function evolve(
  session: EngineSession,
  request: EvolveRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const table = await requireTable(session, request.table);
  const rename = request.changes.find(change => change.kind === 'rename-table');
  if (rename !== undefined) {
    if (request.changes.length > 1) {
      throw new ValidationError(
        "`rename table` can't be one of several changes: it is none of the table's own.",
        {
          hint: 'Write it on a line of its own.',
        },
      );
    }
    const to = await newTable(session, rename.to, table.identifier.namespace);
    const { text } = await renameTable(session, table, to);
    return { text };
  }
  const alterations: TableAlteration[] = [];
  for (const change of request.changes) alterations.push(await alterationOf(session, change));
  const { text } = await alterTable(session, table, alterations, options);
  return { text };
}

async function alterationOf(session: EngineSession, change: EvolveChange): Promise<TableAlteration> {
  switch (change.kind) {
    case 'add':
      return {
        kind: 'add-column',
        column: columnNames(change.column),
        type: await typeOf(session, change.type, change.column),
        ...(change.comment === undefined ? {} : { doc: change.comment }),
        ...(change.place === undefined ? {} : { place: placeOf(change.place) }),
      };
    case 'drop':
      return { kind: 'drop-column', column: columnNames(change.column) };
    case 'rename':
      return { kind: 'rename-column', column: columnNames(change.column), to: lastName(change.to) };
    case 'widen':
      return {
        kind: 'set-type',
        column: columnNames(change.column),
        type: await typeOf(session, change.type, change.column),
      };
    case 'optional':
    case 'required':
      return {
        kind: 'set-required',
        column: columnNames(change.column),
        required: change.kind === 'required',
      };
    case 'move':
      return { kind: 'move-column', column: columnNames(change.column), place: placeOf(change.place) };
    case 'comment':
      return {
        kind: 'set-doc',
        column: columnNames(change.column),
        doc: change.comment === '' ? undefined : change.comment,
      };
    case 'key':
      return { kind: 'set-identifier-fields', columns: change.columns.map(columnNames) };
    case 'partition-by':
      return { kind: 'set-partitioning', fields: change.fields.map(partitionTerm) };
    case 'add-partition-field':
      return { kind: 'add-partition-field', field: partitionTerm(change.field) };
    case 'drop-partition-field':
      return { kind: 'drop-partition-field', field: partitionFieldName(change.field) };
    case 'sort-by':
      return { kind: 'set-sort-order', fields: change.fields.map(sortTerm) };
    case 'set':
      return { kind: 'set-properties', properties: change.properties };
    case 'unset':
      return { kind: 'unset-properties', keys: change.keys };
    case 'rename-table':
      throw new ValidationError('`rename table` is a change of its own.');
  }
}

function placeOf(place: ColumnPlaceRequest): ColumnPlace {
  return place.kind === 'first' ? place : { kind: place.kind, column: columnNames(place.column) };
}

type ColumnPlaceRequest = Extract<EvolveChange, { kind: 'move' }>['place'];

/** A column stays in its struct: `rename address.city to town`, or `to address.town`. */
function lastName(text: string): string {
  return columnNames(text).at(-1)!;
}
