/** What the gateway writes down: a JSON line for each request, without addresses, texts, tokens or data. */
export interface GatewayLog {
  answered(id: string, method: string, route: string, status: number, ms: number): void;
  failed(id: string, code: string, error: unknown): void;
}

export function streamLog(stream: { write(text: string): unknown }): GatewayLog {
  const line = (members: object) =>
    stream.write(`${JSON.stringify({ time: new Date().toISOString(), ...members })}\n`);
  return {
    answered: (id, method, route, status, ms) =>
      line({ id, method, route, status, ms: Math.round(ms * 10) / 10 }),
    failed: (id, code, error) => {
      const { name, stack } = error instanceof Error ? error : { name: typeof error, stack: undefined };
      // The frames say where; the message could hold values.
      const frames = stack
        ?.split('\n')
        .filter(each => /^\s+at /.test(each))
        .map(each => each.trim());
      line({ id, level: 'error', code, error: name, frames });
    },
  };
}
