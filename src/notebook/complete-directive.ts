import { engineNames } from '../engine/remote/engines.ts';
import { engineKinds } from '../engine/remote/remote-engine.ts';
import type { AssistContext } from './assist-context.ts';
import type { CellLanguage } from './lakebook-file.ts';
import type { CompleteReply } from './protocol.ts';

/** In a comment before a SQL cell's first statement: the directives, and the engines of `-- engine:`. */
export function completeDirective(
  { session }: AssistContext,
  source: string,
  language: CellLanguage,
  offset: number,
): CompleteReply | undefined {
  const before = source.slice(0, offset);
  const lines = before.split('\n');
  if (language !== 'sql' || !lines.every(line => line.trim() === '' || /^\s*--/.test(line))) return undefined;
  const line = lines.at(-1)!;
  const typed = /^\s*--\s*(\w*)$/.exec(line)?.[1];
  if (typed !== undefined) {
    return {
      start: offset - typed.length,
      end: offset,
      items: [
        { label: 'engine: ', kind: 'keyword', detail: 'runs this cell on another engine' },
        { label: 'name: ', kind: 'keyword', detail: 'names the result' },
        { label: 'parameters', kind: 'keyword', detail: 'gives parameters their values' },
      ],
    };
  }
  const engine = /^\s*--\s*engine\s*:\s*(\w*)$/i.exec(line)?.[1];
  if (engine === undefined) return undefined;
  return {
    start: offset - engine.length,
    end: offset + /^\w*/.exec(source.slice(offset))![0].length,
    items: engineKinds.map(kind => ({
      label: kind,
      kind: 'value',
      detail: session.engines.isConfigured(kind) ? engineNames[kind] : 'not configured',
    })),
  };
}
