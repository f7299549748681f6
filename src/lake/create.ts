import { createTable, type NewColumn } from '../engine/ddl/index.ts';
import type { EngineSession } from '../engine/session.ts';
import { ValidationError } from '../iceberg/errors.ts';
import type { VerbAnswer, VerbOptions } from './answer.ts';
import type { CreateRequest } from './requests.ts';
import { newTable } from './targets.ts';
import { columnNames, partitionTerm, sortTerm, typeOf } from './terms.ts';

/** Makes a table without rows. @throws AlreadyExistsError('table'), ValidationError, UnsupportedError */
export async function create(
  session: EngineSession,
  request: CreateRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const { partitionedBy = [], sortedBy = [], key = [], properties, comment, location } = request;
  if (request.replace === true && request.ifNotExists === true) {
    throw new ValidationError("`or replace` and `if not exists` don't go together.", {
      hint: 'Leave one of them out.',
    });
  }
  const columns: NewColumn[] = [];
  for (const column of request.columns) {
    columns.push({
      name: column.name,
      type: await typeOf(session, column.type, column.name),
      ...(column.required === undefined ? {} : { required: column.required }),
      ...(column.comment === undefined ? {} : { comment: column.comment }),
    });
  }
  const { text } = await createTable(
    session,
    await newTable(session, request.table),
    columns,
    {
      partitionedBy: partitionedBy.map(partitionTerm),
      sortedBy: sortedBy.map(sortTerm),
      key: key.map(columnNames),
      ...(properties === undefined ? {} : { properties }),
      ...(comment === undefined ? {} : { comment }),
      ...(location === undefined ? {} : { location }),
      ifNotExists: request.ifNotExists === true,
      replace: request.replace === true,
    },
    options,
  );
  return { text };
}
