import { engineNames } from '../engine/remote/engines.ts';
import { type EngineKind, engineKinds } from '../engine/remote/remote-engine.ts';
import type { EngineSession } from '../engine/session.ts';
import type { VerbAnswer, VerbOptions } from './answer.ts';
import type { EngineRequest } from './requests.ts';

const columns = [
  { name: 'engine', type: 'VARCHAR' },
  { name: 'chosen', type: 'BOOLEAN' },
  { name: 'address', type: 'VARCHAR' },
  { name: 'catalog', type: 'VARCHAR' },
];

/**
 * Chooses the engine that runs SQL which names none itself, or lists the engines that there are. A remote engine is
 * asked whether it is there, so that a wrong address is told now.
 * @throws ValidationError `ENGINE_NOT_CONFIGURED`; what `RemoteEngine.check` throws
 */
export async function engine(
  session: EngineSession,
  request: EngineRequest,
  { signal }: VerbOptions = {},
): Promise<VerbAnswer> {
  const { engines } = session;
  const chosen = request.engine;
  if (chosen === undefined)
    return { text: `SQL runs on ${engineNames[engines.current]}.`, columns, rows: rows(session) };
  if (chosen === 'duckdb') {
    engines.choose(chosen);
    return { text: 'SQL runs on the embedded engine, DuckDB.' };
  }
  const found = await (await engines.get(chosen)).check(signal === undefined ? {} : { signal });
  engines.choose(chosen);
  return { text: `SQL runs on ${engineNames[chosen]} from now on: ${found}. %lake verbs run here.` };
}

function rows({ engines, lake }: EngineSession): unknown[][] {
  const addresses: Readonly<Record<EngineKind, readonly (string | null)[]>> = {
    duckdb: [null, lake.name],
    trino: [engines.settings.trino?.uri ?? null, engines.settings.trino?.catalog ?? null],
    spark: [engines.settings.spark?.uri ?? null, engines.settings.spark?.catalog ?? null],
  };
  return engineKinds
    .filter(kind => engines.isConfigured(kind))
    .map(kind => [kind, kind === engines.current, ...addresses[kind]]);
}
