import { fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundle } from '../../../infra/build/bundle.ts';

interface Subsegment {
  readonly id: string;
  readonly name: string;
  readonly parent_id: string;
  readonly trace_id: string;
  readonly http?: { readonly request?: { readonly url: string } };
}

const trace = { root: '1-5e1b4151-5ac6c58bfb7f6b1f2b3c4d5e', parent: '53995c3f42cd8ad8' };

test('a bundled function reports its calls to X-Ray under its own handler, without hooks on every promise', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-traces-'));
  const daemon = createSocket('udp4');
  const server = createServer((_, response) => response.end('well')).listen(0, '127.0.0.1');
  try {
    const sent: Subsegment[] = [];
    daemon.on('message', (message) => sent.push(JSON.parse(`${message}`.split('\n')[1] ?? '')));
    daemon.bind(0, '127.0.0.1');
    await Promise.all([once(daemon, 'listening'), once(server, 'listening')]);
    const { traced } = await bundle({ traced: 'test/infra/build/traced-child.ts' }, { to: directory });
    for (const file of traced.files) expect(readFileSync(file, 'utf8')).not.toContain('createHook');
    const child = fork(traced.file, {
      execArgv: [],
      env: {
        AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
        LAMBDA_TASK_ROOT: directory,
        _HANDLER: 'index.handler',
        _X_AMZN_TRACE_ID: `Root=${trace.root};Parent=${trace.parent};Sampled=1`,
        AWS_XRAY_DAEMON_ADDRESS: `127.0.0.1:${daemon.address().port}`,
        URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      },
    });
    expect(await once(child, 'exit')).toEqual([0, null]);
    await expect.poll(() => sent).toHaveLength(3);
    const handler = sent.find(({ name }) => name === '## index.handler');
    expect(handler).toMatchObject({ parent_id: trace.parent, trace_id: trace.root });
    const calls = sent.filter((each) => each !== handler);
    expect(calls.map(({ http }) => new URL(http?.request?.url ?? '').pathname).sort()).toEqual([
      '/one',
      '/other',
    ]);
    for (const each of calls) expect(each).toMatchObject({ parent_id: handler?.id, trace_id: trace.root });
  } finally {
    daemon.close();
    server.close();
    rmSync(directory, { recursive: true });
  }
});
