import { asCorruptFile, fileList } from '../../engine/parquet-layout.ts';
import { quoteString } from '../../engine/quote.ts';
import type { EngineSession } from '../../engine/session.ts';
import { ValidationError } from '../../iceberg/errors.ts';
import type { SourceFile } from './files.ts';
import type { OpenedSource, RowsOptions } from './source.ts';
import { TypedSource } from './typed-source.ts';

/** Parquet files, whose columns are found by name; one that a file hasn't got is NULL there. */
export async function openParquet(
  session: EngineSession,
  name: string,
  files: readonly SourceFile[],
  { signal }: RowsOptions,
): Promise<OpenedSource> {
  const paths = files.map(file => file.path);
  const explain = async (error: unknown) => unreadableParquet(error, files) ?? error;
  const from = `read_parquet(${fileList(paths)}, union_by_name = true)`;
  const sql = `SELECT * FROM ${from}`;
  try {
    const columns = await session.duckdb.describe(sql, { signal });
    return new TypedSource(session, {
      name,
      sql,
      columns,
      place: { from, file: nameSql(files), row: 'file_row_number + 1' },
      parsesText: false,
      explain,
    });
  } catch (error) {
    throw await explain(error);
  }
}

/** The file of a row as people know it. */
function nameSql(files: readonly SourceFile[]): string {
  const names = files.map(({ path, name }) => `${quoteString(path)}: ${quoteString(name)}`);
  return `coalesce((MAP {${names.join(', ')}})[filename], filename)`;
}

function unreadableParquet(error: unknown, files: readonly SourceFile[]): ValidationError | undefined {
  const corrupt = asCorruptFile(
    error,
    files.map(file => file.path),
  );
  if (corrupt === undefined) return undefined;
  const file = files.find(each => corrupt.message.includes(each.path)) ?? files[0]!;
  return new ValidationError(
    `${file.name} can't be read as Parquet: ${corrupt.message.replace(`${file.path}: `, '').replaceAll(file.path, file.name)}.`.replace(
      /\.\.$/,
      '.',
    ),
    {
      file: file.name,
      hint: 'It may be cut off or damaged: get it anew, or name its format if it is no Parquet file (format csv).',
      cause: error,
    },
    'PARQUET_UNREADABLE',
  );
}
