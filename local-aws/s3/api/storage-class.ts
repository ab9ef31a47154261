import { badRequest, ServiceError } from '../../core/service-error.ts';
import type { StoredObject } from '../storage/model.ts';
import type { Exchange } from './exchange.ts';

/** The classes of general purpose buckets ("API Reference: PutObject, x-amz-storage-class"). */
const storageClasses = [
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER_IR',
  'GLACIER',
  'DEEP_ARCHIVE',
] as const;
/** Those whose objects can't be read before they are restored ("API Reference: GetObject"). */
const archiveClasses = ['GLACIER', 'DEEP_ARCHIVE'];

const standard = 'STANDARD';

/** The class that a write asks for; `undefined` for the standard class. @throws InvalidStorageClass */
export function requestedClass(headers: Readonly<Record<string, string>>): string | undefined {
  const wanted = headers['x-amz-storage-class'];
  if (wanted === undefined || wanted === standard) return undefined;
  if (storageClasses.some((each) => each === wanted)) return wanted;
  throw badRequest('InvalidStorageClass', 'The storage class you specified is not valid', {
    StorageClassRequested: wanted,
  });
}

export const classOf = ({ storageClass }: Pick<StoredObject, 'storageClass'>) => storageClass ?? standard;

/** When the restored copy of an archived object expires; `undefined` if there is none. */
export function restoredUntil({ restoredUntil: until }: StoredObject, now: number): number | undefined {
  return until !== undefined && until > now ? until : undefined;
}

export const isArchived = (object: StoredObject) => archiveClasses.includes(classOf(object));

/** @throws InvalidObjectState if the object is archived and not restored */
export function checkReadable(object: StoredObject, now: number): void {
  if (!isArchived(object) || restoredUntil(object, now) !== undefined) return;
  throw invalidObjectState(object, "The operation is not valid for the object's storage class");
}

export const invalidObjectState = (object: StoredObject, message: string) =>
  new ServiceError('InvalidObjectState', 403, message, { StorageClass: classOf(object) });

/**
 * "Amazon S3 returns this header for all objects except for S3 Standard storage class objects" ("API
 * Reference: HeadObject"), and `x-amz-restore` for archived objects that are restored.
 */
export function storageHeaders(object: StoredObject, now: number): Record<string, string> {
  const until = restoredUntil(object, now);
  return {
    ...(object.storageClass !== undefined && { 'x-amz-storage-class': object.storageClass }),
    ...(until !== undefined && {
      'x-amz-restore': `ongoing-request="false", expiry-date="${new Date(until).toUTCString()}"`,
    }),
  };
}

/** The element of a listing that asks for it ("API Reference: ListObjectsV2, RestoreStatus"). */
export function restoreStatus({ headers, store }: Exchange, object: StoredObject) {
  const isAsked = headers['x-amz-optional-object-attributes']?.split(',').includes('RestoreStatus') ?? false;
  const until = isAsked ? restoredUntil(object, store.now()) : undefined;
  return until === undefined
    ? {}
    : {
        RestoreStatus: { IsRestoreInProgress: false, RestoreExpiryDate: new Date(until).toISOString() },
      };
}
