import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { Sha256 } from '@aws-crypto/sha256-js';
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Caller } from '../../core/call.ts';
import { type RunningServer, startServer } from '../../http/server.ts';
import type { Service, WireRequest } from '../../http/service.ts';
import { checkClaim, type SignedRequest, verifySignature } from '../../http/signature.ts';
import { Credentials, person } from '../../iam/credentials.ts';
import { stsService } from '../../iam/sts.ts';

const credentials = new Credentials();
const own = { accessKeyId: 'test', secretAccessKey: 'test' };
let server: RunningServer;
let seen: { request: WireRequest; body: string; service: string } | undefined;

function recorded(service: string, answer: string, type = 'application/json'): Service {
  return async (request) => {
    seen = { request, body: await text(request.body), service };
    return { status: 200, headers: { 'content-type': type }, body: answer };
  };
}

let hung: ((signal: AbortSignal) => void) | undefined;

beforeAll(async () => {
  server = await startServer({
    port: 0,
    credentials,
    services: {
      s3: recorded('s3', '<script>', 'text/html'),
      sqs: recorded(
        'sqs',
        JSON.stringify({ MessageId: 'm', MD5OfMessageBody: '5d41402abc4b2a76b9719d911017c592' }),
      ),
      lambda: recorded('lambda', '{}'),
      sts: stsService,
      broken: async () => ({ status: 200, headers: { 'x-amz-meta-a': '\n' }, body: 'ok' }),
      slow: async ({ signal }) => {
        hung?.(signal);
        return await new Promise(() => {});
      },
    },
  });
});
afterAll(() => server.close());

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}
const client = (keys: Keys = own) => ({
  endpoint: server.endpoint,
  region: 'us-east-1',
  credentials: keys,
  maxAttempts: 1,
});

/** A request as Node sends it, signed or not. */
function plain(path: string, headers: Record<string, string> = {}, method = 'GET', body = '') {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>(
    (resolve, reject) => {
      const { port } = new URL(server.endpoint);
      const sent = request({ host: '127.0.0.1', port, path, method, headers }, async (answer) =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) }),
      );
      sent.on('error', reject);
      sent.end(body);
    },
  );
}

/** The headers of a request of `/` that is signed for a service. */
async function signed(
  service: string,
  form?: string,
  credentials: Keys = own,
): Promise<Record<string, string>> {
  const signer = new SignatureV4({ service, region: 'us-east-1', credentials, sha256: Sha256 });
  const { host } = new URL(server.endpoint);
  const request = new HttpRequest({ method: 'GET', path: '/', headers: { host } });
  if (form !== undefined) {
    request.method = 'POST';
    request.headers['content-type'] = 'application/x-www-form-urlencoded';
    request.body = form;
  }
  return (await signer.sign(request)).headers;
}

