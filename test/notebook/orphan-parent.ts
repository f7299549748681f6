// A parent that starts a kernel on a query without end and is killed by the test.
import { KernelClient } from '../../src/notebook/kernel-client.ts';

const kernel = await KernelClient.start();
await kernel.request('open', { folder: process.argv[2]! });
void kernel.execute({
  cellId: 'endless',
  source: 'SELECT count(*) FROM range(10000000000000) t(a) WHERE sin(a) > 2',
  language: 'sql',
});
setTimeout(() => process.send!(kernel.pid), 200);
