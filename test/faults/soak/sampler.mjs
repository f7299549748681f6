// Loaded into a kernel process before its own code: on SIGUSR2 it collects garbage and writes what the process holds, as
// a line of JSON at the end of the file that LAKEBOOK_SOAK_SAMPLES names.
import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const file = process.env.LAKEBOOK_SOAK_SAMPLES;
if (file !== undefined && process.send !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  process.on('SIGUSR2', async () => {
    // What finalizers free is collected in the next turn.
    for (let turn = 0; turn < 3; turn++) {
      collect();
      await new Promise(resolve => setImmediate(resolve));
    }
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
    appendFileSync(file, `${JSON.stringify({ rss, heapUsed, external, arrayBuffers })}\n`);
  });
}
