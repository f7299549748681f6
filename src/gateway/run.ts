import { type RunningGateway, serve } from './serve.ts';

/** What the gateway tells a parent that forked it, once. */
export type GatewayMessage =
  | { readonly type: 'listening'; readonly url: string; readonly tokenFile: string }
  | { readonly type: 'failed'; readonly code: string; readonly message: string; readonly hint?: string };

/**
 * Serves until the process is told to end (SIGINT, SIGTERM, or its parent goes). A parent that forked it gets
 * a GatewayMessage.
 */
export async function serveUntilEnded(
  values: Readonly<Record<string, unknown>>,
  version: string,
): Promise<void> {
  const gateway = await serve(values, version);
  const { url, tokenFile, newTokens, warnings } = gateway;
  process.stdout.write(
    `Lakebook gateway: ${url}\nDocumentation: ${url}/docs\nTokens${newTokens ? ' (made now)' : ''}: ${tokenFile}\n`,
  );
  for (const warning of warnings) process.stderr.write(`lakebook: ${warning}\n`);
  process.send?.({ type: 'listening', url, tokenFile } satisfies GatewayMessage);
  await ended();
  await gracefully(gateway);
}

function ended(): Promise<void> {
  return new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    process.once('disconnect', () => resolve());
  });
}

/** Milliseconds that requests under way have for their ends. */
const graceMs = 10_000;

async function gracefully(gateway: RunningGateway): Promise<void> {
  const timer = setTimeout(() => process.exit(1), graceMs).unref();
  await gateway.close();
  clearTimeout(timer);
  if (process.connected) process.disconnect();
}
