import { afterAll, vi } from 'vitest';

// Before each test file: nothing of the shell's environment leads a test to the checkout's own local cloud,
// to a database, or to AWS.
const { CONFORMANCE_ENDPOINT, MYSQL_URL = '' } = process.env;

for (const name of Object.keys(process.env)) {
  const isKeyOfConformance = name.startsWith('AWS_') && CONFORMANCE_ENDPOINT !== undefined;
  if (/^(AWS|MYSQL|PULUMI|SLUICE)_/.test(name) && !isKeyOfConformance) delete process.env[name];
}

// The server for the tests' own databases: see test/mysql/mysql-server.ts.
if (MYSQL_URL !== '') process.env['TEST_MYSQL_URL'] = MYSQL_URL;

// A command that is started without a directory of its own would take the checkout's: below a file there is
// none.
process.env['SLUICE_DIRECTORY'] = '/dev/null/set-a-directory';

// The X-Ray SDK would follow each promise with async_hooks, a fifth of what the handlers' tests take. No test
// in this process has traces.
process.env['AWS_XRAY_MANUAL_MODE'] = 'true';

// Whoever meets it fails, as with any error that nobody catches.
function failOnWarning(warning: Error): never {
  throw new Error(`A warning of Node's own: ${warning.message}`, { cause: warning });
}
// The file before in the same process has added it already.
if (!process.listeners('warning').some(({ name }) => name === failOnWarning.name))
  process.on('warning', failOnWarning);

// The next file runs in the same process.
afterAll(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  vi.useRealTimers();
});
