import { AsyncLocalStorage } from 'node:async_hooks';

/** What is known in a context; contexts inherit what is known around them. */
type Context = Record<string, unknown>;

/**
 * In bundles this takes the place of cls-hooked, in which the X-Ray SDK keeps the segment that is open. That one is told of each
 * promise that is made and collected, by async_hooks, which is a third of the processor time of a function that does little
 * but call S3; AsyncLocalStorage costs next to nothing ("Asynchronous context tracking", Node.js documentation). These are the
 * functions of it that the X-Ray SDK calls.
 */
class Namespace {
  readonly #storage = new AsyncLocalStorage<Context>();
  /** Entered outside of any `run`: for the whole process, as the X-Ray SDK wants it on Lambda. */
  #entered: Context | undefined;

  get #active(): Context | undefined {
    return this.#storage.getStore() ?? this.#entered;
  }

  createContext(): Context {
    return Object.create(this.#active ?? null) as Context;
  }

  enter(context: Context): void {
    this.#entered = context;
  }

  /** Runs `work` in a context of its own. Returns the context. */
  run(work: (context: Context) => void): Context {
    const context = this.createContext();
    this.#storage.run(context, work, context);
    return context;
  }

  /** The same function, which runs in the present context wherever it is called. */
  bind<Arguments extends unknown[], Result>(
    work: (...args: Arguments) => Result,
  ): (...args: Arguments) => Result {
    const context = this.#active ?? this.createContext();
    return (...args) => this.#storage.run(context, work, ...args);
  }

  get(key: string): unknown {
    return this.#active?.[key];
  }

  /** @throws {Error} outside of any context */
  set(key: string, value: unknown): unknown {
    const context = this.#active;
    if (context === undefined) throw new Error(`There is no context to set ${key} in.`);
    context[key] = value;
    return value;
  }
}

const namespaces = new Map<string, Namespace>();

export function createNamespace(name: string): Namespace {
  const namespace = new Namespace();
  namespaces.set(name, namespace);
  return namespace;
}

export const getNamespace = (name: string): Namespace | undefined => namespaces.get(name);

export function destroyNamespace(name: string): void {
  namespaces.delete(name);
}
