import type { Operation } from './exchange.ts';
import { findObject, readDocument } from './objects.ts';
import { documents, parseDocument } from './parameters.ts';
import { invalidObjectState, isArchived, restoredUntil } from './storage-class.ts';

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Restores an archived object at once, where S3 takes minutes or hours. The copy expires at the midnight
 * after its days ("User Guide: Restoring an archived object").
 */
export const restoreObject: Operation = async (exchange) => {
  const { bucket, key, store } = exchange;
  const object = await findObject(exchange);
  if (!isArchived(object)) {
    throw invalidObjectState(object, "Restore is not allowed for the object's current storage class");
  }
  const { Days } = parseDocument(
    'RestoreObject',
    documents.RestoreObject,
    'RestoreRequest',
    await readDocument(exchange),
  );
  const again = restoredUntil(object, store.now()) !== undefined;
  const until = Math.ceil(store.now() / dayMs + Number(Days)) * dayMs;
  await store.commit(bucket, exchange.origin, bucket.restore(key, object.versionId, until));
  return { status: again ? 200 : 202, headers: {} };
};
