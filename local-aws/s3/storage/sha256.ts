import { Worker } from 'node:worker_threads';

/** What the worker is asked: to take more bytes in, or without any to tell the digest and forget the hash. */
export interface Task {
  readonly hash: number;
  readonly bytes?: Uint8Array<SharedArrayBuffer>;
}

/** SHA-256 in a thread beside this one, for it takes longer than all else that happens to the bytes of a large body. */
export class Sha256 {
  readonly #hash: number;
  #failure: unknown;

  constructor() {
    lastHash += 1;
    this.#hash = lastHash;
  }

  /** Resolves when the bytes may be written over. */
  update(bytes: Uint8Array<SharedArrayBuffer>): Promise<void> {
    const updated = ask({ hash: this.#hash, bytes }).then(() => {});
    updated.catch((error: unknown) => {
      this.#failure ??= error;
    });
    return updated;
  }

  /**
   * Ends it; to be called in any case, since it is remembered until then.
   *
   * @returns hexadecimal
   * @throws what went wrong with any of the bytes
   */
  async digest(): Promise<string> {
    const digest = await ask({ hash: this.#hash });
    if (this.#failure !== undefined) throw this.#failure;
    return digest;
  }
}

let lastHash = 0;
/** Who waits for answers, which come in the order of the tasks. */
const waiting: PromiseWithResolvers<string>[] = [];
let worker: Worker | undefined;

function ask(task: Task): Promise<string> {
  worker ??= startWorker();
  worker.postMessage(task);
  const answer = Promise.withResolvers<string>();
  waiting.push(answer);
  return answer.promise;
}

/** One for all bodies, from the first large one on. It keeps no process from ending. */
function startWorker(): Worker {
  const started = new Worker(new URL('./sha256-worker.ts', import.meta.url));
  started.on('message', (answer: string) => waiting.shift()?.resolve(answer));
  started.on('error', (error) => {
    worker = undefined;
    for (const { reject } of waiting.splice(0)) reject(error);
  });
  started.unref();
  return started;
}
