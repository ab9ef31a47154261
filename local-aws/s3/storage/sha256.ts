import { Worker } from 'node:worker_threads';

/**
 * A task of the worker: with bytes, adds them to the hash; without, returns the digest and forgets the hash.
 */
export interface Task {
  readonly hash: number;
  readonly bytes?: Uint8Array<SharedArrayBuffer>;
}

/**
 * SHA-256 in a separate thread, because it takes longer than everything else that happens to a large body.
 */
export class Sha256 {
  readonly #hash: number;
  #failure: unknown;

  constructor() {
    lastHash += 1;
    this.#hash = lastHash;
  }

  /** Resolves when the bytes may be overwritten. */
  update(bytes: Uint8Array<SharedArrayBuffer>): Promise<void> {
    const updated = ask({ hash: this.#hash, bytes }).then(() => {});
    updated.catch((error: unknown) => {
      this.#failure ??= error;
    });
    return updated;
  }

  /**
   * Ends the hash. Must be called in any case, because the worker keeps the hash until then.
   *
   * @returns hexadecimal
   * @throws the error of any of the updates
   */
  async digest(): Promise<string> {
    const digest = await ask({ hash: this.#hash });
    if (this.#failure !== undefined) throw this.#failure;
    return digest;
  }
}

let lastHash = 0;
/** Callers that wait for answers, which arrive in the order of the tasks. */
const waiting: PromiseWithResolvers<string>[] = [];
let worker: Worker | undefined;

function ask(task: Task): Promise<string> {
  worker ??= startWorker();
  worker.postMessage(task);
  const answer = Promise.withResolvers<string>();
  waiting.push(answer);
  return answer.promise;
}

/** One worker for all bodies, started with the first large one. It does not keep the process alive. */
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
