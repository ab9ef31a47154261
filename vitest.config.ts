import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { missingMysql, mysqlTag } from './test/vitest/missing-mysql.ts';

export default defineConfig({
  test: {
    include: ['{test,local-aws/test}/**/*.test.ts'],
    setupFiles: ['test/vitest/own-environment.ts'],
    globalSetup: ['test/vitest/warnings.ts'],
    tags: [mysqlTag],
    reporters: ['default', missingMysql],
    // Most files wait for processes more than they compute: one worker more than there are cores.
    maxWorkers: availableParallelism() + 1,
    // For a machine that is busy with other things: a test waits for conditions, and these bound it when one
    // never comes.
    expect: { poll: { timeout: 120_000 } },
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
