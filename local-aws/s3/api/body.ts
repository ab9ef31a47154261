import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { badRequest, ServiceError } from '../../core/service-error.ts';
import { free } from '../../http/free.ts';
import { blockSize, inBlocks } from '../storage/blocks.ts';
import {
  type ChecksumAlgorithm,
  checksumAlgorithms,
  checksumHeader,
  digestLength,
  hasher,
  parseAlgorithm,
} from '../storage/checksum.ts';
import { Sha256 } from '../storage/sha256.ts';
import { entityTooLarge, invalidRequest } from './errors.ts';

/** The size and hashes of a body, calculated while it passes. */
export interface Digest {
  readonly size: number;
  /** Hexadecimal; missing if it is not needed. */
  readonly md5?: string;
  /** The request's checksum, or the fallback. */
  readonly checksum?: { readonly algorithm: ChecksumAlgorithm; readonly value: string };
  /** Base64, by algorithm. */
  readonly checksums: ReadonlyMap<ChecksumAlgorithm, string>;
}

type Headers = Readonly<Record<string, string>>;

export interface BodyOptions {
  /** Limit of the stored bytes. */
  readonly limit: number;
  /** Whether to calculate the MD5 even if the request has none. */
  readonly wantsMd5?: boolean;
  /** The checksum to calculate if the request has none. */
  readonly fallback?: ChecksumAlgorithm | undefined;
  /** A checksum to calculate in any case. */
  readonly also?: ChecksumAlgorithm | undefined;
}

/**
 * A request's content: decoded from `aws-chunked`, hashed and counted while it is iterated, once. After the
 * last byte it compares the results with the headers and the trailer and throws if anything differs, so that
 * the reader can discard the bytes ("API Reference: PutObject"; "Signature calculations: transferring payload
 * in multiple chunks"; "User Guide: Checking object integrity").
 *
 * A yielded chunk is valid only until the next one is requested. Nothing else may use the source's chunks.
 *
 * Signatures of single chunks are not verified, because their key is not available here. The checksum is.
 *
 * @throws while iterating: BadDigest, XAmzContentSHA256Mismatch, IncompleteBody, EntityTooLarge,
 * MalformedTrailerError
 */
export class Body implements AsyncIterable<Uint8Array> {
  readonly #source: Readable;
  readonly #expected: Promised;
  readonly #options: BodyOptions;
  #digest: Digest | undefined;

  private constructor(source: Readable, expected: Promised, options: BodyOptions) {
    this.#source = source;
    this.#expected = expected;
    this.#options = options;
    if (expected.size > options.limit) throw entityTooLarge(expected.size, options.limit);
  }

  /** @throws MissingContentLength, InvalidDigest, InvalidRequest, EntityTooLarge */
  static received(request: { body: Readable; headers: Headers }, options: BodyOptions): Body {
    return new Body(request.body, promised(request.headers), options);
  }

  /** A copy of stored bytes, whose number is the limit. */
  static copied(source: Readable, algorithm: ChecksumAlgorithm | undefined, options: BodyOptions): Body {
    return new Body(source, { chunked: false, size: options.limit, algorithm, trailing: false }, options);
  }

