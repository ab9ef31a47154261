import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { errorText, forbidden, ServiceError, unsupported } from '../core/service-error.ts';
import type { Credential } from '../iam/credentials.ts';
import { jsonError, queryError, xmlError } from './error-response.ts';
import { free } from './free.ts';
import { jsonAnswer } from './rest-json.ts';
import type { Service, WireRequest, WireResponse } from './service.ts';
import { checkClaim, type SignedRequest, signedService, verifySignature } from './signature.ts';

/** Services by the name in request signatures: `s3`, `sqs`, `events`, `lambda`, `logs`, … */
export type Services = Readonly<Record<string, Service>>;

export interface ServerOptions {
  /** 0 chooses any free port. */
  readonly port: number;
  readonly host?: '127.0.0.1';
  /**
   * The cloud's own name, for parts that AWS does not have: its operations are `Name.Operation` and signed
   * for `name`, and `/_name/health` answers. By default `LocalAws`.
   */
  readonly name?: string;
  /** If this is a promise, requests wait for it. */
  readonly services: Services | Promise<Services>;
  readonly credentials: { find(accessKeyId: string): Credential | undefined };
  /** The address of a page, to which a browser that opens `/` is sent; `undefined` if there is none. */
  readonly page?: () => string | undefined;
  /** Called before the answer is sent: whether to cut the request's connection instead. */
  readonly interrupts?: (requestId: string) => boolean;
  readonly limits?: Partial<typeof defaultLimits>;
}

export interface RunningServer {
  /** `http://127.0.0.1:4566` */
  readonly endpoint: string;
  /** Stops listening; running requests get a second to end, then their connections are cut. */
  close(): Promise<void>;
}

/** The service of an `X-Amz-Target: Prefix.Operation`. */
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

/** The cloud's name if none is given. */
export const defaultName = 'LocalAws';

/** Bodies of all services but S3 are held in memory; the largest that AWS takes is Lambda's 6 MB payload. */
const largestBufferedBody = 7 * 1024 * 1024;
const closeGraceMs = 1000;

/**
 * Limits for unauthenticated clients. The functions of a run and the commands beside it need about two
 * hundred connections.
 */
const defaultLimits = {
  connections: 2048,
  /** For a request's headers, from its first byte, or from the start of the connection. */
  headersMs: 20_000,
  /** For a whole request: a slow upload of 5 GB is legitimate. */
  requestMs: 3_600_000,
  /** How often both limits are checked. */
  checkMs: 5000,
};

/**
 * Headers of every answer. Anybody may have uploaded an object, and scripts of a page have the rights of its
 * origin, so an object that a browser shows as a page gets a separate origin and no scripts ("Content
 * Security Policy: the sandbox directive"), whatever its type.
 */
const safety = { 'content-security-policy': 'sandbox', 'x-content-type-options': 'nosniff' };

/**
 * The local cloud's HTTP endpoint for all services, on the loopback address only. Verifies the signature and
 * passes the request to its service. Only `/_name/health` needs no signature.
 *
 * Answers 501 to unsupported services, and 403 to web pages of other origins: the user's keys are public, so
 * a signature does not stop a page. Such pages are recognized by browser headers (Fetch Metadata, `Origin`),
 * or by their own name in `Host` if they rebind it to 127.0.0.1. The server sends no CORS headers, and no
 * answer is a page with scripts.
 *
 * Checks that need no body run before the body is read, so an unsigned body is never read.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const limits = { ...defaultLimits, ...options.limits };
  const server = createServer({
    maxHeaderSize: 64 * 1024,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: limits.checkMs,
    // Clients reuse connections; a request just as the server closes one would fail.
    keepAliveTimeout: 0,
  });
  server.maxConnections = limits.connections;
  const handle = (request: IncomingMessage, response: ServerResponse) =>
    void serve(request, response, options);
  server.on('request', handle);
  // Answers 100 only if the signature is valid: see serve().
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
    const page = isVisit(incoming) ? options.page?.() : undefined;
    if (page !== undefined) {
      response = { status: 303, headers: { location: page, 'cache-control': 'no-store' } };
    } else if (incoming.path === `/_${own.toLowerCase()}/health`) {
      response = jsonAnswer({ status: 'running' });
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
    // A header is invalid; nothing has been sent yet.
    if (response.body instanceof Readable) response.body.destroy();
    await send(reply, refusal(cause, message, incoming, requestId), requestId, isHead);
  }
}

function read(message: IncomingMessage): SignedRequest {
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
    `The local cloud answers to 127.0.0.1 and localhost only, not to "${host}". If the host contains a bucket's name, switch the client to path-style addresses.`,
  );
}

/**
 * Programs send neither header; a browser sends at least one with every request of a page that could change
 * something.
 */
function checkPage(headers: SignedRequest['headers']): void {
  const { 'sec-fetch-site': site = 'none', host } = headers;
  const { origin = `http://${host}` } = headers;
  if (['none', 'same-origin'].includes(site) && origin === `http://${host}`) return;
  throw forbidden('AccessDenied', 'The local cloud does not answer web pages of other origins.');
}

/** Whether a person opened the address in a browser: programs sign, and ask for no page. */
function isVisit({ method, path, query, headers }: SignedRequest): boolean {
  const { accept = '', authorization } = headers;
  const isSigned = authorization !== undefined || query.size > 0;
  return method === 'GET' && path === '/' && accept.includes('text/html') && !isSigned;
}

/**
 * The service of a request: by its target, else its path, else the service that it was signed for, else S3.
 */
function route(request: SignedRequest, own?: string): string {
  const target = request.headers['x-amz-target'];
  if (target !== undefined) {
    const [prefix = ''] = target.split('.');
    return prefix === own ? own.toLowerCase() : (targets[prefix] ?? 'unknown');
  }
  if (/^\/(2015-03-31|2017-10-31)\/(functions|event-source-mappings)\b/.test(request.path)) return 'lambda';
  return signedService(request) ?? 's3';
}

/** Older protocols send the operation's name in a form. */
function notServed({ method, path, headers }: SignedRequest, name: string, body?: Buffer): ServiceError {
  const form = new URLSearchParams(body?.toString());
  return unsupported(headers['x-amz-target'] ?? `${form.get('Action') ?? `${method} ${path}`} of ${name}`);
}

function isForm(headers: WireRequest['headers']): boolean {
  return headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
}

function refusal(
  cause: unknown,
  message: IncomingMessage,
  request: SignedRequest,
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
  // Not destroyed on an early end, because the error still has to be sent over the same socket.
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
    // Last, because Node rejects a non-ASCII Content-Disposition after it.
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
    // The client is gone or the body was incomplete, so the only answer left is to cut the connection.
    reply.destroy();
  }
}

/** Sends each chunk and frees it. The callback of a write to a closing socket may never be called. */
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
