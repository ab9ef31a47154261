import { AsyncLocalStorage } from 'node:async_hooks';

/** A context's values. A context inherits the values of the context around it. */
type Context = Record<string, unknown>;

/**
 * Replaces cls-hooked in bundles. The X-Ray SDK keeps the open segment in it. cls-hooked follows every
 * promise with async_hooks, which takes a third of the processor time of a function that mostly calls S3;
 * AsyncLocalStorage costs almost nothing ("Asynchronous context tracking", Node.js documentation). The class
 * has only the functions that the X-Ray SDK calls.
 */
class Namespace {
  readonly #storage = new AsyncLocalStorage<Context>();
  /**
   * The context entered outside of any `run`. It applies to the whole process, as the X-Ray SDK expects on
   * Lambda.
   */
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

  /** Runs `work` in a new context and returns the context. */
  run(work: (context: Context) => void): Context {
    const context = this.createContext();
    this.#storage.run(context, work, context);
    return context;
  }

  /** Returns a function that always runs in the current context. */
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
    if (context === undefined) throw new Error(`Cannot set ${key}: there is no active context.`);
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
