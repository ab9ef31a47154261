import type { WireResponse } from '../../http/service.ts';
import {
  type ChecksumAlgorithm,
  checksumAlgorithms,
  checksumHeader,
  checksumTypes,
  defaultAlgorithm,
  parseAlgorithm,
} from '../storage/checksum.ts';
import type { OpenUpload, StoredObject } from '../storage/model.ts';
import { type ListedPart, largestPart, mostParts } from '../storage/multipart.ts';
import { Body } from './body.ts';
import { invalidRequest } from './errors.ts';
import type { Exchange, Operation } from './exchange.ts';
import {
  checksumElements,
  checkWriteHeaders,
  encryptionHeaders,
  etagIsMd5,
  etagOf,
  objectHeaders,
  parseCopyRange,
  quoted,
  unquoted,
} from './object-headers.ts';
import { conditionally, copySource, readDocument } from './objects.ts';
import { documents, parseDocument } from './parameters.ts';
import { classOf, requestedClass } from './storage-class.ts';
import { xmlResponse, xmlTime } from './xml.ts';

export const createMultipartUpload: Operation = async (exchange) => {
  const { bucket, key, store, headers } = exchange;
  checkWriteHeaders(headers, bucket.settings);
  const checksum = requestedChecksum(exchange);
  const kept = { headers: objectHeaders(headers), storageClass: requestedClass(headers) };
  const done = bucket.createUpload(key, { ...kept, checksum }, store.stamp());
  await store.commit(bucket, exchange.origin, done);
  return xmlResponse(
    'InitiateMultipartUploadResult',
    { Bucket: exchange.bucketName, Key: key, UploadId: done.uploadId },
    {
      ...encryptionHeaders(bucket.settings),
      ...(!checksum.implicit && {
        'x-amz-checksum-algorithm': checksum.algorithm,
        'x-amz-checksum-type': checksum.type,
      }),
    },
  );
};

