import type { RendererContext } from 'vscode-notebook-renderer';
import type { RendererAnswers, RendererRequest, ToExtension, ToRenderer } from './messages.ts';
import { bytesToWire, wireToBytes } from './wire.ts';

type Answer<T extends RendererRequest['type']> = RendererAnswers[T];

/** Requests to the extension, matched with their answers. */
export class Bridge {
  readonly #post: ((message: ToExtension) => void) | undefined;
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  #next = 1;

  constructor(context: Pick<RendererContext<unknown>, 'postMessage' | 'onDidReceiveMessage'>) {
    this.#post = context.postMessage?.bind(context);
    context.onDidReceiveMessage?.((received: unknown) => {
      const message = wireToBytes(received) as ToRenderer;
      const waiting = this.#waiting.get(message.request);
      if (!waiting) return;
      this.#waiting.delete(message.request);
      if (message.error === undefined) waiting.resolve(message.ok as never);
      else waiting.reject(new Error(message.error));
    });
  }

  /** @throws Error with the kernel's message, or when no extension listens (a saved output without a kernel). */
  ask<T extends RendererRequest['type']>(body: Extract<RendererRequest, { type: T }>): Promise<Answer<T>> {
    const post = this.#post;
    if (!post) return Promise.reject(new Error('Run the cell to work with its result.'));
    const request = this.#next++;
    return new Promise<Answer<T>>((resolve, reject) => {
      this.#waiting.set(request, { resolve: resolve as (value: never) => void, reject });
      post(bytesToWire({ request, body }) as ToExtension);
    });
  }
}
