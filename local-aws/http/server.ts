import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { errorText, forbidden, ServiceError, unsupported } from '../core/service-error.ts';
import type { Credential } from '../iam/credentials.ts';
import { jsonError, queryError, xmlError } from './error-response.ts';
import { free } from './free.ts';
import type { Service, WireRequest, WireResponse } from './service.ts';
import { checkClaim, signedService, verifySignature } from './signature.ts';

/** By the name that requests are signed for: `s3`, `sqs`, `events`, `lambda`, `logs`, … */
export type Services = Readonly<Record<string, Service>>;

export interface ServerOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host?: '127.0.0.1';
  /**
   * Names what AWS does not have: operations of the cloud itself are `Name.Operation` and signed for `name`, and `/_name/health`
   * answers. By default `LocalAws`.
   */
  readonly name?: string;
  /** Requests wait for a promise of them. */
  readonly services: Services | Promise<Services>;
  readonly credentials: { find(accessKeyId: string): Credential | undefined };
  /** Asked when the answer to a request is there: whether its connection is cut instead. */
  readonly interrupts?: (requestId: string) => boolean;
  readonly limits?: Partial<typeof defaultLimits>;
}

export interface RunningServer {
  /** `http://127.0.0.1:4566` */
  readonly endpoint: string;
  /** Stops listening; requests under way get a second to end, then their connections are cut. */
  close(): Promise<void>;
}

/** Which service an `X-Amz-Target: Prefix.Operation` names. */
const targets: Readonly<Record<string, string>> = {
  AmazonSQS: 'sqs',
  AWSEvents: 'events',
  Logs_20140328: 'logs',
  GraniteServiceVersion20100801: 'monitoring',
  AWSStepFunctions: 'states',
  AWSGlue: 'glue',
  RedshiftData: 'redshift-data',
  TrentService: 'kms',
};

/** What the cloud is called when nobody gives it a name. */
export const defaultName = 'LocalAws';

/** Bodies of all services but S3 are held in memory; the largest that AWS takes is Lambda's 6 MB payload. */
const largestBufferedBody = 7 * 1024 * 1024;
const closeGraceMs = 1000;

/** What somebody who only connects can take. The functions of a run and the commands beside it need some two hundred connections. */
const defaultLimits = {
  connections: 2048,
  /** For the headers of a request, from its first byte on, or from the connection's beginning. */
  headersMs: 20_000,
  /** For all of a request: a slow upload of 5 GB is no attack. */
  requestMs: 3_600_000,
  /** How often the two are looked at. */
  checkMs: 5000,
};

/**
 * Sent with every answer. Anybody may have uploaded an object, and a page may do what its origin may: an object that a browser shows
 * as a page gets an origin of its own and no scripts ("Content Security Policy: the sandbox directive"), whatever its type.
 */
const safety = { 'content-security-policy': 'sandbox', 'x-content-type-options': 'nosniff' };

/**
 * The front door of the local cloud: one HTTP endpoint for all services, on the loopback only. Verifies the signature
 * and hands the request to its service. `/_name/health` alone needs no signature.
 *
 * Answers 501 to what no service serves, and 403 to web pages of elsewhere: the person's keys are known to everybody, so a
 * signature keeps no page out. They are told by what the browser says of them (Fetch Metadata, `Origin`), or by their
 * own name in `Host` when they rebind it to 127.0.0.1. No CORS headers are sent, and no answer is a page that can act.
 *
 * What needs no body is checked before the body is read, and what is not signed never gets that far.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const limits = { ...defaultLimits, ...options.limits };
  const server = createServer({
    maxHeaderSize: 64 * 1024,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: limits.checkMs,
    // Clients keep connections; one that they use just when it is closed would fail.
    keepAliveTimeout: 0,
  });
  server.maxConnections = limits.connections;
  const handle = (request: IncomingMessage, response: ServerResponse) =>
    void serve(request, response, options);
  server.on('request', handle);
  // Answered with 100 only when the signature is right: see serve().
  server.on('checkContinue', handle);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host ?? '127.0.0.1', () => resolve());
  });
  const { address, port } = server.address() as AddressInfo;
  return { endpoint: `http://${address}:${port}`, close: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), closeGraceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

async function serve(message: IncomingMessage, reply: ServerResponse, options: ServerOptions): Promise<void> {
  const { name: own = defaultName } = options;
  const requestId = randomUUID();
  const gone = new AbortController();
  reply.once('close', () => {
    if (!reply.writableFinished) gone.abort(new Error('The client has gone away.'));
  });
  const incoming = read(message);
  let response: WireResponse;
  try {
    checkHost(incoming.headers['host'] ?? '');
    checkPage(incoming.headers);
    if (incoming.path === `/_${own.toLowerCase()}/health`) {
      response = {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: '{"status":"running"}',
      };
    } else {
      const name = route(incoming, own);
      const service = (await options.services)[name];
      if (!service && !isForm(incoming.headers)) throw notServed(incoming, name);
      const find = (key: string) => options.credentials.find(key);
      const admissible = checkClaim(incoming, find, Date.now(), name === 's3');
      const buffered = admissible.s3 ? undefined : await readBody(message, reply);
      if (!service) throw notServed(incoming, name, buffered);
      const caller = verifySignature(admissible, buffered);
      if (!buffered) letContinue(message, reply);
      response = await service({
        ...incoming,
        body: buffered ? Readable.from([buffered]) : message,
        caller: { ...caller, request: requestId },
        requestId,
        sourceIp: message.socket.remoteAddress ?? '127.0.0.1',
        endpoint: `http://${incoming.headers['host']}`,
        signal: gone.signal,
      });
    }
  } catch (cause) {
    if (options.interrupts?.(requestId)) return void reply.destroy();
    response = refusal(cause, message, incoming, requestId);
  }
  if (options.interrupts?.(requestId)) {
    if (response.body instanceof Readable) response.body.destroy();
    reply.destroy();
    return;
  }
  const isHead = message.method === 'HEAD';
  try {
    await send(reply, response, requestId, isHead);
  } catch (cause) {
    // A header can't be written; nothing is sent yet.
    if (response.body instanceof Readable) response.body.destroy();
    await send(reply, refusal(cause, message, incoming, requestId), requestId, isHead);
  }
}

type Incoming = Pick<WireRequest, 'method' | 'path' | 'query' | 'headers'>;

function read(message: IncomingMessage): Incoming {
  const url = message.url ?? '/';
  const mark = url.indexOf('?');
  const headers: Record<string, string> = {};
  for (let index = 0; index + 1 < message.rawHeaders.length; index += 2) {
    const name = message.rawHeaders[index]?.toLowerCase() ?? '';
    const value = message.rawHeaders[index + 1] ?? '';
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name]},${value}` : value;
  }
  return {
    method: message.method ?? 'GET',
    path: mark < 0 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    headers,
  };
}

function checkHost(host: string): void {
  if (/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(host)) return;
  throw forbidden(
    'AccessDenied',
    `The local cloud answers to 127.0.0.1 and localhost only, not to "${host}". With a bucket's name in the host, switch the client to path-style addresses.`,
  );
}

/** Programs send neither header; a browser sends at least one with every request of a page that may have an effect. */
function checkPage(headers: Incoming['headers']): void {
  const { 'sec-fetch-site': site = 'none', host } = headers;
  const { origin = `http://${host}` } = headers;
  if (['none', 'same-origin'].includes(site) && origin === `http://${host}`) return;
  throw forbidden('AccessDenied', 'The local cloud does not answer to web pages of elsewhere.');
}

