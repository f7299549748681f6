import { mutateBytes } from '../mutate-bytes.ts';
import { jsonText, mutateJson } from '../mutate-json.ts';
import type { OpenTarget } from '../target.ts';
import { openFileTarget } from './source-file.ts';

const jsonRows: readonly unknown[] = [
  { id: 1, amount: 19.9, sold_at: '2026-01-03', note: 'a' },
  { id: 2n ** 62n, amount: '5.00', note: null, at: '2026-01-03T10:00:00Z' },
  { id: 3, note: 'ü😀', place: { lat: 1.5, tags: ['x', null] } },
];

/** JSON and NDJSON files, read through the engine. */
export function openJsonIngest(): Promise<OpenTarget> {
  return openFileTarget(
    random => random.pick(['json', 'ndjson', 'jsonl', 'json.gz']),
    random => {
      const rows = mutateJson(random, jsonRows, jsonRows) as unknown;
      const isList = random.oneIn(2) || !Array.isArray(rows);
      const text = isList ? jsonText(rows) : (rows as unknown[]).map(jsonText).join('\n');
      return random.oneIn(3) ? mutateBytes(random, [Buffer.from(text)]) : Buffer.from(text);
    },
  );
}