  /** Available after the last byte has been iterated. */
  get digest(): Digest {
    if (!this.#digest) throw new Error('The body has not been read to its end.');
    return this.#digest;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const { chunked, md5: expectedMd5, sha256, size: expected } = this.#expected;
    const { limit, wantsMd5 = false, fallback, also } = this.#options;
    const algorithm = this.#expected.algorithm ?? fallback;
    const trailer = new Map<string, string>();
    const md5 = wantsMd5 || expectedMd5 !== undefined ? createHash('md5') : undefined;
    const wanted = new Set([algorithm, also].filter((each) => each !== undefined));
    const sums = [...wanted].map((each) => [each, hasher(each)] as const);
    const isLarge = expected > blockSize;
    const sha = sha256 !== undefined && !isLarge ? createHash('sha256') : undefined;
    const shaBeside = sha256 !== undefined && isLarge ? new Sha256() : undefined;
    let shaDigest: string | undefined;
    let size = 0;
    const raw = received(this.#source);
    const decoded = chunked ? dechunk(raw, trailer) : raw;
    try {
      for await (const chunk of isLarge ? inBlocks(decoded, shaBeside) : decoded) {
        size += chunk.byteLength;
        if (size > limit) throw entityTooLarge(size, limit);
        md5?.update(chunk);
        sha?.update(chunk);
        for (const [, sum] of sums) sum.update(chunk);
        yield chunk;
      }
    } finally {
      shaDigest = sha?.digest('hex') ?? (await shaBeside?.digest());
    }
    const checksums = new Map<ChecksumAlgorithm, string>();
    for (const [each, sum] of sums) checksums.set(each, Buffer.from(await sum.digest()).toString('base64'));
    const value = algorithm && checksums.get(algorithm);
    this.#digest = {
      size,
      ...(md5 && { md5: md5.digest('hex') }),
      ...(algorithm && value !== undefined && { checksum: { algorithm, value } }),
      checksums,
    };
    verify(this.#expected, this.#digest, shaDigest, trailer);
  }
}

/** The properties of the body that the headers announce. */
interface Promised {
  readonly chunked: boolean;
  readonly size: number;
  /** Hexadecimal. */
  readonly md5?: string | undefined;
  /** Hexadecimal; missing for `UNSIGNED-PAYLOAD` and streaming payloads. */
  readonly sha256?: string | undefined;
  /** The checksum to calculate. */
  readonly algorithm: ChecksumAlgorithm | undefined;
  /** Base64; missing if the trailer has it, or if there is none. */
  readonly checksum?: string | undefined;
  readonly trailing: boolean;
}

function promised(headers: Headers): Promised {
  const payload = headers['x-amz-content-sha256'];
  const encodings = (headers['content-encoding'] ?? '').split(',').map((encoding) => encoding.trim());
  const chunked = (payload ?? '').startsWith('STREAMING-') || encodings.includes('aws-chunked');
  const length = headers[chunked ? 'x-amz-decoded-content-length' : 'content-length'];
  if (length === undefined) {
    throw new ServiceError('MissingContentLength', 411, 'You must provide the Content-Length HTTP header.');
  }
  return {
    chunked,
    size: Number(length),
    md5: contentMd5(headers['content-md5']),
    sha256: payload !== undefined && /^[0-9a-f]{64}$/i.test(payload) ? payload.toLowerCase() : undefined,
    ...promisedChecksum(headers),
  };
}

function contentMd5(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 16 || bytes.toString('base64') !== text) {
    throw badRequest('InvalidDigest', 'The Content-MD5 you specified was invalid.', {
      'Content-MD5': text,
    });
  }
  return bytes.toString('hex');
}

function promisedChecksum(headers: Headers) {
  const given = checksumAlgorithms.filter((algorithm) => checksumHeader(algorithm) in headers);
  const announced = (headers['x-amz-trailer'] ?? '').split(',').map((name) => name.trim().toLowerCase());
  const trailing = checksumAlgorithms.filter((algorithm) => announced.includes(checksumHeader(algorithm)));
  const [algorithm, second] = [...given, ...trailing];
  if (second) {
    throw invalidRequest(
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const named = headers['x-amz-sdk-checksum-algorithm'];
  if (named !== undefined && !algorithm) {
    throw invalidRequest(
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
  if (named !== undefined && parseAlgorithm(named) !== algorithm) {
    throw invalidRequest('Value for x-amz-sdk-checksum-algorithm header is invalid.');
  }
  const checksum = algorithm && headers[checksumHeader(algorithm)];
  if (algorithm && checksum !== undefined) checkFormat(algorithm, checksum);
  return { algorithm, checksum, trailing: trailing.length > 0 };
}

function checkFormat(algorithm: ChecksumAlgorithm, value: string): void {
  if (Buffer.from(value, 'base64').length === digestLength[algorithm]) return;
  throw invalidRequest(`Value for ${checksumHeader(algorithm)} header is invalid.`);
}

function verify(
  expected: Promised,
  digest: Digest,
  sha256: string | undefined,
  trailer: ReadonlyMap<string, string>,
): void {
  if (digest.size !== expected.size) throw incompleteBody();
  if (expected.md5 !== undefined && expected.md5 !== digest.md5) {
    throw badDigest('Content-MD5', expected.md5, digest.md5 ?? '');
  }
  if (expected.sha256 !== sha256) {
    throw badRequest(
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
      { ClientComputedContentSHA256: expected.sha256 ?? '', S3ComputedContentSHA256: sha256 ?? '' },
    );
  }
  if (!digest.checksum) return;
  const { algorithm, value } = digest.checksum;
  const checksum = expected.checksum ?? trailer.get(checksumHeader(algorithm));
  if (checksum === undefined) {
    if (!expected.trailing) return;
    throw badRequest(
      'MalformedTrailerError',
      'The request contained trailing data that was not well-formed or did not conform to our published schema.',
    );
  }
  checkFormat(algorithm, checksum);
  if (checksum !== value) throw badDigest(algorithm, checksum, value);
}

const badDigest = (name: string, expected: string, calculated: string) =>
  badRequest('BadDigest', `The ${name} you specified did not match the calculated checksum.`, {
    ExpectedDigest: expected,
    CalculatedDigest: calculated,
  });

const incompleteBody = () =>
  badRequest(
    'IncompleteBody',
    'You did not provide the number of bytes specified by the Content-Length HTTP header.',
  );

/**
 * The raw bytes. Does not destroy the stream on an early end, because the answer uses the same connection.
 */
async function* received(source: Readable): AsyncGenerator<Buffer> {
  const chunks: AsyncIterable<Buffer> = source.iterator({ destroyOnReturn: false });
  try {
    for await (const chunk of chunks) {
      yield chunk;
      free(chunk);
    }
  } catch {
    throw incompleteBody();
  }
}

const longestLine = 8 * 1024;

/** Parses `size[;chunk-signature=…]\r\n data \r\n … 0 \r\n trailer \r\n \r\n`; fills `trailer`. */
async function* dechunk(
  source: AsyncIterable<Buffer>,
  trailer: Map<string, string>,
): AsyncGenerator<Uint8Array> {
  let expects: 'size' | 'data' | 'line end' | 'trailer' | 'nothing' = 'size';
  let left = 0;
  let line = '';
  for await (const bytes of source) {
    for (let at = 0; at < bytes.length; ) {
      if (expects === 'data') {
        const piece = bytes.subarray(at, at + left);
        yield piece;
        at += piece.length;
        left -= piece.length;
        if (left === 0) expects = 'line end';
        continue;
      }
      const end = bytes.indexOf(0x0a, at);
      line += bytes.toString('latin1', at, end < 0 ? bytes.length : end + 1);
      if (expects === 'nothing' || line.length > longestLine) throw incompleteBody();
      if (end < 0) break;
      at = end + 1;
      const text = line.trimEnd();
      line = '';
      if (expects === 'line end') {
        if (text !== '') throw incompleteBody();
        expects = 'size';
      } else if (expects === 'size') {
        const size = /^([0-9a-f]{1,12})(;|$)/i.exec(text)?.[1];
        if (size === undefined) throw incompleteBody();
        left = Number.parseInt(size, 16);
        expects = left > 0 ? 'data' : 'trailer';
      } else if (text === '') {
        expects = 'nothing';
      } else {
        const colon = text.indexOf(':');
        trailer.set(text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim());
      }
    }
  }
  if (expects !== 'nothing') throw incompleteBody();
}

/** Reads a small body, such as an XML document, completely. */
export async function readText(body: Body): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}
