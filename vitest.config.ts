import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { configDefaults, defineConfig } from 'vitest/config';
import { missingMysql, mysqlTag } from './test/vitest/missing-mysql.ts';
import { SlowestFirst } from './test/vitest/slowest-first.ts';

// Each worker loads the same packages; compiled ones load faster.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/node');

export default defineConfig({
  test: {
    setupFiles: ['test/vitest/own-environment.ts'],
    globalSetup: ['test/vitest/warnings.ts'],
    tags: [mysqlTag],
    reporters: ['default', missingMysql],
    // Most files wait for processes more than they compute: with two workers more than there are cores, no
    // core waits.
    maxWorkers: availableParallelism() + 2,
    // For a machine that is busy with other things: a test waits for conditions, and these bound it when one
    // never comes.
    expect: { poll: { timeout: 120_000 } },
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // A process for each file, with the packages loaded anew, would be a quarter of all processor time. What
    // a file changes of its process is undone at the file's end: see test/vitest/own-environment.ts.
    isolate: false,
    // Node strips the types by itself. Vite would put a getter before each use of an import, which costs the
    // simulation a fifth.
    experimental: { viteModuleRunner: false },
    sequence: { sequencer: SlowestFirst },
    include: ['{test,local-aws/test}/**/*.test.ts'],
    // The page's tests need Chromium, and have a configuration of their own: npm run test:browser.
    exclude: [...configDefaults.exclude, 'test/browser/**'],
  },
});
