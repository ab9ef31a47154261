import { createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { escapeUri } from '@smithy/core/protocols';
import { HttpRequest } from '@smithy/protocol-http';
import { getCanonicalHeaders, getCanonicalQuery } from '@smithy/signature-v4';
import type { Caller } from '../core/call.ts';
import { badRequest, forbidden } from '../core/service-error.ts';
import type { Credential } from '../iam/credentials.ts';
import type { WireRequest } from './service.ts';
import { commonErrors, type SignatureErrors, s3Errors } from './signature-errors.ts';

/** The parts of a request that the signature covers. */
export type SignedRequest = Pick<WireRequest, 'method' | 'path' | 'query' | 'headers'>;

/** A request's signature, from the header or the query. */
interface Claim {
  readonly accessKeyId: string;
  readonly scope: readonly string[];
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly time: string;
  readonly sessionToken: string | undefined;
  /** Seconds; only for presigned URLs. */
  readonly expires: number | undefined;
}

const algorithm = 'AWS4-HMAC-SHA256';
const allowedSkewMs = 15 * 60_000;
const longestExpirySeconds = 7 * 86_400;

/** The service that the request was signed for; undefined if it has no readable signature. */
export function signedService(request: SignedRequest): string | undefined {
  const credential =
    request.query.get('X-Amz-Credential') ??
    /Credential=([^,\s]+)/.exec(request.headers['authorization'] ?? '')?.[1];
  return credential?.split('/').at(-2);
}

/** A request with a known credential and a valid time, whose signature covers all required headers. */
export interface Admissible {
  readonly request: SignedRequest;
  readonly claim: Claim;
  readonly credential: Credential;
  /** Signed for S3, which checks the body with the header `x-amz-content-sha256`. */
  readonly s3: boolean;
  readonly errors: SignatureErrors;
}

/**
 * Checks a Signature Version 4, in the Authorization header or in a presigned query, as far as possible
 * without the body, so that a refused request costs nothing.
 *
 * Follows "AWS Signature Version 4 for API requests" (IAM User Guide) and "Authenticating Requests" (S3 API
 * Reference).
 *
 * @throws ServiceError as AWS answers: S3's codes for S3, those of "Common Errors" for the others.
 */
export function checkClaim(
  request: SignedRequest,
  find: (accessKeyId: string) => Credential | undefined,
  now: number,
  s3: boolean,
): Admissible {
  const errors = s3 ? s3Errors : commonErrors;
  const claim = request.query.has('X-Amz-Signature') ? queryClaim(request) : headerClaim(request, s3, errors);
  const credential = find(claim.accessKeyId);
  if (!credential || !sameText(credential.sessionToken ?? '', claim.sessionToken ?? ''))
    throw errors.unknownKey(claim.accessKeyId, credential !== undefined);
  checkTime(claim, now, errors);
  checkSignedHeaders(request, claim, s3, errors);
  return { request, claim, credential, s3, errors };
}

/**
 * Verifies the signature itself and returns its caller. `body` is the request's body, except for S3.
 *
 * @throws ServiceError like `checkClaim`
 */
export function verifySignature(
  { request, claim, credential, s3, errors }: Admissible,
  body: Uint8Array | undefined,
): Caller {
  const bodyHash = s3 ? undefined : hash('sha256', body ?? new Uint8Array());
  const canonical = canonicalRequest(request, claim, bodyHash);
  const scope = claim.scope.join('/');
  const toSign = [algorithm, claim.time, scope, hash('sha256', canonical)].join('\n');
  const key = signingKey(credential, claim.scope);
  const expected = createHmac('sha256', key).update(toSign).digest('hex');
  if (!sameText(expected, claim.signature))
    throw errors.mismatch(
      claim.accessKeyId,
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
      { StringToSign: toSign, CanonicalRequest: canonical },
    );
  return credential.caller;
}

/** Signing keys by secret and scope (day, region and service). */
const signingKeys = new Map<string, KeyObject>();

function signingKey({ secretAccessKey }: Credential, scope: readonly string[]): KeyObject {
  const name = [secretAccessKey, ...scope].join('\n');
  const known = signingKeys.get(name);
  if (known) return known;
  const bytes = scope.reduce<Buffer>(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    Buffer.from(`AWS4${secretAccessKey}`),
  );
  // As a KeyObject: otherwise Node makes one from the bytes at each use, which takes longer than the
  // signature.
  const key = createSecretKey(bytes);
  if (signingKeys.size === 100) signingKeys.clear();
  signingKeys.set(name, key);
  return key;
}

function headerClaim(request: SignedRequest, s3: boolean, errors: SignatureErrors): Claim {
  const authorization = request.headers['authorization'];
  // Signature Version 2, which older clients put into presigned URLs and S3 accepts only in its oldest
  // regions.
  if (s3 && (authorization?.startsWith('AWS ') || request.query.has('AWSAccessKeyId')))
    throw badRequest(
      'InvalidRequest',
      `The authorization mechanism you have provided is not supported. Please use ${algorithm}.`,
    );
  if (authorization === undefined) throw errors.notSigned();
  const malformed = (what: string) => errors.malformed(`The authorization header is malformed; ${what}`);
  if (!authorization.startsWith(`${algorithm} `)) throw malformed(`only ${algorithm} is supported.`);
  const fields = new Map(
    authorization
      .slice(algorithm.length)
      .split(',')
      .map((field) => {
        const [name = '', ...value] = field.trim().split('=');
        return [name, value.join('=')];
      }),
  );
  const credential = parseCredential(fields.get('Credential'));
  const signedHeaders = fields.get('SignedHeaders');
  const signature = fields.get('Signature');
  if (!credential)
    throw malformed('the Credential is not <access key>/<date>/<region>/<service>/aws4_request.');
  if (!signedHeaders || !signature) throw malformed('SignedHeaders or Signature is missing.');
  const date = request.headers['x-amz-date'] ?? toBasicFormat(request.headers['date']);
  if (!date) throw malformed('the request has neither x-amz-date nor date.');
  return {
    ...credential,
    signedHeaders: signedHeaders.split(';'),
    signature,
    time: date,
    sessionToken: request.headers['x-amz-security-token'],
    expires: undefined,
  };
}

function queryClaim({ query }: SignedRequest): Claim {
  const malformed = (what: string) => badRequest('AuthorizationQueryParametersError', what);
  const credential = parseCredential(query.get('X-Amz-Credential'));
  const signedHeaders = query.get('X-Amz-SignedHeaders');
  const time = query.get('X-Amz-Date');
  const expires = query.get('X-Amz-Expires') ?? '';
  if (query.get('X-Amz-Algorithm') !== algorithm)
    throw malformed(`X-Amz-Algorithm only supports "${algorithm}"`);
  if (!credential)
    throw malformed('Error parsing the X-Amz-Credential parameter; it is not <access key>/<date>/…');
  if (!signedHeaders || !time)
    throw malformed('Query-string authentication requires X-Amz-SignedHeaders and X-Amz-Date');
  if (!/^\d+$/.test(expires)) throw malformed('X-Amz-Expires should be a number');
  if (Number(expires) > longestExpirySeconds)
    throw malformed('X-Amz-Expires must be less than a week (in seconds); that is 604800');
  return {
    ...credential,
    signedHeaders: signedHeaders.split(';'),
    signature: query.get('X-Amz-Signature') ?? '',
    time,
    sessionToken: query.get('X-Amz-Security-Token') ?? undefined,
    expires: Number(expires),
  };
}

/** `<access key>/<date>/<region>/<service>/aws4_request` */
function parseCredential(text: string | null | undefined): Pick<Claim, 'accessKeyId' | 'scope'> | undefined {
  const [accessKeyId, ...scope] = text?.split('/') ?? [];
  return accessKeyId && scope.length === 4 && scope[3] === 'aws4_request'
    ? { accessKeyId, scope }
    : undefined;
}

function checkTime(claim: Claim, now: number, errors: SignatureErrors): void {
  const signedAt = parseBasicFormat(claim.time);
  const date = claim.scope[0];
  if (Number.isNaN(signedAt) || !claim.time.startsWith(date ?? '-'))
    throw errors.wrongDate(
      `The date ${claim.time} is not in the format YYYYMMDDTHHMMSSZ or differs from the credential's date ${date}`,
    );
  const skewed = () =>
    errors.skewed(claim.time, {
      RequestTime: claim.time,
      ServerTime: new Date(now).toISOString(),
      MaxAllowedSkewMilliseconds: `${allowedSkewMs}`,
    });
  if (claim.expires === undefined) {
    if (Math.abs(now - signedAt) > allowedSkewMs) throw skewed();
    return;
  }
  if (signedAt - now > allowedSkewMs) throw skewed();
  const end = signedAt + claim.expires * 1000;
  if (now > end)
    throw forbidden('AccessDenied', 'Request has expired', {
      'X-Amz-Expires': `${claim.expires}`,
      Expires: new Date(end).toISOString(),
      ServerTime: new Date(now).toISOString(),
    });
}

function checkSignedHeaders({ headers }: SignedRequest, claim: Claim, s3: boolean, errors: SignatureErrors) {
  const present = Object.keys(headers);
  // "You must include the host header and any x-amz-* headers in the request" (Create a signed AWS API
  // request, IAM User Guide).
  const required = s3 ? ['host', ...present.filter((name) => name.startsWith('x-amz-'))] : ['host'];
  const unsigned = required.filter(
    (name) =>
      !claim.signedHeaders.includes(name) &&
      !(name === 'x-amz-content-sha256' && claim.expires !== undefined),
  );
  if (unsigned.length > 0)
    throw errors.headersNotSigned(
      `There were headers present in the request which were not signed: ${unsigned.join(', ')}`,
    );
}

function canonicalRequest(request: SignedRequest, claim: Claim, bodyHash: string | undefined): string {
  const signed = new Set(claim.signedHeaders);
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => signed.has(name)));
  // smithy never signs Expect, User-Agent and similar headers, but other clients may.
  const canonicalHeaders = Object.entries(
    getCanonicalHeaders(new HttpRequest({ headers }), new Set(), signed),
  ).sort(([one], [other]) => (one < other ? -1 : 1));
  const names = new Set(request.query.keys());
  const query = Object.fromEntries([...names].map((name) => [name, request.query.getAll(name)]));
  return [
    request.method,
    bodyHash === undefined ? request.path : escapeUri(request.path).replaceAll('%2F', '/'),
    getCanonicalQuery(new HttpRequest({ query })),
    ...canonicalHeaders.map(([name, value]) => `${name}:${value}`),
    '',
    claim.signedHeaders.join(';'),
    payloadHash(request, claim, bodyHash),
  ].join('\n');
}

function payloadHash(request: SignedRequest, claim: Claim, bodyHash: string | undefined): string {
  if (bodyHash !== undefined) return bodyHash;
  const named = request.headers['x-amz-content-sha256'];
  if (named !== undefined) return named;
  if (claim.expires !== undefined) return 'UNSIGNED-PAYLOAD';
  throw badRequest('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
}

/** Parses 20260131T235959Z to milliseconds since the epoch. */
function parseBasicFormat(time: string): number {
  return Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function toBasicFormat(date: string | undefined): string | undefined {
  const time = Date.parse(date ?? '');
  return Number.isNaN(time) ? undefined : new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');
}

function sameText(one: string, other: string): boolean {
  const [first, second] = [Buffer.from(one), Buffer.from(other)];
  return first.length === second.length && timingSafeEqual(first, second);
}
