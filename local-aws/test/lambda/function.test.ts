import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Call } from '../../core/call.ts';
import { Reaper } from '../../core/reaper.ts';
import { Credentials } from '../../iam/credentials.ts';
import { type FunctionPorts, type FunctionSettings, LambdaFunction } from '../../lambda/function.ts';
import { FunctionLogs } from '../../logs/logs.ts';

/** One bundle for all tests: what it does is what the event asks for. */
const bundle = `
import { setTimeout as delay } from 'node:timers/promises';
let calls = 0;
const kept = [];
export const handler = async (event, context) => {
  calls += 1;
  if (event.log) console.log(event.log);
  if (event.write) process.stdout.write(event.write);
  if (event.sleep) await delay(event.sleep);
  if (event.fail) throw new RangeError(event.fail);
  if (event.reject) { Promise.reject(new Error(event.reject)); await delay(100_000); }
  if (event.exit !== undefined) process.exit(event.exit);
  if (event.allocate) { kept.push(Buffer.alloc(event.allocate * 1024 * 1024, 1)); await delay(100_000); }
  if (event.heap) for (;;) kept.push(new Array(1000).fill({}));
  if (event.large) return 'x'.repeat(event.large);
  if (event.nothing) return;
  return { calls, pid: process.pid, env: process.env, cwd: process.cwd(), left: context.getRemainingTimeInMillis(), context: { ...context } };
};
export const nested = { handler: async () => 'nested' };
export const callback = (event, context, done) => done();
`;

let directory: string;
let logs: FunctionLogs;
const credentials = new Credentials();
const reaper = new Reaper();
let calls: Call[] = [];
const authorize = async (call: Call) => void calls.push(call);
const open: LambdaFunction[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'local-aws-function-'));
  logs = new FunctionLogs(join(directory, 'logs'));
  await mkdir(join(directory, 'esm'));
  await writeFile(join(directory, 'esm', 'index.mjs'), bundle);
  await mkdir(join(directory, 'cjs'));
  await writeFile(join(directory, 'cjs', 'index.js'), 'exports.handler = async () => "common";');
  await mkdir(join(directory, 'nowhere'));
  await mkdir(join(directory, 'broken'));
  await writeFile(join(directory, 'broken', 'index.mjs'), 'throw new TypeError("no configuration");');
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
afterAll(async () => {
  reaper.close();
  await rm(directory, { recursive: true });
});

let next = 0;
function started(settings: Partial<FunctionSettings> = {}, ports: Partial<FunctionPorts> = {}) {
  next += 1;
  const name = `function-${next}`;
  const made = new LambdaFunction(
    {
      name,
      arn: `arn:aws:lambda:eu-west-1:000000000000:function:${name}`,
      roleArn: 'arn:aws:iam::000000000000:role/worker',
      modulePath: join(directory, 'esm', 'index.mjs'),
      handler: 'index.handler',
      runtime: 'nodejs24.x',
      timeoutSeconds: 120,
      memoryMb: 256,
      environment: { STAGE: 'test' },
      logGroup: `/aws/lambda/${name}`,
      ...settings,
    },
    { credentials, logs, reaper, authorize, endpoint: () => 'http://127.0.0.1:4566', ...ports },
  );
  open.push(made);
  return made;
}

async function call(made: LambdaFunction, event: unknown = {}) {
  const { payload, functionError } = await made.invoke(JSON.stringify(event)).result;
  return { functionError, value: JSON.parse(payload) };
}

const lines = async (made: LambdaFunction) =>
  (await logs.read(made.settings.name)).map(({ message }) => message);
