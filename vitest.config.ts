import { defineConfig } from 'vitest/config';
import { missingMysql, mysqlTag } from './test/vitest/missing-mysql.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/vitest/own-environment.ts'],
    globalSetup: ['test/vitest/warnings.ts'],
    tags: [mysqlTag],
    reporters: ['default', missingMysql],
    // Most files wait for processes more than they compute: one worker a core, instead of one less.
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
