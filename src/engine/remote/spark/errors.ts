import { status } from '@grpc/grpc-js';
import { InterruptedError, LakebookError } from '../../../iceberg/errors.ts';
import { SqlError, textPosition } from '../../errors.ts';
import type {
  FetchErrorDetailsResponse,
  FetchErrorDetailsResponse_Error,
  FetchErrorDetailsResponse_QueryContext,
} from './proto/spark_connect_pb.ts';
import { FetchErrorDetailsResponse_QueryContext_ContextType } from './proto/spark_connect_pb.ts';
import type { RpcError } from './rpc.ts';

/**
 * What a call's failure means to a person.
 * @param name how people call the server
 * @param sql the statement that was run, when a person wrote it; positions are places in it
 * @param details Spark's own description of the error, when it has one
 */
export function sparkError(
  error: RpcError,
  name: string,
  sql: string | undefined,
  details: FetchErrorDetailsResponse | undefined,
): LakebookError {
  if (error.reason !== undefined || error.errorClass !== undefined) {
    return statementError(describe(error, details), sql, error);
  }
  switch (error.code) {
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
      return new LakebookError('ENGINE_UNREACHABLE', `${name} can't be reached: ${error.message}`, {
        hint: 'Check that the Spark Connect server runs and that address, port and TLS (use_ssl=true) are right.',
        cause: error,
      });
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return new LakebookError('ENGINE_UNAUTHORIZED', `${name} refused access: ${error.message}`, {
        hint: 'Check the token of the connection, or SPARK_CONNECT_AUTHENTICATE_TOKEN.',
        cause: error,
      });
    case status.UNIMPLEMENTED:
      return new LakebookError('ENGINE_UNREACHABLE', `${name} is no Spark Connect server: ${error.message}`, {
        hint: 'Give the port of Spark Connect (15002 by default), not that of another service.',
        cause: error,
      });
    case status.CANCELLED:
      return new InterruptedError();
    case status.RESOURCE_EXHAUSTED:
      return new LakebookError('RESULT_TOO_LARGE', `${name}: ${error.message}`, {
        hint: 'A single row may be too large to be sent; select fewer columns.',
        cause: error,
      });
    default:
      return new LakebookError('ENGINE_FAILURE', `${name}: ${error.message}`, { cause: error });
  }
}

interface Description {
  readonly message: string;
  /** Spark's name of the error: `UNRESOLVED_COLUMN.WITH_SUGGESTION`. */
  readonly errorClass: string | undefined;
  readonly sqlState: string | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  readonly contexts: readonly FetchErrorDetailsResponse_QueryContext[];
  /** Java's classes of the error and its causes. */
  readonly types: readonly string[];
}

function describe(error: RpcError, details: FetchErrorDetailsResponse | undefined): Description {
  const chain = details === undefined ? [] : causes(details);
  // A failed job is told as such; what a task failed of is one of its causes.
  const known = chain.filter(({ sparkThrowable }) => sparkThrowable?.errorClass !== undefined);
  const chosen = known.find(cause => (cause.sparkThrowable?.queryContexts.length ?? 0) > 0) ?? known[0];
  const throwable = chosen?.sparkThrowable;
  return {
    message: chosen?.message ?? chain[0]?.message ?? error.message,
    errorClass: throwable?.errorClass ?? error.errorClass,
    sqlState: throwable?.sqlState ?? error.info.sqlState,
    parameters: throwable?.messageParameters ?? {},
    contexts: throwable?.queryContexts ?? [],
    types: chain.flatMap(cause => cause.errorTypeHierarchy).concat(error.info.classes ?? ''),
  };
}

function causes({ errors, rootErrorIdx }: FetchErrorDetailsResponse): FetchErrorDetailsResponse_Error[] {
  const chain: FetchErrorDetailsResponse_Error[] = [];
  for (
    let at = rootErrorIdx === undefined ? undefined : errors[rootErrorIdx];
    at !== undefined && !chain.includes(at);
    at = at.causeIdx === undefined ? undefined : errors[at.causeIdx]
  ) {
    chain.push(at);
  }
  return chain;
}

function statementError(description: Description, sql: string | undefined, cause: RpcError): LakebookError {
  const { errorClass, sqlState, parameters } = description;
  if (errorClass === 'OPERATION_CANCELED') return new InterruptedError();
  const place = sql === undefined ? undefined : placeOf(description, sql);
  const { code, hint } = classify(description);
  const id = [errorClass, sqlState === undefined ? undefined : `SQLSTATE ${sqlState}`].filter(
    part => part !== undefined,
  );
  const message = plainMessage(description.message);
  return new SqlError(
    code,
    id.length === 0 ? message : `${message} [${id.join(', ')}]`,
    {
      type: 'Spark',
      subtype: errorClass,
      offset: place?.offset,
      subject: unquoted(parameters.objectName ?? parameters.relationName ?? parameters.routineName),
      candidates: candidates(parameters),
    },
    {
      hint,
      position: place === undefined ? undefined : textPosition(sql!, place.offset, place.length),
      cause,
    },
  );
}

