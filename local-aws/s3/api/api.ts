import type { Authorize } from '../../core/call.ts';
import type { ServedService } from '../../core/cloud-service.ts';
import { badRequest, forbidden, ServiceError } from '../../core/service-error.ts';
import type { WireRequest, WireResponse } from '../../http/service.ts';
import { Store, type StoreOptions } from '../storage/store.ts';
import { notImplemented } from './errors.ts';
import { Exchange } from './exchange.ts';
import { checkParameters } from './parameters.ts';
import { findRoute, keyByKey, nameOf } from './routes.ts';
import { errorResponse } from './xml.ts';

interface S3Options extends StoreOptions {
  readonly authorize: Authorize;
}

export interface S3 extends ServedService {
  readonly store: Store;
}

/** Creates the local cloud's S3: path-style REST, with the buckets of `options`. */
export function createS3(options: S3Options): S3 {
  const store = new Store(options);
  return {
    name: 's3',
    store,
    start: () => store.start(),
    close: () => store.close(),
    async handle(request) {
      try {
        return await answer(request, store, options.authorize);
      } catch (error) {
        if (error instanceof ServiceError) return errorResponse(error, request);
        throw error;
      } finally {
        // An unread body must not block the connection.
        if (!request.body.readableEnded) request.body.resume();
      }
    },
  };
}

async function answer(request: WireRequest, store: Store, authorize: Authorize): Promise<WireResponse> {
  const target = parsePath(request.path);
  const asked = {
    method: request.method,
    scope: target.key !== '' ? 'object' : target.bucketName !== '' ? 'bucket' : 'account',
    query: request.query,
    copies: 'x-amz-copy-source' in request.headers,
  } as const;
  const route = findRoute(asked);
  if (!route) {
    const name = nameOf(asked);
    throw notImplemented(`The local cloud does not serve S3's ${name}.`, { Operation: name });
  }
  const exchange = new Exchange(request, store, authorize, route.operation, target);
  checkOwner(exchange);
  // First of all, as on AWS: the existence of a bucket is no secret.
  if (target.bucketName !== '') store.bucket(target.bucketName);
  const { versionId } = exchange;
  if (route.versionAction && versionId !== undefined) {
    await exchange.allow(route.versionAction, exchange.arn, { 's3:versionid': versionId });
  } else if (route.action !== keyByKey) {
    await exchange.allow(route.action, exchange.arn, asked.scope === 'bucket' ? listContext(request) : {});
  }
  checkParameters(route.operation, exchange);
  return route.run(exchange);
}

const longestKey = 1024;

/** @throws InvalidURI, KeyTooLongError */
function parsePath(path: string): { bucketName: string; key: string } {
  const slash = path.indexOf('/', 1);
  const end = slash < 0 ? path.length : slash;
  let target: { bucketName: string; key: string };
  try {
    target = {
      bucketName: decodeURIComponent(path.slice(1, end)),
      key: decodeURIComponent(path.slice(end + 1)),
    };
  } catch {
    throw badRequest('InvalidURI', "Couldn't parse the specified URI.", { URI: path });
  }
  const size = Buffer.byteLength(target.key);
  if (size <= longestKey) return target;
  throw badRequest('KeyTooLongError', 'Your key is too long', {
    MaxSizeAllowed: `${longestKey}`,
    Size: `${size}`,
  });
}

function checkOwner({ headers, store }: Exchange): void {
  for (const name of ['x-amz-expected-bucket-owner', 'x-amz-source-expected-bucket-owner']) {
    const owner = headers[name];
    if (owner === undefined || owner === store.accountId) continue;
    throw forbidden('AccessDenied', 'Access Denied');
  }
}

/** The condition keys of listings; missing if the request has no such parameter. */
function listContext({ query }: WireRequest): Record<string, string> {
  const names = ['prefix', 'delimiter', 'max-keys'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = query.get(name);
      return value === null ? [] : [[`s3:${name}`, value]];
    }),
  );
}