describe('the server', () => {
  test('routes requests of unchanged SDK clients to their services, with the caller', async () => {
    await new SQSClient(client()).send(
      new SendMessageCommand({ QueueUrl: `${server.endpoint}/000000000000/q`, MessageBody: 'hello' }),
    );
    expect(seen).toMatchObject({ service: 'sqs', request: { caller: person } });
    expect(JSON.parse(seen?.body ?? '')).toMatchObject({ MessageBody: 'hello' });

    await new LambdaClient(client()).send(new InvokeCommand({ FunctionName: 'f', Payload: '{"a":1}' }));
    expect(seen).toMatchObject({
      service: 'lambda',
      body: '{"a":1}',
      request: { path: '/2015-03-31/functions/f/invocations' },
    });

    await new S3Client(client()).send(
      new PutObjectCommand({
        Bucket: 'b',
        Key: 'ä + %/日本.json',
        Body: 'x',
        Metadata: { a: ' two  spaces ' },
      }),
    );
    expect(seen).toMatchObject({
      service: 's3',
      request: { path: '/b/%C3%A4%20%2B%20%25/%E6%97%A5%E6%9C%AC.json' },
    });
  });

  test('listens on the loopback address only', () => {
    expect(server.endpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  test('answers a health check without a signature', async () => {
    expect(await plain('/_localaws/health')).toMatchObject({ status: 200, body: '{"status":"running"}' });
  });

  test('refuses a host name that is not the loopback, and offers nothing to web pages', async () => {
    const answer = await plain('/_localaws/health', {
      host: 'evil.example:4566',
      origin: 'http://evil.example',
    });
    expect(answer.status).toBe(403);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  test('sends a browser that opens its address to a page, once there is one, and nothing else', async () => {
    let page: string | undefined;
    const other = await startServer({ port: 0, credentials, services: {}, page: () => page });
    const visit = (path: string, headers: Record<string, string>) =>
      new Promise<{ status: number | undefined; location: string | undefined }>((resolve, reject) => {
        request(new URL(path, other.endpoint), { headers }, (response) => {
          response.resume();
          resolve({ status: response.statusCode, location: response.headers.location });
        })
          .on('error', reject)
          .end();
      });
    const accept = 'text/html,application/xhtml+xml';
    try {
      expect((await visit('/', { accept })).status).not.toBe(303);
      page = 'http://127.0.0.1:1/?token=t';
      expect(await visit('/', { accept })).toEqual({ status: 303, location: page });
      expect((await visit('/', { accept, host: 'evil.example' })).status).toBe(403);
      expect((await visit('/', { accept, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
      for (const [path, headers] of [
        ['/', {}],
        ['/bucket/key.html', { accept }],
        ['/?X-Amz-Signature=0', { accept }],
        ['/', { accept, authorization: 'AWS4-HMAC-SHA256 Credential=x' }],
      ] as const)
        expect((await visit(path, headers)).status, path).not.toBe(303);
    } finally {
      await other.close();
    }
  });

  test('answers 500 and logs it if the answer can’t be written', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const answer = await plain('/', await signed('broken'));
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.body)).toMatchObject({ __type: 'InternalError' });
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
  });

  describe('of a signed request that a page could send', () => {
    /** Signed by what everybody knows, in the query, so that the browser asks nobody before it sends it. */
    async function simplePost(headers: Record<string, string>) {
      const { host } = new URL(server.endpoint);
      const signer = new SignatureV4({
        service: 's3',
        region: 'us-east-1',
        credentials: own,
        sha256: Sha256,
        uriEscapePath: false,
      });
      const signed = await signer.presign(
        new HttpRequest({
          method: 'POST',
          path: '/b',
          query: { delete: '' },
          headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
        }),
        { expiresIn: 60 },
      );
      seen = undefined;
      const path = `/b?${new URLSearchParams(signed.query as Record<string, string>)}`;
      const { status } = await plain(path, { host, ...headers }, 'POST', '<Delete/>');
      return { status, served: seen !== undefined };
    }

    test.each([
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: 'http://127.0.0.1:1' },
      { origin: 'http://evil.example', 'sec-fetch-site': 'none' },
    ] satisfies Record<string, string>[])('refuses it with %o', async (headers) => {
      expect(await simplePost(headers)).toEqual({ status: 403, served: false });
    });

    test('serves it to programs, to its own pages and to the address bar', async () => {
      const served = { status: 200, served: true };
      expect(await simplePost({})).toEqual(served);
      expect(await simplePost({ 'sec-fetch-site': 'none' })).toEqual(served);
      expect(await simplePost({ 'sec-fetch-site': 'same-origin', origin: server.endpoint })).toEqual(served);
    });
  });

  test('answers 501 with the name of an operation that no service serves', async () => {
    const sent = new CloudWatchLogsClient(client()).send(new DescribeLogGroupsCommand({}));
    await expect(sent).rejects.toMatchObject({
      message: 'The local cloud does not serve Logs_20140328.DescribeLogGroups.',
      $metadata: { httpStatusCode: 501 },
    });
    expect(await plain('/', { 'x-amz-target': 'DynamoDB_20120810.PutItem' }, 'POST')).toMatchObject({
      status: 501,
    });
  });

  test('answers 100-continue only after the signature was verified', async () => {
    const { port } = new URL(server.endpoint);
    const refused = await new Promise<{ continued: boolean; status: number | undefined }>(
      (resolve, reject) => {
        let continued = false;
        const sent = request({
          port,
          host: '127.0.0.1',
          path: '/b/k',
          method: 'PUT',
          headers: { expect: '100-continue', 'content-length': 4 },
        });
        sent.on('continue', () => {
          continued = true;
        });
        sent.on('response', (answer) => {
          resolve({ continued, status: answer.statusCode });
          sent.destroy();
        });
        sent.on('error', reject);
        sent.flushHeaders();
      },
    );
    expect(refused).toEqual({ continued: false, status: 403 });
  });

  test('notifies a service when its client disconnects', async () => {
    const entered = new Promise<AbortSignal>((resolve) => {
      hung = resolve;
    });
    const { port } = new URL(server.endpoint);
    const sent = request({ port, host: '127.0.0.1', path: '/', headers: await signed('slow') });
    sent.on('error', () => {});
    sent.end();
    const signal = await entered;
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
    sent.destroy();
    await aborted;
  });
});

describe('an uploaded object', () => {
  const harmless = { 'content-security-policy': 'sandbox', 'x-content-type-options': 'nosniff' };

  test('can’t act as a page of the local cloud, or be taken for another type', async () => {
    const { host } = new URL(server.endpoint);
    const presigned = await signer('s3').presign(
      new HttpRequest({
        method: 'GET',
        path: '/b/page.html',
        headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
      }),
    );
    const query = new URLSearchParams(presigned.query as Record<string, string>);
    const address = { host, 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' };
    const page = await plain(`/b/page.html?${query}`, address);
    expect(page).toMatchObject({ status: 200, headers: { ...harmless, 'content-type': 'text/html' } });
    for (const path of ['/_localaws/health', '/b/unsigned'])
      expect((await plain(path, address)).headers).toMatchObject(harmless);
  });
});

describe('an unauthenticated request', () => {
  /** The head of a POST to SQS, of which the body never comes. */
  async function bodyNeverSent(headers: Record<string, string>) {
    const { port } = new URL(server.endpoint);
    const sent = request({
      port,
      host: '127.0.0.1',
      path: '/',
      method: 'POST',
      headers: { 'x-amz-target': 'AmazonSQS.SendMessage', 'content-length': '6000000', ...headers },
    });
    sent.flushHeaders();
    const code = new Promise<string>((resolve, reject) => {
      sent.on('response', (answer) => resolve(String(answer.headers['x-amzn-errortype'])));
      sent.on('error', reject);
    });
    return await code.finally(() => sent.destroy());
  }
  const signed = async (headers: Record<string, string> = {}, signingDate = new Date()) => {
    const { host } = new URL(server.endpoint);
    const toSign = new HttpRequest({ method: 'POST', path: '/', headers: { host, ...headers } });
    return (await signer('sqs').sign(toSign, { signingDate })).headers;
  };

  test('never has its body read if it is unsigned, expired, without its host signed, or has an unknown key', async () => {
    expect(await bodyNeverSent({})).toBe('MissingAuthenticationTokenException');
    const { authorization = '', ...right } = await signed();
    const unknown = authorization.replace('Credential=test/', 'Credential=nobody/');
    expect(await bodyNeverSent({ ...right, authorization: unknown })).toBe('UnrecognizedClientException');
    const hostless = authorization.replace('host;', '');
    expect(await bodyNeverSent({ ...right, authorization: hostless })).toBe('InvalidSignatureException');
    const late = await signed({}, new Date(Date.now() - 3_600_000));
    expect(await bodyNeverSent(late)).toBe('InvalidSignatureException');
  });

  test('never has its body read if the announced length is too large', async () => {
    expect(await bodyNeverSent({ ...(await signed()), 'content-length': '8000000' })).toBe(
      'RequestEntityTooLargeException',
    );
  });

  test('is cut off if its headers never end, or if there are too many connections', async () => {
    const guarded = await startServer({
      port: 0,
      credentials,
      services: {},
      limits: { connections: 2, headersMs: 50, checkMs: 10 },
    });
    const port = Number(new URL(guarded.endpoint).port);
    const hang = (text: string) =>
      new Promise<string>((resolve) => {
        let answer = '';
        const socket = connect(port, '127.0.0.1', () => socket.write(text));
        socket.on('data', (chunk) => {
          answer += chunk;
        });
        socket.on('error', () => {});
        socket.on('close', () => resolve(answer));
      });
    const [first, second, third] = await Promise.all([hang('GET / HTTP/1.1\r\nHo'), hang(''), hang('')]);
    expect(first).toMatch(/^HTTP\/1\.1 408 /);
    expect(second).toMatch(/^HTTP\/1\.1 408 /);
    // Never let in, so that it has no answer.
    expect(third).toBe('');
    await guarded.close();
  });
});

describe('a signature', () => {
  test('made with a wrong secret is refused in the words of each service', async () => {
    const wrong = { ...own, secretAccessKey: 'guess' };
    await expect(
      new S3Client(client(wrong)).send(new GetObjectCommand({ Bucket: 'b', Key: 'k' })),
    ).rejects.toMatchObject({
      name: 'SignatureDoesNotMatch',
      $metadata: { httpStatusCode: 403 },
    });
    await expect(
      new LambdaClient(client(wrong)).send(new InvokeCommand({ FunctionName: 'f' })),
    ).rejects.toMatchObject({
      name: 'InvalidSignatureException',
      $metadata: { httpStatusCode: 403 },
    });
  });

  test('made with an unknown access key is refused', async () => {
    const unknown = { ...own, accessKeyId: 'AKIANOBODY' };
    await expect(
      new S3Client(client(unknown)).send(new GetObjectCommand({ Bucket: 'b', Key: 'k' })),
    ).rejects.toMatchObject({
      name: 'InvalidAccessKeyId',
    });
    await expect(
      new LambdaClient(client(unknown)).send(new InvokeCommand({ FunctionName: 'f' })),
    ).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
    });
  });

  test('of version 2 is refused with the supported version', async () => {
    for (const request of [
      plain('/b/k?AWSAccessKeyId=test&Signature=x&Expires=1893456000'),
      plain('/b/k', { authorization: 'AWS test:x' }),
    ])
      expect(await request).toMatchObject({
        status: 400,
        body: expect.stringContaining('Please use AWS4-HMAC-SHA256.'),
      });
  });

  test('that is missing is reported as missing', async () => {
    expect(await plain('/b/k')).toMatchObject({
      status: 403,
      body: expect.stringContaining('<Code>AccessDenied</Code>'),
    });
    expect(await plain('/', { 'x-amz-target': 'AmazonSQS.ListQueues' }, 'POST', '{}')).toMatchObject({
      status: 403,
      body: expect.stringContaining('MissingAuthenticationToken'),
    });
  });

  test('of a role is valid only with its session token, and until it is revoked', async () => {
    const role = 'arn:aws:iam::000000000000:role/extraction';
    const { accessKeyId, secretAccessKey, sessionToken } = credentials.issue(role);
    const get = (keys: Keys) =>
      new S3Client(client(keys)).send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: 'x' }));
    await get({ accessKeyId, secretAccessKey, sessionToken });
    expect(seen?.request.caller).toMatchObject({ kind: 'role', principal: role, session: accessKeyId });
    await expect(get({ accessKeyId, secretAccessKey })).rejects.toMatchObject({ name: 'InvalidToken' });
    credentials.revoke(accessKeyId);
    await expect(get({ accessKeyId, secretAccessKey, sessionToken })).rejects.toMatchObject({
      name: 'InvalidAccessKeyId',
    });
  });
});

describe('STS', () => {
  const ask = async (action: string, keys: Keys = own) => {
    const form = `Action=${action}&Version=2011-06-15`;
    return plain('/', await signed('sts', form, keys), 'POST', form);
  };

  test('identifies the caller, a user or a role', async () => {
    const asked = await ask('GetCallerIdentity');
    expect(asked).toMatchObject({
      status: 200,
      body: expect.stringContaining(`<Arn>${person.principal}</Arn>`),
    });
    expect(asked.body).toContain('<Account>000000000000</Account>');
    const keys = credentials.issue('arn:aws:iam::000000000000:role/extraction');
    expect((await ask('GetCallerIdentity', keys)).body).toContain(
      `<Arn>arn:aws:sts::000000000000:assumed-role/extraction/${keys.accessKeyId}</Arn>`,
    );
    credentials.revoke(keys.accessKeyId);
  });

  test('refuses an unsupported operation by name', async () => {
    expect(await ask('AssumeRole')).toMatchObject({
      status: 501,
      body: expect.stringContaining('does not serve AssumeRole of STS'),
    });
  });
});

const signer = (service: string) =>
  new SignatureV4({
    service,
    region: 'us-east-1',
    credentials: own,
    sha256: Sha256,
    uriEscapePath: service !== 's3',
  });
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function received(signed: Awaited<ReturnType<SignatureV4['sign']>>) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(signed.query ?? {}))
    for (const one of [value ?? []].flat()) query.append(name, one);
  return { method: signed.method, path: signed.path, query, headers: signed.headers };
}

