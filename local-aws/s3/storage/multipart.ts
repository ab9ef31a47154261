import { createHash } from 'node:crypto';
import { badRequest } from '../../core/service-error.ts';
import { invalidRequest, malformedXml } from '../api/errors.ts';
import { joinChecksums, type StoredChecksum } from './checksum.ts';
import type { OpenUpload, Part, Slice } from './model.ts';

/** "Amazon S3 User Guide: Amazon S3 multipart upload limits". */
export const largestPart = 5 * 1024 ** 3;
const smallestPart = 5 * 1024 ** 2;
export const mostParts = 10_000;

/** A part in the list of CompleteMultipartUpload. */
export interface ListedPart {
  readonly number: number;
  readonly etag: string;
  readonly checksum?: string | undefined;
}

interface Assembled {
  readonly slices: readonly Slice[];
  readonly size: number;
  readonly etag: string;
  readonly checksum?: StoredChecksum | undefined;
}

/**
 * Joins the listed parts into an object without reading their bytes ("API Reference:
 * CompleteMultipartUpload").
 *
 * @throws MalformedXML, InvalidPartOrder, InvalidPart, EntityTooSmall, InvalidRequest, BadDigest
 */
export function assemble(
  upload: OpenUpload,
  listed: readonly ListedPart[],
  expected: { size?: number | undefined; checksum?: string | undefined },
): Assembled {
  if (listed.length === 0 || listed.length > mostParts) throw malformedXml();
  const ascending = listed.every(({ number }, index) => number > (listed[index - 1]?.number ?? 0));
  if (!ascending) throw invalidPartOrder(upload.uploadId);
  const parts = listed.map((wanted, index) => {
    const part = findPart(upload, wanted);
    if (part.size < smallestPart && index < listed.length - 1) throw entityTooSmall(part);
    return part;
  });
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  if (expected.size !== undefined && expected.size !== size) {
    throw invalidRequest(
      `The provided 'x-amz-mp-object-size' header value ${expected.size} does not match what was computed: ${size}`,
    );
  }
  return {
    slices: parts.map(({ blob, size }) => ({ blob, size })),
    size,
    etag: etagOfParts(parts),
    checksum: checksumOf(upload, parts, expected.checksum),
  };
}

/** The MD5 of the parts' ETags, and the number of parts. */
export function etagOfParts(parts: readonly Pick<ListedPart, 'etag'>[]): string {
  const md5s = Buffer.concat(parts.map(({ etag }) => Buffer.from(etag, 'hex')));
  return `${createHash('md5').update(md5s).digest('hex')}-${parts.length}`;
}

function findPart(upload: OpenUpload, wanted: ListedPart): Part {
  const part = upload.parts.get(wanted.number);
  const { algorithm, type } = upload.checksum ?? {};
  if (type === 'COMPOSITE' && wanted.checksum === undefined) {
    throw invalidRequest(
      `The upload was created using a ${algorithm?.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${wanted.number} in the request.`,
    );
  }
  const sameChecksum = !type || wanted.checksum === undefined || wanted.checksum === part?.checksum;
  if (part?.etag === wanted.etag && sameChecksum) return part;
  throw badRequest(
    'InvalidPart',
    "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    { UploadId: upload.uploadId, PartNumber: `${wanted.number}`, ETag: wanted.etag },
  );
}

function checksumOf(
  upload: OpenUpload,
  parts: readonly Part[],
  expected: string | undefined,
): StoredChecksum | undefined {
  if (!upload.checksum) return undefined;
  const { algorithm, type } = upload.checksum;
  const sums = parts.map(({ checksum, size }) => ({ checksum: checksum ?? '', size }));
  const value = joinChecksums(algorithm, type, sums);
  if (expected !== undefined && expected.split('-')[0] !== value.split('-')[0]) {
    throw badRequest(
      'BadDigest',
      `The ${algorithm.toLowerCase()} you specified did not match the calculated checksum.`,
    );
  }
  return { algorithm, type, value };
}

const invalidPartOrder = (uploadId: string) =>
  badRequest(
    'InvalidPartOrder',
    'The list of parts was not in ascending order. The parts list must be specified in order by part number.',
    { UploadId: uploadId },
  );

const entityTooSmall = (part: Part) =>
  badRequest('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', {
    ETag: part.etag,
    MinSizeAllowed: `${smallestPart}`,
    PartNumber: `${part.number}`,
    ProposedSize: `${part.size}`,
  });
