import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { inject } from 'vitest';

interface Answer {
  readonly ok?: unknown;
  readonly error?: string;
  readonly trace?: string;
}

export interface Verdict {
  readonly equal: boolean;
  /** Rows of Lakebook's answer. */
  readonly rows?: number;
  readonly why?: string;
}

/** Talks to judge.py (PyIceberg and Spark in one Python process), which judge-process.ts started. */
export class Judge {
  readonly #socket: Socket;
  readonly #waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    createInterface({ input: socket }).on('line', line => {
      const answer = JSON.parse(line) as Answer;
      const next = this.#waiting.shift();
      if (answer.error === undefined) next?.resolve(answer.ok);
      else next?.reject(new Error(`${answer.error}\n${answer.trace}`));
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('the judge ended'));
    });
  }

  static connect(): Promise<Judge> {
    return new Promise((resolve, reject) => {
      const socket = connect(inject('judgeSocket'));
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Judge(socket));
      });
    });
  }

  #send(command: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${JSON.stringify(command)}\n`);
    });
  }

  /** Points both judges at a lake. */
  async open(lake: { db: string; warehouse: string; name: string }): Promise<void> {
    await this.#send({ op: 'open', ...lake });
  }

  /** Runs Python; answers what the code leaves in `result`, as JSON (large integers as text). */
  async python<T = unknown>(code: string): Promise<T> {
    return (await this.#send({ op: 'exec', code: dedent(code) })) as T;
  }

  /** Compares an Arrow IPC stream file with the pyarrow table that `code` leaves in `result`. */
  async compare(ours: string, code: string): Promise<Verdict> {
    return (await this.#send({ op: 'compare', ours, code: dedent(code) })) as Verdict;
  }

  close(): void {
    this.#socket.end();
  }
}

/** Takes the first line's indentation off every line, so that Python can be written inside a test. */
export function dedent(text: string): string {
  const lines = text.replace(/^\n/, '').split('\n');
  const indent = /^\s*/.exec(lines[0]!)![0].length;
  return lines.map(line => (line.slice(0, indent).trim() === '' ? line.slice(indent) : line)).join('\n');
}
