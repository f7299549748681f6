import type { EngineSession } from '../engine/session.ts';
import {
  addFiles,
  compact,
  create,
  deleteRows,
  describe,
  diff,
  drop,
  engine,
  evolve,
  expire,
  exportRows,
  files,
  health,
  history,
  importTable,
  ingest,
  orphans,
  publish,
  ref,
  rollback,
  tables,
  travel,
  upsert,
  type VerbAnswer,
  type VerbOptions,
} from '../lake/index.ts';
import type { LakeCall } from './lake-language/grammar.ts';
import { helpText } from './lake-language/help.ts';

export type { VerbAnswer, VerbOptions } from '../lake/index.ts';

/** Runs a verb of the lake language. @throws LakebookError */
export async function runVerb(
  session: EngineSession,
  call: LakeCall,
  options: VerbOptions,
): Promise<VerbAnswer> {
  // Data files that are cached locally must stay until the last row was read from them.
  const endLease = session.lake.storage.lease?.();
  try {
    const answer = await answerOf(session, call, options);
    void Promise.allSettled([answer.result?.finished()]).then(() => endLease?.());
    return answer;
  } catch (error) {
    endLease?.();
    throw error;
  }
}

async function answerOf(session: EngineSession, call: LakeCall, options: VerbOptions): Promise<VerbAnswer> {
  switch (call.verb) {
    case 'create':
      return create(session, call.request, options);
    case 'drop':
      return drop(session, call.request, options);
    case 'ingest':
      return ingest(session, call.request, options);
    case 'upsert':
      return upsert(session, call.request, options);
    case 'delete':
      return deleteRows(session, call.request, options);
    case 'evolve':
      return evolve(session, call.request, options);
    case 'history':
      return history(session, call.request, options);
    case 'travel':
      return travel(session, call.request, options);
    case 'rollback':
      return rollback(session, call.request, options);
    case 'diff':
      return diff(session, call.request, options);
    case 'branch':
    case 'tag':
      return ref(session, call.request, options);
    case 'publish':
      return publish(session, call.request, options);
    case 'tables':
      return tables(session, call.request, options);
    case 'describe':
      return describe(session, call.request, options);
    case 'files':
      return files(session, call.request, options);
    case 'import':
      return importTable(session, call.request, options);
    case 'export':
      return exportRows(session, call.request, options);
    case 'compact':
      return compact(session, call.request, options);
    case 'expire':
      return expire(session, call.request, options);
    case 'orphans':
      return orphans(session, call.request, options);
    case 'health':
      return health(session, call.request, options);
    case 'engine':
      return engine(session, call.request, options);
    case 'add files':
      return addFiles(session, call.request, options);
    case 'help':
      return { text: helpText(call.request.topic) };
  }
}