/** Spark's message without its name, its place and the plan, which have places of their own or are of no use. */
function plainMessage(message: string): string {
  return message
    .trim()
    .replace(/^\[[A-Z][A-Z0-9_.]*\] /, '')
    .replace(/\n*== (?:SQL|DataFrame)\b[\s\S]*$/, '')
    .replace(/; line \d+,? pos \d+(?:;[\s\S]*)?$/, '')
    .replace(/\(line \d+, pos \d+\)\s*$/, '')
    .replace(/;\n[^\n]*\n?[\s\S]*$/, '')
    .trim()
    .replace(/ ?SQLSTATE: [0-9A-Z]{5}$/, '')
    .trim();
}

interface Place {
  /** UTF-16 offset in the statement. */
  readonly offset: number;
  readonly length?: number;
}

function placeOf({ contexts, message }: Description, sql: string): Place | undefined {
  for (const context of contexts) {
    const { contextType, objectType, startIndex, stopIndex } = context;
    // Places inside of views are places in their text.
    if (contextType !== FetchErrorDetailsResponse_QueryContext_ContextType.SQL || objectType !== '') continue;
    if (startIndex < 0) continue;
    const offset = utf16Offset(sql, startIndex);
    return { offset, length: Math.max(utf16Offset(sql, stopIndex + 1) - offset, 1) };
  }
  const told = /\(line (\d+), pos (\d+)\)|; line (\d+),? pos (\d+)/.exec(message);
  if (told === null) return undefined;
  const lines = sql.split('\n');
  const line = Number(told[1] ?? told[3]) - 1;
  if (line >= lines.length) return undefined;
  const before = lines.slice(0, line).reduce((sum, text) => sum + text.length + 1, 0);
  return { offset: before + utf16Offset(lines[line]!, Number(told[2] ?? told[4])) };
}

/** UTF-16 offset of a character that is counted in code points, as Spark's parser does. */
function utf16Offset(text: string, codePoints: number): number {
  let offset = 0;
  for (let count = 0; count < codePoints && offset < text.length; count++) {
    offset += text.codePointAt(offset)! > 0xffff ? 2 : 1;
  }
  return offset;
}

/** A name as Spark quotes it, without the quotes. */
function unquoted(name: string | undefined): string | undefined {
  return name?.replace(/`((?:[^`]|``)*)`/g, (_, inner: string) => inner.replaceAll('``', '`'));
}

function candidates({ proposal, suggestion }: Readonly<Record<string, string>>): string[] | undefined {
  const names = (proposal ?? suggestion)?.match(/`(?:[^`]|``)*`(?:\.`(?:[^`]|``)*`)*/g);
  return names?.map(name => unquoted(name)!);
}

/** Iceberg's exceptions, which have no SQL state. */
const icebergCodes: Readonly<Record<string, { code: string; hint?: string }>> = {
  'org.apache.iceberg.exceptions.CommitStateUnknownException': {
    code: 'COMMIT_STATE_UNKNOWN',
    hint: 'Look at the table’s history before running the statement again: its change may have been committed.',
  },
  'org.apache.iceberg.exceptions.CommitFailedException': {
    code: 'COMMIT_CONFLICT',
    hint: 'Others changed the table meanwhile: run the statement again.',
  },
  'org.apache.iceberg.exceptions.ValidationException': {
    code: 'COMMIT_CONFLICT',
    hint: 'If others changed the table meanwhile, run the statement again.',
  },
};

const codeOfState: Readonly<Record<string, string>> = {
  '42601': 'SYNTAX',
  '42P01': 'TABLE_NOT_FOUND',
  '42704': 'NAMESPACE_NOT_FOUND',
  '42703': 'COLUMN_NOT_FOUND',
  '42P07': 'TABLE_EXISTS',
  '42501': 'PERMISSION',
  '0A000': 'UNSUPPORTED',
  XX000: 'ENGINE_FAILURE',
};

/** By the first two characters of a SQL state. */
const codeOfStateClass: Readonly<Record<string, string>> = {
  '22': 'CONVERSION',
  '23': 'CONSTRAINT',
  '42': 'BINDING',
  '53': 'OUT_OF_MEMORY',
};

function classify({ errorClass, sqlState, parameters, types }: Description): { code: string; hint?: string } {
  for (const [type, known] of Object.entries(icebergCodes)) {
    if (types.some(name => name.includes(type))) return known;
  }
  if (sqlState === undefined) return { code: 'SQL' };
  const code = codeOfState[sqlState] ?? codeOfStateClass[sqlState.slice(0, 2)] ?? 'SQL';
  if (errorClass === 'SCHEMA_NOT_FOUND') return { code: 'NAMESPACE_NOT_FOUND' };
  const names = candidates(parameters);
  if (code === 'COLUMN_NOT_FOUND' && names !== undefined && names.length > 0) return { code };
  if (code === 'TABLE_NOT_FOUND') {
    return {
      code,
      hint: 'List the tables that Spark sees with SHOW TABLES; SHOW CATALOGS lists its catalogs.',
    };
  }
  if (code === 'ENGINE_FAILURE')
    return { code, hint: 'This is a fault of Spark; its server’s log tells more.' };
  return { code };
}
