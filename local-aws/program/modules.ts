/**
 * Imported before Pulumi. Skips the parts of its start that take most of the time and that hardly any program
 * needs.
 */
import { readdirSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const pulumi = createRequire(require.resolve('@pulumi/pulumi'));
const aws = dirname(require.resolve('@pulumi/aws'));

// These turn functions of the program into Lambda functions: the compiler, and npm itself.
for (const name of ['typescript', '@npmcli/arborist']) postpone(pulumi.resolve(name));
// A program uses about ten of AWS's more than two hundred services.
for (const entry of readdirSync(aws, { withFileTypes: true })) {
  if (entry.isDirectory()) postpone(join(aws, entry.name, 'index.js'));
}
keepNoTraces(pulumi('./runtime/debuggable.js'));

/** Loads the CommonJS module only when one of its exports is used. */
function postpone(path: string): void {
  const placeholder = new Module(path);
  const load = (): object => {
    if (require.cache[path] === placeholder) delete require.cache[path];
    return require(path);
  };
  placeholder.loaded = true;
  placeholder.exports = new Proxy(
    {},
    {
      get: (_, name) => name === '__esModule' || Reflect.get(load(), name),
      has: (_, name) => Reflect.has(load(), name),
    },
  );
  require.cache[path] = placeholder;
}

interface Debuggable {
  debuggablePromise: (...given: readonly unknown[]) => Promise<unknown>;
}

/**
 * Pulumi records a stack trace for each of thousands of promises, for a debug print that a variable enables.
 */
function keepNoTraces(debuggable: Debuggable): void {
  const { debuggablePromise } = debuggable;
  debuggable.debuggablePromise = (...given) => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      return debuggablePromise(...given);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  };
}
