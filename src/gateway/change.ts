import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EngineSession } from '../engine/session.ts';
import type { Gateway } from './context.ts';
import { requestSignal } from './http/request-signal.ts';

/**
 * Runs a change of a table. Changes that would make each other's work void (`alone`) wait for each other first; new
 * rows are written beside others, and only their commits take turns. It is stopped when its time
 * is over or its client leaves, unless it is committed by then.
 */
export async function changeTable<T>(
  gateway: Gateway,
  request: FastifyRequest,
  reply: FastifyReply,
  table: string,
  timeoutMs: number,
  order: 'alone' | 'beside others',
  work: (session: EngineSession, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ends = requestSignal(request, reply, timeoutMs);
  try {
    const run = () => gateway.sessions.changes.useKnowing(ends.signal, session => work(session, ends.signal));
    return order === 'alone' ? await gateway.locks.hold(table.toLowerCase(), run) : await run();
  } catch (error) {
    throw ends.explain(error);
  } finally {
    ends.done();
  }
}

/** Milliseconds that a request may take: what it asks for, in seconds, up to ten times what it gets otherwise. */
export function timeoutOf({ limits }: Gateway, asked: number | undefined): number {
  return asked === undefined ? limits.timeoutMs : Math.min(asked * 1000, limits.timeoutMs * 10);
}
