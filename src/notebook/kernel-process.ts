import { toErrorInfo } from './error-info.ts';
import { Kernel } from './kernel.ts';
import type { KernelMessage, KernelMethod, RequestMessage, RequestOf } from './protocol.ts';

/*
 * Entry point of the kernel process. It is forked with `serialization: 'advanced'`, by Node or by Electron as Node
 * (ELECTRON_RUN_AS_NODE=1), answers requests from its parent and ends with it.
 */

if (process.send === undefined) {
  console.error('This is a kernel: it is started by Lakebook and does nothing on its own.');
  process.exit(2);
}

const kernel = new Kernel(send);
let ending = false;

function send(message: KernelMessage): void {
  // The parent may be gone already; then `disconnect` ends the process.
  if (process.connected) process.send!(message, undefined, undefined, () => undefined);
}

async function answer(message: RequestMessage): Promise<void> {
  const { id, method, request } = message;
  try {
    send({ id, reply: await kernel.handle(method, request as RequestOf<KernelMethod>) });
  } catch (error) {
    const info = toErrorInfo(error);
    if (info.code === 'INTERNAL') log(error);
    send({ id, error: info });
  }
  if (method === 'shutdown') end(0);
}

function log(error: unknown): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  send({ event: 'log', level: 'error', message });
}

/** Ends the process, closing the lake if that is quick. */
function end(code: number): void {
  if (ending) return;
  ending = true;
  const exit = () => process.exit(code);
  setTimeout(exit, 2000).unref();
  kernel.close().then(exit, exit);
}

process.on('message', message => {
  // Whoever sends anything else waits for no answer.
  if (typeof message === 'object' && message !== null && 'id' in message)
    void answer(message as RequestMessage);
});
process.on('disconnect', () => end(0));
process.on('SIGTERM', () => end(0));
// Ctrl-C in a terminal reaches the whole process group; the parent decides what it means.
process.on('SIGINT', () => undefined);
process.on('uncaughtException', log);
process.on('unhandledRejection', log);
