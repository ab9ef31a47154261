import { defineConfig } from 'vitest/config';

/** The tests of the page, in a real browser: `npm run test:browser`. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    setupFiles: ['test/vitest/own-environment.ts'],
    globalSetup: ['test/vitest/warnings.ts'],
    // Whether to draw the picture of the README anew.
    provide: { picture: process.env['PICTURE'] === '1' },
    // A file is a local cloud and a browser: both want the cores.
    fileParallelism: false,
    // For a machine that is busy with other things, as in vitest.config.ts.
    expect: { poll: { timeout: 120_000 } },
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});

declare module 'vitest' {
  interface ProvidedContext {
    readonly picture: boolean;
  }
}