const code = (verify: () => Caller) => {
  try {
    return verify().principal;
  } catch (error) {
    return (error as Error & { code: string }).code;
  }
};

describe('verification', () => {
  const now = Date.parse('2026-11-21T23:59:00Z');
  const none = new Uint8Array();
  /** A body is given for all services but S3. */
  const verified = (request: SignedRequest, at: number, body?: Uint8Array) =>
    verifySignature(
      checkClaim(request, (key) => credentials.find(key), at, body === undefined),
      body,
    );
  const minutes = 60_000;

  test('accepts the SDK’s signatures for S3 with any path and query', async () => {
    const segment = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      .filter((s) => s.isWellFormed());
    await fc.assert(
      fc.asyncProperty(
        fc.array(segment, { maxLength: 3 }),
        fc.dictionary(segment, segment, { maxKeys: 3 }),
        async (path, query) => {
          const signed = await signer('s3').sign(
            new HttpRequest({
              method: 'GET',
              path: `/${path.map(encodeURIComponent).join('/')}`,
              query,
              headers: { host: '127.0.0.1', 'x-amz-content-sha256': emptyHash },
            }),
            { signingDate: new Date(now) },
          );
          expect(verified(received(signed), now)).toEqual(person);
        },
      ),
      { numRuns: 50, examples: [[['a'], { constructor: 'x' }]] },
    );
  });

  test('notices any change of method, path, query, signed header or body', async () => {
    const signed = received(
      await signer('lambda').sign(
        new HttpRequest({
          method: 'POST',
          path: '/a%20b',
          query: { q: '1' },
          headers: { host: '127.0.0.1', 'x-amz-target': 'T' },
        }),
        { signingDate: new Date(now) },
      ),
    );
    expect(verified(signed, now, none)).toEqual(person);
    const changes = [
      { method: 'GET' },
      { path: '/a%20c' },
      { query: new URLSearchParams('q=2') },
      { headers: { ...signed.headers, 'x-amz-target': 'U' } },
      { headers: { ...signed.headers, host: 'localhost' } },
    ];
    for (const change of changes)
      expect(code(() => verified({ ...signed, ...change }, now, none))).toBe('InvalidSignatureException');
    expect(code(() => verified(signed, now, Buffer.from('other')))).toBe('InvalidSignatureException');
  });

  test('refuses an x-amz header to S3 that the signature does not cover', async () => {
    const signed = received(
      await signer('s3').sign(
        new HttpRequest({
          method: 'PUT',
          path: '/b/k',
          headers: { host: '127.0.0.1', 'x-amz-content-sha256': emptyHash },
        }),
        { signingDate: new Date(now) },
      ),
    );
    const headers = { ...signed.headers, 'x-amz-copy-source': '/other/secret' };
    expect(code(() => verified({ ...signed, headers }, now))).toBe('AccessDenied');
  });

  test.each([
    [-16, 'RequestTimeTooSkewed'],
    [-14, person.principal],
    [14, person.principal],
    [16, 'RequestTimeTooSkewed'],
  ])('of a request whose clock is off by %i minutes ends with %s', async (offset, result) => {
    const signed = received(
      await signer('s3').sign(
        new HttpRequest({
          method: 'GET',
          path: '/b/k',
          headers: { host: '127.0.0.1', 'x-amz-content-sha256': emptyHash },
        }),
        { signingDate: new Date(now) },
      ),
    );
    expect(code(() => verified(signed, now + offset * minutes))).toBe(result);
  });

  test('accepts a presigned URL until it expires', async () => {
    const signed = received(
      await signer('s3').presign(
        new HttpRequest({ method: 'GET', path: '/b/k', headers: { host: '127.0.0.1' } }),
        {
          signingDate: new Date(now),
          expiresIn: 3600,
        },
      ),
    );
    // The SDK hashes the empty body where S3's own presigner writes UNSIGNED-PAYLOAD.
    const request = { ...signed, headers: { ...signed.headers, 'x-amz-content-sha256': emptyHash } };
    expect(code(() => verified(request, now + 60 * minutes))).toBe(person.principal);
    expect(code(() => verified(request, now + 60 * minutes + 1))).toBe('AccessDenied');
    expect(code(() => verified({ ...request, path: '/b/other' }, now))).toBe('SignatureDoesNotMatch');
  });
});
