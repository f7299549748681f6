// Fills a small disk through LocalStorage. Arguments: folder, bytes of the disk, `mounted` or `simulated`.
import { LakebookError } from '../../src/iceberg/errors.ts';
import { LocalStorage } from '../../src/storage/local.ts';
import { simulateFullDisk } from './simulated-disk.ts';

const [folder, size, kind] = process.argv.slice(2) as [string, string, string];
if (kind === 'simulated') await simulateFullDisk(Number(size));

const storage = new LocalStorage();
const written: string[] = [];
let failure: unknown;
for (let i = 0; i < 1000 && failure === undefined; i++) {
  const location = `file://${folder}/table/metadata/${i}.json`;
  try {
    await storage.create(location, new Uint8Array(20_000).fill(i));
    written.push(location);
  } catch (error) {
    failure = error;
  }
}
const whole: boolean[] = [];
for (const [i, location] of written.entries()) {
  const bytes = await storage.read(location);
  whole.push(bytes.length === 20_000 && bytes.every(byte => byte === i % 256));
}
const listed: string[] = [];
for await (const { location } of storage.list(`file://${folder}`)) listed.push(location);
console.log(
  JSON.stringify({
    error: failure instanceof LakebookError ? failure : String(failure),
    message: (failure as Error)?.message,
    written: written.toSorted(),
    listed: listed.toSorted(),
    whole: whole.every(Boolean),
  }),
);
