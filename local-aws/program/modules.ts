/** Imported before Pulumi: keeps it from doing what takes most of its time and serves hardly any program. */
import { readdirSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const pulumi = createRequire(require.resolve('@pulumi/pulumi'));
const aws = dirname(require.resolve('@pulumi/aws'));

// What turns a function in the program into a Lambda function: the compiler, and npm itself.
for (const name of ['typescript', '@npmcli/arborist']) postpone(pulumi.resolve(name));
// A program uses ten of AWS's services, and there are more than two hundred.
for (const entry of readdirSync(aws, { withFileTypes: true })) {
  if (entry.isDirectory()) postpone(join(aws, entry.name, 'index.js'));
}
keepNoTraces(pulumi('./runtime/debuggable.js'));

/** Loads the CommonJS module only when something in it is used. */
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

/** Pulumi takes a stack trace of each of thousands of promises, for a debug print that a variable switches on. */
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
