import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseJsonSource } from '../../../../src/catalog/json-source.ts';
import { loadLakeConfig } from '../../../../src/catalog/lake-config.ts';
import { jsonText, mutateJson } from '../mutate-json.ts';
import { mutateText } from '../mutate-text.ts';
import type { Random } from '../random.ts';
import { disagree, type OpenTarget } from '../target.ts';

const config = {
  $schema: './schema.json',
  catalog: { type: 'sqlite', uri: '.lakebook/catalog.db', name: 'lake' },
  warehouse: 's3://bucket/prefix',
  namespace: 'default',
  storage: {
    s3: { endpoint: 'http://127.0.0.1:9000', region: 'us-east-1', pathStyle: true },
  },
};

const words = [
  'rest',
  'sqlite',
  'http://localhost:8181',
  'jdbc:sqlite:/x.db',
  'sqlite:////x.db',
  'file:///x',
  'gs://b/x',
  's3a://b',
  'a.b.c',
  '~',
  '..',
  '\\\\server\\share',
];

/** `lakebook.json`: a lake or an error with its place. */
export async function openConfig(): Promise<OpenTarget> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lakebook-fuzz-'));
  const file = path.join(folder, 'lakebook.json');
  const text = jsonText(config);
  return {
    input: (random: Random) =>
      random.oneIn(2) ? jsonText(mutateJson(random, config, words)) : mutateText(random, [text], words),
    async run(input) {
      await writeFile(file, input as string);
      const { warehouse, root } = await loadLakeConfig(folder, {});
      if (root !== folder || !/^(file|s3):\/\//.test(warehouse)) disagree(`the warehouse ${warehouse}`);
      parseJsonSource(input as string, file);
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