/** The service a request is meant for: by its target, else its path, else the service it was signed for, else S3. */
function route(request: Incoming, own?: string): string {
  const target = request.headers['x-amz-target'];
  if (target !== undefined) {
    const [prefix = ''] = target.split('.');
    return prefix === own ? own.toLowerCase() : (targets[prefix] ?? 'unknown');
  }
  if (/^\/(2015-03-31|2017-10-31)\/(functions|event-source-mappings)\b/.test(request.path)) return 'lambda';
  return signedService(request) ?? 's3';
}

/** Older protocols carry the operation's name in a form. */
function notServed({ method, path, headers }: Incoming, name: string, body?: Buffer): ServiceError {
  const form = new URLSearchParams(body?.toString());
  return unsupported(headers['x-amz-target'] ?? `${form.get('Action') ?? `${method} ${path}`} of ${name}`);
}

function isForm(headers: WireRequest['headers']): boolean {
  return headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
}

function refusal(
  cause: unknown,
  message: IncomingMessage,
  request: Incoming,
  requestId: string,
): WireResponse {
  const error = cause instanceof ServiceError ? cause : internalError(cause, message);
  if (isForm(request.headers)) return queryError(error, requestId);
  return route(request) === 's3' ? xmlError(error, requestId) : jsonError(error);
}

function internalError(cause: unknown, message: IncomingMessage): ServiceError {
  console.error(`${message.method} ${message.url} failed:`, cause);
  return new ServiceError('InternalError', 500, errorText(cause));
}

function letContinue(message: IncomingMessage, reply: ServerResponse): void {
  if (message.headers.expect?.toLowerCase() === '100-continue') reply.writeContinue();
}

async function readBody(message: IncomingMessage, reply: ServerResponse): Promise<Buffer> {
  const checkLength = (length: number) => {
    if (length > largestBufferedBody)
      throw new ServiceError('RequestEntityTooLargeException', 413, 'Request must be smaller than 7 MB.');
  };
  checkLength(Number(message.headers['content-length'] ?? 0));
  letContinue(message, reply);
  const chunks: Buffer[] = [];
  let length = 0;
  // Not destroyed on an early end, for the refusal still has to be sent over the same socket.
  for await (const chunk of message.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    checkLength(length);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function send(
  reply: ServerResponse,
  response: WireResponse,
  requestId: string,
  head: boolean,
): Promise<void> {
  const { status, headers: { 'content-length': length, ...headers } = {}, body } = response;
  const size =
    length ?? (body === undefined || body instanceof Readable ? undefined : `${Buffer.byteLength(body)}`);
  reply.writeHead(status, {
    ...headers,
    ...safety,
    'x-amz-request-id': requestId,
    'x-amzn-requestid': requestId,
    // Last, since Node refuses a Content-Disposition after it that is not ASCII.
    ...(size !== undefined && { 'content-length': size }),
  });
  if (head || !(body instanceof Readable)) {
    if (body instanceof Readable) body.destroy();
    reply.end(head ? undefined : body);
    return;
  }
  try {
    await pass(body, reply);
  } catch {
    // The client went away or the body broke off: cutting the connection is the only answer left.
    reply.destroy();
  }
}

/** Sends each chunk and frees it. A write just when the socket is closed is never called back. */
async function pass(body: Readable, reply: ServerResponse): Promise<void> {
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    await new Promise<void>((resolve, reject) => {
      const gone = () => reject(new Error('The client has gone away.'));
      reply.once('close', gone);
      reply.write(chunk, (error) => {
        reply.off('close', gone);
        if (error) reject(error);
        else resolve();
      });
    });
    free(chunk);
  }
  reply.end();
}