function requestedChecksum({ headers }: Exchange): NonNullable<OpenUpload['checksum']> {
  const named = headers['x-amz-checksum-algorithm'];
  if (named === undefined) return { algorithm: defaultAlgorithm, type: 'FULL_OBJECT', implicit: true };
  const algorithm = parseAlgorithm(named);
  if (!algorithm) {
    throw invalidRequest(
      'Checksum algorithm provided is unsupported. Please try again with any of the valid types',
    );
  }
  const wanted = headers['x-amz-checksum-type']?.toUpperCase();
  const types = checksumTypes(algorithm);
  const type = wanted === undefined ? types[0] : types.find((each) => each === wanted);
  if (!type) {
    throw invalidRequest(
      `The ${wanted} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    );
  }
  return { algorithm, type };
}

const uploadIdOf = (exchange: Exchange) => exchange.query('uploadId') ?? '';
const partNumberOf = (exchange: Exchange) => exchange.number('partNumber', 0, [1, mostParts]);

export const uploadPart: Operation = async (exchange) => {
  const { bucket, headers } = exchange;
  const upload = bucket.upload(exchange.key, uploadIdOf(exchange));
  const body = Body.received(
    { body: exchange.request.body, headers },
    {
      limit: largestPart,
      wantsMd5: etagIsMd5(bucket.settings),
      also: upload.checksum?.algorithm,
    },
  );
  const sent = checksumAlgorithms.find(
    (each) =>
      checksumHeader(each) in headers ||
      headers['x-amz-trailer']?.toLowerCase().includes(checksumHeader(each)),
  );
  const wanted = upload.checksum?.implicit ? undefined : upload.checksum?.algorithm;
  if (wanted && wanted !== sent) throw otherAlgorithm(wanted, sent);
  const part = await storePart(exchange, upload, body);
  return {
    status: 200,
    headers: {
      etag: quoted(part.etag),
      ...(sent && { [checksumHeader(sent)]: body.digest.checksums.get(sent) ?? '' }),
      ...encryptionHeaders(bucket.settings),
    },
  };
};

export const uploadPartCopy: Operation = async (exchange) => {
  const { bucket, key, store, headers } = exchange;
  const upload = bucket.upload(key, uploadIdOf(exchange));
  const source = await copySource(exchange);
  const { start, end } = parseCopyRange(headers['x-amz-copy-source-range'], source.object.size);
  const algorithm = upload.checksum?.algorithm;
  const bytes = store.blobs.read(source.object.slices, start, end);
  try {
    const options = { limit: end - start, wantsMd5: etagIsMd5(bucket.settings) };
    const part = await storePart(exchange, upload, Body.copied(bytes, algorithm, options));
    return xmlResponse(
      'CopyPartResult',
      {
        ETag: quoted(part.etag),
        LastModified: xmlTime(part.lastModified),
        ...(algorithm && { [`Checksum${algorithm}`]: part.checksum }),
      },
      { ...source.headers, ...encryptionHeaders(bucket.settings) },
    );
  } finally {
    bytes.destroy();
  }
};

const otherAlgorithm = (expected: string | undefined, actual: string | undefined) =>
  invalidRequest(
    `Checksum Type mismatch occurred, expected checksum Type: ${expected?.toLowerCase() ?? 'null'}, actual checksum Type: ${actual?.toLowerCase() ?? 'null'}`,
  );

async function storePart(exchange: Exchange, { uploadId, checksum: wanted }: OpenUpload, body: Body) {
  const { bucket, key, store, origin } = exchange;
  const number = partNumberOf(exchange);
  return store.take(bucket, origin, body, (blob) => {
    const { size, checksums } = body.digest;
    const checksum = wanted && checksums.get(wanted.algorithm);
    const etag = etagOf(body.digest, blob, bucket.settings);
    const part = { number, etag, size, lastModified: store.now(), blob, checksum };
    return { ...bucket.putPart(key, uploadId, part), ...part };
  });
}

export const completeMultipartUpload: Operation = async (exchange) => {
  const { bucket, key, store, request, headers } = exchange;
  const uploadId = uploadIdOf(exchange);
  // The checksum headers of this request describe the object, not the document.
  const kept = Object.entries(headers).filter(([name]) => !name.startsWith('x-amz-checksum-'));
  const document = await readDocument({ request, headers: Object.fromEntries(kept) });
  const parts = listedParts(document, bucket.uploads.get(uploadId)?.checksum?.algorithm);
  // A client that lost the answer repeats the request, and gets the same answer.
  const earlier = bucket.completed(key, uploadId, parts);
  if (earlier) {
    await store.settled();
    return completion(exchange, earlier);
  }
  const upload = bucket.upload(key, uploadId);
  checkCompletion(exchange, upload);
  const { version } = await conditionally(exchange, async (attempt) => {
    const size = headers['x-amz-mp-object-size'];
    const expected = {
      size: size === undefined ? undefined : Number(size),
      checksum: upload.checksum && headers[checksumHeader(upload.checksum.algorithm)],
    };
    const done = bucket.complete(key, uploadId, parts, expected, store.stamp(), attempt);
    await store.commit(bucket, exchange.origin, done);
    return done;
  });
  return completion(exchange, version);
};

function completion(exchange: Exchange, version: StoredObject): WireResponse {
  const { bucket, bucketName, key, request } = exchange;
  return xmlResponse(
    'CompleteMultipartUploadResult',
    {
      Location: `${request.endpoint}${request.path}`,
      Bucket: bucketName,
      Key: key,
      ETag: quoted(version.etag),
      ...checksumElements(version),
    },
    { ...exchange.versionHeader(version), ...encryptionHeaders(bucket.settings) },
  );
}

function checkCompletion({ headers }: Exchange, { checksum }: OpenUpload): void {
  const other = checksumAlgorithms.find(
    (each) => each !== checksum?.algorithm && checksumHeader(each) in headers,
  );
  if (other) throw otherAlgorithm(checksum?.algorithm, other);
  const type = headers['x-amz-checksum-type'];
  if (type !== undefined && checksum && type !== checksum.type) {
    throw invalidRequest(
      `The upload was created using the ${checksum.type} checksum mode. The complete request must use the same checksum mode.`,
    );
  }
}

function listedParts(document: string, algorithm: ChecksumAlgorithm | undefined): ListedPart[] {
  const { Part: parts } = parseDocument(
    'CompleteMultipartUpload',
    documents.CompleteMultipartUpload,
    'CompleteMultipartUpload',
    document,
  );
  return parts.map(({ PartNumber, ETag, ...sums }) => ({
    number: Number(PartNumber),
    etag: unquoted(ETag),
    checksum: algorithm && sums[`Checksum${algorithm}`],
  }));
}

export const abortMultipartUpload: Operation = async (exchange) => {
  const { bucket, store } = exchange;
  await store.commit(bucket, exchange.origin, bucket.abort(exchange.key, uploadIdOf(exchange)));
  return { status: 204 };
};

export const listParts: Operation = (exchange) => {
  const upload = exchange.bucket.upload(exchange.key, uploadIdOf(exchange));
  const marker = exchange.number('part-number-marker', 0);
  const limit = Math.min(exchange.number('max-parts', 1000), 1000);
  const rest = [...upload.parts.values()]
    .sort((a, b) => a.number - b.number)
    .filter(({ number }) => number > marker);
  const page = rest.slice(0, limit);
  const { algorithm, type } = upload.checksum ?? {};
  return xmlResponse('ListPartsResult', {
    Bucket: exchange.bucketName,
    Key: exchange.key,
    UploadId: upload.uploadId,
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.number ?? marker,
    MaxParts: limit,
    IsTruncated: rest.length > page.length,
    ChecksumAlgorithm: algorithm,
    ChecksumType: type,
    StorageClass: classOf(upload),
    Part: page.map((part) => ({
      PartNumber: part.number,
      LastModified: xmlTime(part.lastModified),
      ETag: quoted(part.etag),
      Size: part.size,
      ...(algorithm && { [`Checksum${algorithm}`]: part.checksum }),
    })),
  });
};
