import type { FuzzTarget, OpenTarget } from '../target.ts';

/** A target's share of a thousand inputs, and how it is opened; its modules are loaded only then. */
function lazy(name: string, share: number, open: () => Promise<OpenTarget>): FuzzTarget {
  return { name, share, open };
}

/** Everything that reads what others wrote. Slow targets, which use the engine, get few inputs. */
export const targets: readonly FuzzTarget[] = [
  lazy('table metadata', 120, async () => (await import('./metadata.ts')).openMetadata()),
  lazy('name mapping', 40, async () => (await import('./metadata.ts')).openNameMapping()),
  lazy('manifest list', 110, async () => (await import('./avro.ts')).openManifestList()),
  lazy('manifest', 110, async () => (await import('./avro.ts')).openManifest()),
  lazy('roaring bitmap', 80, async () => (await import('./vectors.ts')).openRoaring()),
  lazy('puffin deletion vector', 80, async () => (await import('./vectors.ts')).openDeletionVector()),
  lazy('snappy', 80, async () => (await import('./codecs.ts')).openSnappy()),
  lazy('thrift', 60, async () => (await import('./codecs.ts')).openThrift()),
  lazy('type text', 60, async () => (await import('./values.ts')).openTypeText()),
  lazy('single value, binary', 60, async () => (await import('./values.ts')).openValueBytes()),
  lazy('single value, JSON', 60, async () => (await import('./values.ts')).openValueJson()),
  lazy('single value, text', 40, async () => (await import('./values.ts')).openValueText()),
  lazy('notebook', 70, async () => (await import('./notebook.ts')).openNotebook()),
  lazy('%lake text', 70, async () => (await import('./notebook.ts')).openLakeLanguage()),
  lazy('SQL text', 80, async () => (await import('./sql.ts')).openSql()),
  lazy('table name', 20, async () => (await import('./sql.ts')).openIdentifier()),
  lazy('lakebook.json', 20, async () => (await import('./config.ts')).openConfig()),
  lazy('CSV records', 60, async () => (await import('./csv.ts')).openCsvRecords()),
  lazy('Parquet footer', 60, async () => (await import('./parquet.ts')).openFooter()),
  lazy('CSV ingest', 1, async () => (await import('./csv.ts')).openCsvIngest()),
  lazy('JSON ingest', 1, async () => (await import('./json.ts')).openJsonIngest()),
  lazy('Parquet file', 2, async () => (await import('./parquet.ts')).openParquetFile()),
  lazy('kernel messages', 4, async () => (await import('./kernel.ts')).openKernelMessages()),
  lazy('completion and diagnostics', 1, async () => (await import('./kernel.ts')).openAssist()),
  lazy('binding SQL', 2, async () => (await import('./kernel.ts')).openBinder()),
  lazy('gateway requests', 2, async () => (await import('./gateway.ts')).openGateway()),
];

/** @throws Error naming the targets there are */
export function targetNamed(name: string): FuzzTarget {
  const target = targets.find(each => each.name === name);
  if (target === undefined) {
    throw new Error(`No target "${name}": ${targets.map(each => each.name).join(', ')}.`);
  }
  return target;
}
