import type { FastifyReply, FastifyRequest } from 'fastify';
import { GatewayError } from './problems.ts';

/** Ends a request's work when its time is over or its client is gone. */
export interface RequestSignal {
  readonly signal: AbortSignal;
  /** What the abort is to be told as; `error` itself when the work failed by itself. */
  explain(error: unknown): unknown;
  /** The work is done: the client may leave, and time doesn't count any more. */
  done(): void;
}

export function requestSignal(
  request: FastifyRequest,
  reply: FastifyReply,
  timeoutMs: number,
): RequestSignal {
  const controller = new AbortController();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    controller.abort();
  }, timeoutMs);
  const onClose = () => {
    if (!reply.raw.writableFinished) controller.abort();
  };
  reply.raw.once('close', onClose);
  if (request.raw.destroyed && !request.raw.complete) controller.abort();
  return {
    signal: controller.signal,
    explain: error => {
      if (!isLate || !controller.signal.aborted) return error;
      return new GatewayError(408, 'TIMEOUT', `It took longer than the ${timeoutMs / 1000} s it may take.`, {
        hint: 'Ask for more time with `timeout`, or for less: a LIMIT, a condition, fewer columns.',
      });
    },
    done: () => {
      clearTimeout(timer);
      reply.raw.off('close', onClose);
    },
  };
}
