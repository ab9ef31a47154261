import type { Readable } from 'node:stream';
import type { Caller } from '../core/call.ts';

/** A request whose signature has been verified. */
export interface WireRequest {
  readonly method: string;
  /** As in the request line: percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names are lower-case; repeated headers are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** The raw body, not yet decoded from `aws-chunked`. */
  readonly body: Readable;
  readonly caller: Caller;
  readonly requestId: string;
  readonly sourceIp: string;
  /** `http://127.0.0.1:4566` */
  readonly endpoint: string;
  /** Aborted when the client disconnects: a long poll then ends without taking a message. */
  readonly signal: AbortSignal;
}

export interface WireResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Nothing else may use a stream's chunks. */
  readonly body?: string | Uint8Array | Readable;
}

/**
 * A service's API: REST-XML for S3, JSON for the others. Renders its own errors, including `ServiceError`s.
 */
export type Service = (request: WireRequest) => Promise<WireResponse>;
