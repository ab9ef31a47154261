import { Sha256 } from '@aws-crypto/sha256-js';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call } from '../core/call.ts';
import { controlService } from '../faults/control.ts';
import { type FaultRequest, Faults, faultRequest } from '../faults/faults.ts';
import { startServer } from '../http/server.ts';
import { type Credential, Credentials } from '../iam/credentials.ts';

const role = 'arn:aws:iam::000000000000:role/extraction';
const killed: string[] = [];
const temp = 'arn:aws:s3:::temp';

function faultsWith(...requests: FaultRequest[]): Faults {
  const faults = new Faults();
  faults.aimAt({
    functionOf: (principal) => (principal === role ? 'extraction' : undefined),
    kill: (session) => killed.push(session),
  });
  for (const request of requests) faults.add(faultRequest.parse(request));
  return faults;
}

let requests = 0;
function call(changes: Partial<Call> = {}): Call {
  requests += 1;
  return {
    caller: { kind: 'role', principal: role, session: 'ASIA', request: `${requests}` },
    operation: 'PutObject',
    action: 's3:PutObject',
    resource: `${temp}/a/b`,
    ...changes,
  };
}

/** What becomes of a call: `passes`, the code of its error, or `cut`, after it took effect or before. */
function fate(faults: Faults, made = call()): string {
  let end = 'passes';
  try {
    faults.check(made);
  } catch (error) {
    end = error instanceof Error && 'code' in error ? String(error.code) : 'refused';
  }
  if (!faults.interrupts(made.caller.request ?? '')) return end;
  return end === 'passes' ? 'cut after' : 'cut before';
}

const fates = (faults: Faults, count: number) => Array.from({ length: count }, () => fate(faults));

describe('a fault of calls', () => {
  test('hits the n-th matching call, for the requested number of times, and ends', () => {
    const faults = faultsWith({ kind: 'answer', operation: 'PutObject', status: 503, skip: 1, times: 2 });
    expect(fates(faults, 5)).toEqual(['passes', 'SlowDown', 'SlowDown', 'passes', 'passes']);
    expect(faults.list()).toMatchObject([{ seen: 3, hits: 2, ended: true }]);
  });

  test.each([
    [403, 'AccessDenied'],
    [409, 'ConditionalRequestConflict'],
    [412, 'PreconditionFailed'],
    [500, 'InternalError'],
    [503, 'SlowDown'],
  ] as const)('%i is S3’s %s', (status, code) => {
    expect(fate(faultsWith({ kind: 'answer', operation: 'PutObject', status }))).toBe(code);
  });

  test('a call that needs several permissions counts once, and always gets the same answer', () => {
    const faults = faultsWith({ kind: 'answer', operation: 'PutObject', status: 500, times: 1 });
    const made = call();
    expect(() => faults.check(made)).toThrow('internal error');
    expect(() => faults.check({ ...made, action: 's3:GetObject' })).toThrow('internal error');
    expect(faults.list()).toMatchObject([{ seen: 1, hits: 1 }]);
  });

  test('requests are counted once each, also if only their second permission matches', () => {
    const faults = faultsWith({
      kind: 'answer',
      operation: 'CopyObject',
      status: 503,
      resource: temp,
      skip: 2,
    });
    const copy = (...buckets: string[]) => {
      const made = call({ operation: 'CopyObject' });
      let end = 'passes';
      try {
        for (const bucket of buckets) faults.check({ ...made, resource: `arn:aws:s3:::${bucket}/k` });
      } catch {
        end = 'fails';
      }
      faults.interrupts(made.caller.request ?? '');
      return end;
    };
    expect([copy('temp', 'temp'), copy('other', 'temp')]).toEqual(['passes', 'passes']);
    expect(faults.list()).toMatchObject([{ seen: 2, hits: 0 }]);
    expect([copy('other', 'temp'), copy('temp', 'temp')]).toEqual(['fails', 'passes']);
  });

  test.each([
    ['another operation', { operation: 'GetObject' }],
    ['another function', { caller: { kind: 'role', principal: 'arn:aws:iam::1:role/other' } }],
    ['another bucket whose name begins alike', { resource: 'arn:aws:s3:::temp-2/a/b' }],
  ] satisfies [string, Partial<Call>][])('leaves %s alone', (_, changes) => {
    const faults = faultsWith({
      kind: 'answer',
      operation: 'PutObject',
      status: 503,
      function: 'extraction',
      resource: temp,
    });
    expect(fate(faults, call(changes))).toBe('passes');
    expect(faults.list()).toMatchObject([{ seen: 0 }]);
    expect(fate(faults)).toBe('SlowDown');
  });

  test('a resource may be a prefix of keys', () => {
    const faults = faultsWith({ kind: 'close', operation: 'PutObject', resource: `${temp}/a/`, times: null });
    expect(fate(faults, call({ resource: `${temp}/b` }))).toBe('passes');
    expect(fate(faults)).toBe('cut before');
  });

  test('a connection is cut before the call takes effect, or after', () => {
    expect(fate(faultsWith({ kind: 'close', operation: 'PutObject' }))).toBe('cut before');
    expect(fate(faultsWith({ kind: 'close', operation: 'PutObject', when: 'after' }))).toBe('cut after');
  });

  test('a process is killed by its session, and a call without a session is not affected', () => {
    const faults = faultsWith({ kind: 'kill', operation: 'PutObject', when: 'after' });
    expect(fate(faults, call({ caller: { kind: 'user', principal: 'me', request: 'x' } }))).toBe('passes');
    expect(killed).toEqual([]);
    expect(fate(faults)).toBe('cut after');
    expect(killed).toEqual(['ASIA']);
  });

  test('a share hits about that share of calls: the same for the same seed, others for another seed', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0.05, max: 0.95, noNaN: true }), (seed, share) => {
        const ask = (by: number) =>
          fates(
            faultsWith({ kind: 'close', operation: 'PutObject', times: null, share, seed: by }),
            400,
          ).join();
        const hits = ask(seed).split('cut').length - 1;
        expect(ask(seed)).toBe(ask(seed));
        expect(ask(seed + 1)).not.toBe(ask(seed));
        expect(Math.abs(hits / 400 - share)).toBeLessThan(0.15);
      }),
      { numRuns: 30 },
    );
  });

  test('no fault hits more often than requested, or before the calls that it skips', () => {
    const request = fc.record({
      skip: fc.nat(5),
      times: fc.integer({ min: 1, max: 5 }),
      share: fc.constantFrom(0.3, 1),
    });
    fc.assert(
      fc.property(request, fc.nat(20), (aim, count) => {
        const faults = faultsWith({ kind: 'close', operation: 'PutObject', ...aim });
        const ends = fates(faults, count);
        const hits = ends.filter((end) => end !== 'passes').length;
        expect(hits).toBeLessThanOrEqual(aim.times);
        expect(ends.slice(0, aim.skip).every((end) => end === 'passes')).toBe(true);
        expect(faults.list()).toMatchObject([{ hits, ended: hits === aim.times }]);
      }),
    );
  });

  test('an error that AWS never answers is refused, and so is an unknown option', () => {
    for (const operation of ['SendMessage', 'CreatePartition'])
      expect(() => faultsWith({ kind: 'answer', operation, status: 412 })).toThrow('never answers 412');
    for (const operation of ['PutObject', 'UploadPart', 'ListBuckets'])
      expect(() => faultsWith({ kind: 'answer', operation, status: 400 })).toThrow('S3 answers 503');
    expect(faultRequest.safeParse({ kind: 'close', operation: 'PutObject', tims: 3 }).success).toBe(false);
    expect(faultRequest.safeParse({ kind: 'close', operation: 'putObject' }).success).toBe(false);
  });
});

