import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { documents, finished, sluice, startSluice } from './sluice.ts';

const soup = { title: 'Soup', ingredients: ['water'], directions: ['Boil for 10 minutes.'] };

test('start --json prints a document when it is ready, one for each object that ends, and nothing else', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-start-'));
  const environment = { SLUICE_NO_MYSQL: '1' };
  const server = startSluice(directory, ['start', '--ephemeral', '--json'], { environment });
  const ended = finished(server, '"outcome":"done"');
  try {
    await new Promise((resolve) => server.stdout?.once('data', resolve));
    const file = join(directory, 'soup.ndjson');
    writeFileSync(file, `${JSON.stringify(soup)}\n{}\n`);
    expect(await sluice(directory, ['put', '-d', 'recipes', file])).toMatchObject({ status: 0 });
    const run = await ended;
    expect(run.status, run.stderr).toBe(0);
    const [ready, ...steps] = documents(run);
    expect(ready).toEqual({
      endpoint: expect.stringMatching(/^http:/),
      url: expect.stringContaining('token='),
      stack: 'dev',
      region: 'us-east-1',
      mysql: expect.stringContaining('SLUICE_NO_MYSQL'),
    });
    expect(steps).toMatchObject([
      { key: 'recipes/soup.ndjson', ended: { read: 2, written: 1, rejected: 1 } },
    ]);
  } finally {
    server.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
});

test('start prints a line as each object ends and when a message is retried, and stops quietly at Ctrl-C', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-start-'));
  const server = startSluice(directory, ['start', '--ephemeral'], { environment: { SLUICE_NO_MYSQL: '1' } });
  const ended = finished(server);
  try {
    let printed = '';
    server.stdout?.on('data', (text: string) => (printed += text));
    await expect.poll(() => printed).toContain('Ctrl-C stops it.');
    const file = join(directory, 'soup.ndjson');
    writeFileSync(file, `${JSON.stringify(soup)}\n{}\n`);
    expect(await sluice(directory, ['put', '-d', 'recipes', file])).toMatchObject({ status: 0 });
    await expect
      .poll(() => printed)
      .toMatch(/\n[\d:]{8} ✓ done recipes\/soup\.ndjson {2}2 read = 1 written \+ 1 rejected {2}[\d.]+ m?s\n/);
    const fault = ['fault', 'add', 'answer', 'GetObject', '503', '--function', 'extraction', '--always'];
    expect(await sluice(directory, fault)).toMatchObject({ status: 0 });
    expect(await sluice(directory, ['put', '-k', 'recipes/slow.ndjson', file])).toMatchObject({ status: 0 });
    await expect
      .poll(() => printed)
      .toMatch(/\n[\d:]{8} ↻ retried recipes\/slow\.ndjson {2}extraction, attempt 1 of \d, throttled: /);
    server.kill('SIGINT');
    const { status, stderr } = await ended;
    expect(status, stderr).toBe(0);
    expect(stderr).toBe(
      '\nStopping: waiting up to 10 s for running functions. Ctrl-C again stops at once.\n',
    );
  } finally {
    server.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
});