const alive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a function', () => {
  test('compiles its module once for all of its processes', async () => {
    const path = join(directory, 'compiled');
    await mkdir(path);
    await writeFile(join(path, 'index.mjs'), bundle);
    const settings = {
      modulePath: join(path, 'index.mjs'),
      environment: { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
    };
    const isCached = async () => {
      const made = started(settings);
      await call(made);
      await made.close();
      return (await lines(made)).some((line) => /index\.mjs was accepted/.test(line));
    };
    expect(await isCached()).toBe(false);
    await expect.poll(isCached).toBe(true);
  });

  test('sees Lambda’s environment and its own, and nothing of this process’s', async () => {
    vi.stubEnv('SECRET_OF_THE_PARENT', 'x');
    vi.stubEnv('NODE_OPTIONS', '--no-warnings');
    const { value } = await call(started());
    vi.unstubAllEnvs();
    expect(value.cwd).toBe(join(directory, 'esm'));
    expect(value.env).toMatchObject({
      STAGE: 'test',
      AWS_LAMBDA_FUNCTION_NAME: expect.stringContaining('function-'),
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:4566',
      LAMBDA_TASK_ROOT: join(directory, 'esm'),
      _HANDLER: 'index.handler',
      _X_AMZN_TRACE_ID: expect.stringMatching(
        /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/,
      ),
      TZ: ':UTC',
    });
    expect(Object.keys(value.env)).not.toContain('SECRET_OF_THE_PARENT');
    expect(Object.keys(value.env)).not.toContain('NODE_OPTIONS');
    const caller = credentials.find(value.env.AWS_ACCESS_KEY_ID);
    expect(caller).toMatchObject({
      sessionToken: value.env.AWS_SESSION_TOKEN,
      caller: { kind: 'role', principal: 'arn:aws:iam::000000000000:role/worker' },
    });
  });

  test('gets variables for this machine, while the API shows those for AWS', async () => {
    const variables = async (configured: Readonly<Record<string, string>>) => ({
      ...configured,
      URL: 'here',
    });
    const made = started({ environment: { STAGE: 'test', URL: 'there' } }, { variables });
    const { value } = await call(made);
    expect(value.env).toMatchObject({ STAGE: 'test', URL: 'here', AWS_REGION: 'eu-west-1' });
    expect(made.settings.environment).toEqual({ STAGE: 'test', URL: 'there' });
  });

  test.each([-3_600_000, 3_600_000])(
    'has its whole timeout left if its clock is %i ms ahead',
    async (ahead) => {
      const module = `const now = Date.now; Date.now = () => now() + ${ahead};`;
      const environment = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` };
      const { value } = await call(started({ environment, timeoutSeconds: 60 }));
      expect(value.left).toBeGreaterThan(0);
      expect(value.left).toBeLessThanOrEqual(60_000);
    },
  );

  test('gets Lambda’s context', async () => {
    const made = started({ timeoutSeconds: 700 });
    const invocation = made.invoke('{}');
    const { context, left } = JSON.parse((await invocation.result).payload);
    expect(context).toMatchObject({
      awsRequestId: invocation.requestId,
      functionName: made.settings.name,
      functionVersion: '$LATEST',
      invokedFunctionArn: made.settings.arn,
      memoryLimitInMB: '256',
      logGroupName: made.settings.logGroup,
      logStreamName: expect.stringMatching(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/),
    });
    expect(left).toBeGreaterThan(600_000);
    expect(left).toBeLessThanOrEqual(700_000);
  });

  test('starts cold once and stays warm', async () => {
    const made = started();
    const first = await call(made);
    const second = await call(made);
    expect(second.value).toMatchObject({ calls: 2, pid: first.value.pid });
    const reports = (await lines(made)).filter((line) => line.startsWith('REPORT'));
    expect(reports[0]).toMatch(
      /^REPORT RequestId: [\w-]{36}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t$/,
    );
    expect(reports[1]).not.toContain('Init Duration');
  });

  test('may be a CommonJS module with a nested handler', async () => {
    expect(await call(started({ modulePath: join(directory, 'cjs', 'index.js') }))).toMatchObject({
      value: 'common',
    });
    expect(await call(started({ handler: 'index.nested.handler' }))).toMatchObject({ value: 'nested' });
  });

  test('that returns nothing returns null', async () => {
    expect(await call(started(), { nothing: true })).toEqual({ value: null, functionError: undefined });
  });

  test('runs concurrent invocations in processes of their own, and ends the idle ones', async () => {
    const made = started({}, { idleMs: 50 });
    const results = await Promise.all([1, 2].map(() => call(made, { sleep: 50 })));
    const pids = results.map(({ value }) => value.pid);
    expect(new Set(pids).size).toBe(2);
    await expect.poll(() => pids.some(alive)).toBe(false);
  });

  test('waits for a process if all of this machine’s are busy', async () => {
    const made = started({}, { maxProcesses: 1 });
    const results = await Promise.all([1, 2, 3].map(() => call(made)));
    expect(results.map(({ value }) => value.calls)).toEqual([1, 2, 3]);
  });

  test('is throttled above its reserved concurrency', async () => {
    const made = started({ reservedConcurrency: 1 });
    const first = call(made);
    expect(() => made.invoke('{}')).toThrow(
      expect.objectContaining({ code: 'TooManyRequestsException', status: 429 }),
    );
    await first;
    expect(await call(made)).toMatchObject({ value: { calls: 2 } });
  });
});

describe('an error', () => {
  test('that the handler throws is reported with its type and trace, and the process stays warm', async () => {
    const made = started();
    const { value, functionError } = await call(made, { fail: 'out of range' });
    expect(functionError).toBe('Unhandled');
    expect(value).toMatchObject({ errorType: 'RangeError', errorMessage: 'out of range' });
    expect(value.trace[0]).toBe('RangeError: out of range');
    expect(await call(made)).toMatchObject({ value: { calls: 2 } });
    expect((await lines(made)).join('\n')).toContain('ERROR\tInvoke Error');
  });

  test.each([
    [
      'a rejection that nobody handles',
      { reject: 'lost' },
      { errorType: 'Runtime.UnhandledPromiseRejection', errorMessage: 'lost' },
    ],
    [
      'an exit',
      { exit: 3 },
      { errorType: 'Runtime.ExitError', errorMessage: expect.stringContaining('exit status 3') },
    ],
    ['an exit without a reason', { exit: 0 }, { errorType: 'Runtime.ExitError' }],
  ])('of %s ends the process, and the next invocation gets a new one', async (_, event, fault) => {
    const made = started();
    expect(await call(made, event)).toMatchObject({ functionError: 'Unhandled', value: fault });
    expect(await call(made)).toMatchObject({ value: { calls: 1 } });
  });

  test.each([
    [
      { handler: 'index.missing' },
      { errorType: 'Runtime.HandlerNotFound', errorMessage: 'index.missing is undefined or not exported' },
    ],
    [{ bundle: 'nowhere', handler: 'index.handler' }, { errorType: 'Runtime.ImportModuleError' }],
    [{ handler: 'index.callback' }, { errorType: 'Runtime.CallbackHandlerDeprecated' }],
    [
      { bundle: 'broken', handler: 'index.handler' },
      { errorType: 'TypeError', errorMessage: 'no configuration' },
    ],
  ])('in a start with %j is the result of the invocation', async (settings, fault) => {
    const { handler, bundle } = { bundle: 'esm', ...settings };
    const made = started({ handler, modulePath: join(directory, bundle, 'index.mjs') });
    expect(await call(made)).toMatchObject({ functionError: 'Unhandled', value: fault });
  });

  test('replaces a response above 6 MB', async () => {
    expect(await call(started(), { large: 6 * 1024 * 1024 + 200 })).toMatchObject({
      value: { errorType: 'Function.ResponseSizeTooLarge' },
    });
  });
});

describe('a process', () => {
  test('is killed when the function runs past its timeout', async () => {
    const made = started({ timeoutSeconds: 4 });
    const { pid } = (await call(made)).value;
    const { value, functionError } = await call(made, { sleep: 100_000 });
    expect(functionError).toBe('Unhandled');
    expect(value).toEqual({
      errorType: 'Sandbox.Timedout',
      errorMessage: expect.stringMatching(/^RequestId: [\w-]{36} Error: Task timed out after 4.00 seconds$/),
    });
    expect(alive(pid)).toBe(false);
    expect((await lines(made)).at(-1)).toContain('Status: timeout');
  });

  test('is killed when it exceeds its memory outside of the heap', async () => {
    expect(await call(started({ memoryMb: 128 }), { allocate: 150 })).toMatchObject({
      value: { errorType: 'Runtime.OutOfMemory', errorMessage: expect.stringContaining('signal: killed') },
    });
  });

  test('dies when its heap reaches the memory limit', async () => {
    const { value } = await call(started({ memoryMb: 128 }), { heap: true });
    expect(value.errorType).toMatch(/^Runtime\.(OutOfMemory|ExitError)$/);
  });

  test('can be killed in the middle of an invocation, and its credentials die with it', async () => {
    const made = started();
    const { env } = (await call(made)).value;
    const invocation = made.invoke('{"sleep":100000}');
    await expect
      .poll(async () => (await lines(made)).filter((line) => line.startsWith('START')))
      .toHaveLength(2);
    expect(made.kill(env.AWS_ACCESS_KEY_ID)).toBe(true);
    const { payload } = await invocation.result;
    expect(JSON.parse(payload)).toMatchObject({
      errorType: 'Runtime.ExitError',
      errorMessage: `RequestId: ${invocation.requestId} Error: Runtime exited with error: signal: killed`,
    });
    expect(credentials.find(env.AWS_ACCESS_KEY_ID)).toBeUndefined();
  });

  test('survives a Ctrl-C, so that its parent can let it finish', async () => {
    const made = started();
    const { pid } = (await call(made)).value;
    const running = call(made, { sleep: 100 });
    process.kill(pid, 'SIGINT');
    expect(await running).toMatchObject({ value: { calls: 2, pid } });
  });

  test('dies with its parent, even if the parent is killed', async () => {
    const path = (file: string) => JSON.stringify(new URL(`../../${file}`, import.meta.url).href);
    const program = `
      import { Credentials } from ${path('iam/credentials.ts')};
      import { LambdaFunction } from ${path('lambda/function.ts')};
      import { FunctionLogs } from ${path('logs/logs.ts')};
      import { Reaper } from ${path('core/reaper.ts')};
      const made = new LambdaFunction(
        { name: 'orphan', arn: 'arn:aws:lambda:us-east-1:000000000000:function:orphan', roleArn: 'r', modulePath: ${JSON.stringify(join(directory, 'spin', 'index.mjs'))}, runtime: 'nodejs24.x',
          handler: 'index.handler', timeoutSeconds: 60, memoryMb: 256, environment: {}, logGroup: 'g' },
        { credentials: new Credentials(), logs: new FunctionLogs(${JSON.stringify(join(directory, 'orphans'))}), reaper: new Reaper(), authorize: async () => {}, endpoint: () => '' });
      made.invoke('{}');`;
    await mkdir(join(directory, 'spin'));
    const pidFile = join(directory, 'spin', 'pid');
    await writeFile(
      join(directory, 'spin', 'index.mjs'),
      `import { renameSync, writeFileSync } from 'node:fs';
       export const handler = async () => { writeFileSync('pid.new', String(process.pid)); renameSync('pid.new', 'pid'); for (;;); };`,
    );
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await expect.poll(() => readFile(pidFile, 'utf8').catch(() => '')).not.toBe('');
    const pid = Number(await readFile(pidFile, 'utf8'));
    expect(alive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await expect.poll(() => alive(pid)).toBe(false);
  });
});

describe('the log', () => {
  test('and the traces are written with the permissions of the role', async () => {
    calls = [];
    const made = started({ tracing: true });
    await call(made);
    expect(calls.map(({ action }) => action)).toEqual([
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      'xray:PutTraceSegments',
      'xray:PutTelemetryRecords',
    ]);
    expect(calls[0]).toMatchObject({
      caller: { kind: 'role', principal: made.settings.roleArn },
      resource: expect.stringMatching(
        /^arn:aws:logs:eu-west-1:000000000000:log-group:\/aws\/lambda\/function-\d+:log-stream:2/,
      ),
    });
  });

  test('is lost without them, but the function still runs', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const made = started({}, { authorize: () => Promise.reject(new Error('not allowed')) });
    expect(await call(made, { log: 'unheard' })).toMatchObject({ value: { calls: 1 } });
    expect(await lines(made)).toEqual([]);
    expect(warned).toHaveBeenCalledOnce();
    warned.mockRestore();
  });

  test('has the handler’s output in whole lines, in order, between START and END', async () => {
    const made = started();
    await call(made, { log: 'two\nlines', write: 'no line break' });
    const all = await logs.read(made.settings.name);
    expect(all.map(({ message }) => message.split(' ')[0]?.split('\t')[0])).toEqual([
      'START',
      expect.stringMatching(/^\d{4}-.*Z$/),
      'no',
      'END',
      'REPORT',
    ]);
    expect(all[1]?.message).toMatch(/Z\t[\w-]{36}\tINFO\ttwo\nlines$/);
    expect(all[2]?.message).toBe('no line break');
  });

  test('loses no line of any output', async () => {
    const made = started();
    const text = Array.from({ length: 5000 }, (_, index) => `line ${index} ${'é'.repeat(index % 50)}`);
    await call(made, { write: `${text.join('\n')}\n` });
    expect((await lines(made)).slice(1, -2)).toEqual(text);
  });
});