describe('a fault of events and messages', () => {
  const queue = 'arn:aws:sqs:us-east-1:000000000000:loading';

  test('duplicates and delays messages to its queue and events of its bucket', () => {
    const faults = faultsWith(
      { kind: 'duplicate', of: 'events', copies: 2, resource: queue },
      { kind: 'delay', of: 'messages', delayMs: 50 },
    );
    expect(faults.send({ of: 'events', resources: [temp, `${queue}-2`] })).toBeUndefined();
    expect(faults.send({ of: 'events', resources: [temp, queue] })).toEqual({ duplicate: 2 });
    expect(faults.send({ of: 'events', resources: [temp, queue] })).toBeUndefined();
    expect(faults.send({ of: 'messages', resources: [queue] })).toEqual({ delayMs: 50 });
  });

  test('reorder delays every other message', () => {
    const faults = faultsWith({ kind: 'reorder', of: 'events', delayMs: 9, times: null });
    const delays = Array.from({ length: 4 }, () => faults.send({ of: 'events', resources: [temp] })?.delayMs);
    expect(delays).toEqual([9, undefined, 9, undefined]);
  });
});

/** Calls operations of the cloud itself, and gives what it answers. */
function controlOf(endpoint: string, credentials: Omit<Credential, 'caller'>) {
  const signer = new SignatureV4({ service: 'localaws', region: 'us-east-1', credentials, sha256: Sha256 });
  const { host, hostname } = new URL(endpoint);
  return async (operation: string, input: object = {}): Promise<Record<string, unknown>> => {
    const headers = {
      host,
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `LocalAws.${operation}`,
    };
    const request = new HttpRequest({ method: 'POST', hostname, headers, body: JSON.stringify(input) });
    const { method, headers: signed, body } = await signer.sign(request);
    return (await fetch(endpoint, { method, headers: signed, body })).json() as Promise<
      Record<string, unknown>
    >;
  };
}

describe('the control service', () => {
  test('accepts signed requests of the user, and refuses functions and unsigned requests', async () => {
    const credentials = new Credentials();
    const faults = faultsWith();
    const engine = { uses: () => [], denials: () => [] };
    const server = await startServer({
      port: 0,
      credentials,
      services: { localaws: controlService({ name: 'LocalAws', engine, faults }) },
    });
    try {
      const person = controlOf(server.endpoint, { accessKeyId: 'test', secretAccessKey: 'test' });
      const { id } = await person('AddFault', { kind: 'close', operation: 'GetObject' });
      expect(await person('ListFaults')).toMatchObject({ faults: [{ id, operation: 'GetObject', hits: 0 }] });
      expect(await person('ClearFaults', { ids: ['99'] })).toMatchObject({
        message: 'There is no fault 99.',
      });
      expect(await person('ClearFaults')).toMatchObject({ faults: [{ id: '1', kind: 'close' }] });
      expect(await person('ListFaults')).toEqual({ faults: [] });

      const process = controlOf(server.endpoint, credentials.issue(role));
      expect(await process('AddFault', { kind: 'close', operation: 'GetObject' })).toMatchObject({
        message: expect.stringContaining('may not control the local cloud'),
      });
      const unsigned = await fetch(server.endpoint, {
        method: 'POST',
        headers: { 'x-amz-target': 'LocalAws.ListFaults' },
      });
      expect(unsigned.status).toBe(403);
      expect(faults.list()).toEqual([]);
    } finally {
      await server.close();
    }
  });
});
