import type { LoadedTable } from '../../catalog/catalog.ts';
import { UnsupportedError } from '../../iceberg/errors.ts';
import { locateColumn } from '../../iceberg/schema-tree.ts';
import type { ColumnPlace } from '../../iceberg/schema-update.ts';
import type { PartitionFieldName, PartitionTerm } from '../../iceberg/spec-update.ts';
import { schemaAfter, type TableAlteration } from '../../iceberg/table-update.ts';
import type { EngineSession } from '../session.ts';
import type { SqlText } from '../sql/sql-text.ts';
import type {
  AlterAction,
  ColumnPosition,
  PartitionFieldReference,
  PartitionItem,
} from '../sql/statement.ts';
import type { ExecuteOptions } from '../statement-result.ts';
import { columnDefault } from './column-default.ts';
import { columnType } from './column-type.ts';
import { absoluteLocation } from './location.ts';
import { placeIn, placeOf } from './place.ts';

/** The actions of an ALTER TABLE that change the table's metadata. */
export type MetadataAction = Exclude<AlterAction, { readonly kind: 'rename-table' }>;

/**
 * The actions of an ALTER TABLE as changes of a table: types are read, defaults evaluated, for the table as it is
 * when the change is tried. @throws as columnType and columnDefault, UnsupportedError for TYPE ... USING
 */
export async function toAlterations(
  session: EngineSession,
  table: LoadedTable,
  actions: readonly MetadataAction[],
  source: string,
  options: ExecuteOptions,
): Promise<{ alterations: TableAlteration[]; notes: string[] }> {
  const alterations: TableAlteration[] = [];
  const notes: string[] = [];
  const typeOf = async (text: SqlText, path: string) => {
    const found = await columnType(session, text, path, source);
    notes.push(...found.notes.map(note => `${path} stores ${note}`));
    return found.type;
  };
  const place = (action: { readonly column: { readonly span: AlterAction['span'] } }) =>
    placeOf(source, action.column.span);
  for (const action of actions) {
    const at = placeOf(source, action.span);
    switch (action.kind) {
      case 'add-column': {
        const column = action.column.path;
        const type = await typeOf(action.type, column.join('.'));
        const value =
          action.default === undefined
            ? undefined
            : await columnDefault(session, action.default, type, column.join('.'), source, options);
        alterations.push({
          kind: 'add-column',
          column,
          type,
          required: action.required,
          ...(action.comment === undefined ? {} : { doc: action.comment }),
          ...(value === undefined ? {} : { default: value }),
          ...(action.position === undefined ? {} : { place: columnPlace(action.position) }),
          ifNotExists: action.ifNotExists,
          at: place(action),
        });
        break;
      }
      case 'drop-column':
        alterations.push({
          kind: 'drop-column',
          column: action.column.path,
          ifExists: action.ifExists,
          at: place(action),
        });
        break;
      case 'rename-column':
        alterations.push({
          kind: 'rename-column',
          column: action.column.path,
          to: action.to.name,
          at: place(action),
        });
        break;
      case 'move-column':
        alterations.push({
          kind: 'move-column',
          column: action.column.path,
          place: columnPlace(action.position),
          at: place(action),
        });
        break;
      case 'set-type': {
        const column = action.column.path;
        if (action.using !== undefined) throw usingError(column.join('.'), action.using, source);
        const type = await typeOf(action.type, column.join('.'));
        alterations.push({ kind: 'set-type', column, type, at: place(action) });
        break;
      }
      case 'set-required':
        alterations.push({
          kind: 'set-required',
          column: action.column.path,
          required: action.required,
          at: place(action),
        });
        break;
      case 'set-comment':
        alterations.push({
          kind: 'set-doc',
          column: action.column.path,
          doc: action.comment,
          at: place(action),
        });
        break;
      case 'set-default': {
        const column = action.column.path;
        const { field } = locateColumn(schemaAfter(table.metadata, alterations), column, place(action));
        const value =
          action.default === undefined
            ? undefined
            : await columnDefault(session, action.default, field.type, column.join('.'), source, options);
        alterations.push({ kind: 'set-default', column, default: value, at: place(action) });
        break;
      }
      case 'set-identifier-fields':
      case 'drop-identifier-fields':
        alterations.push({ kind: action.kind, columns: action.columns.map(({ path }) => path), at });
        break;
      case 'add-partition-field':
        alterations.push({ kind: action.kind, field: partitionTerm(action.field), at });
        break;
      case 'drop-partition-field':
        alterations.push({ kind: action.kind, field: partitionName(action.field), at });
        break;
      case 'replace-partition-field':
        alterations.push({
          kind: action.kind,
          field: partitionName(action.field),
          by: partitionTerm(action.by),
          at,
        });
        break;
      case 'set-partitioning':
        alterations.push({ kind: action.kind, fields: action.fields.map(partitionTerm), at });
        break;
      case 'set-sort-order': {
        const fields = action.fields.map(({ column, ...field }) => ({ ...field, column: column.path }));
        alterations.push({ kind: action.kind, fields, at });
        break;
      }
      case 'set-location':
        alterations.push({ kind: action.kind, location: absoluteLocation(session, action.location), at });
        break;
      case 'create-ref': {
        const { type, name, version, maxRefAgeMs, minSnapshotsToKeep, maxSnapshotAgeMs } = action;
        alterations.push({
          kind: 'set-ref',
          type,
          name,
          ...(version === undefined ? {} : { version }),
          mode: refMode(action),
          retention: { maxRefAgeMs, minSnapshotsToKeep, maxSnapshotAgeMs },
          at,
        });
        break;
      }
      default:
        alterations.push({ ...action, at });
    }
  }
  return { alterations, notes };
}

export function partitionTerm({ column, transform, name }: PartitionItem): PartitionTerm {
  return { column: column.path, transform, ...(name === undefined ? {} : { name }) };
}

function partitionName(reference: PartitionFieldReference): PartitionFieldName {
  return reference.kind === 'name' ? { name: reference.name } : { term: partitionTerm(reference.item) };
}

function columnPlace(position: ColumnPosition): ColumnPlace {
  return position.kind === 'first' ? position : { kind: position.kind, column: position.column.path };
}

function refMode(action: Extract<AlterAction, { kind: 'create-ref' }>) {
  if (action.mustExist) return 'replace';
  if (action.orReplace) return 'create-or-replace';
  return action.ifNotExists ? 'create-if-missing' : 'create';
}

function usingError(path: string, using: SqlText, source: string): UnsupportedError {
  return new UnsupportedError(`The type of "${path}" can't be changed with USING: files aren't rewritten.`, {
    hint: `Add a column, fill it (UPDATE ... SET new = ${using.text.trim()}), drop "${path}" and rename the new one.`,
    position: placeIn(using, source),
  });
}
