// Creates files in FOLDER one after the other until it is killed; prints the number of each that is done.
import { LocalStorage } from '../../src/storage/local.ts';

const folder = process.argv[2]!;
const storage = new LocalStorage();
const bytes = new Uint8Array(300_000);
for (let i = 0; ; i++) {
  await storage.create(`file://${folder}/${i}.bin`, bytes.fill(i % 256));
  process.stdout.write(`${i}\n`);
}
