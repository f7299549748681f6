import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { LakebookError } from '../iceberg/errors.ts';

/** Where a command's result goes: standard output, or a file that appears whole or not at all. */
export interface Output {
  write(text: string | Uint8Array): Promise<void>;
  /** Ends it in order. */
  finish(): Promise<void>;
  /** Drops what was written to a file. */
  discard(): Promise<void>;
}

export function openOutput(file: string | undefined): Output {
  return file === undefined ? standardOutput : new FileOutput(path.resolve(file));
}

const standardOutput: Output = {
  async write(text) {
    if (!process.stdout.write(text)) await once(process.stdout, 'drain');
  },
  async finish() {},
  async discard() {},
};

class FileOutput implements Output {
  readonly #file: string;
  readonly #temporary: string;
  #stream: ReturnType<typeof createWriteStream> | undefined;

  constructor(file: string) {
    this.#file = file;
    this.#temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.tmp`);
  }

  async write(text: string | Uint8Array): Promise<void> {
    try {
      const stream = await this.#open();
      if (!stream.write(text)) await once(stream, 'drain');
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async finish(): Promise<void> {
    try {
      const stream = await this.#open();
      stream.end();
      await finished(stream);
      await rename(this.#temporary, this.#file);
    } catch (error) {
      await this.discard();
      throw this.#failed(error);
    }
  }

  async discard(): Promise<void> {
    this.#stream?.destroy();
    await rm(this.#temporary, { force: true });
  }

  async #open(): Promise<ReturnType<typeof createWriteStream>> {
    if (this.#stream !== undefined) return this.#stream;
    await mkdir(path.dirname(this.#file), { recursive: true });
    const stream = createWriteStream(this.#temporary);
    await once(stream, 'open');
    this.#stream = stream;
    return stream;
  }

  #failed(error: unknown): LakebookError {
    return new LakebookError('OUTPUT', `${this.#file} can't be written: ${(error as Error).message}`, {
      hint: 'Choose another file with --out.',
      cause: error,
    });
  }
}

/** A reader that goes away (`| head`) ends the process quietly. */
export function endOnClosedPipe(): void {
  process.stdout.on('error', error => {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(0);
    throw error;
  });
}

/** Lines about what goes on, on standard error, in place when that is a terminal. */
export class Status {
  readonly #live = process.stderr.isTTY === true;
  #shown = false;

  show(text: string): void {
    if (!this.#live) return;
    const width = process.stderr.columns ?? 80;
    process.stderr.write(`\r\x1b[2K${text.slice(0, width - 1)}`);
    this.#shown = true;
  }

  clear(): void {
    if (this.#shown) process.stderr.write('\r\x1b[2K');
    this.#shown = false;
  }
}
