/**
 * The stages of the pipeline, in the order in which a record passes them. The last two work side by side:
 * both begin when a version is published.
 */
export const stages = ['extraction', 'transformation', 'commit', 'loading'] as const;
export type Stage = (typeof stages)[number];

/** The type of an S3 event in EventBridge (S3 guide, EventBridge event types). */
export type ObjectChange = 'Object Created' | 'Object Deleted';

/** The end of the key of the document that makes a publication whole. */
export const WHOLE = '.whole.json';

/** The end of the key of a part, in the temp bucket. */
export const PART = '.zst';

/** The beginning of the keys of publications, in the ledger bucket. */
export const PUBLICATIONS = 'publications/';

/** A pattern that a rule holds against a key (EventBridge guide, "Comparison operators"). */
type KeyPattern = { readonly prefix: string } | { readonly suffix: string };

/** What a stage processes. */
export interface StageInput {
  readonly bucket: 'raw' | 'temp' | 'ledger';
  readonly changes: readonly ObjectChange[];
  /** The keys that concern the stage, if not all of the bucket do. */
  readonly keys?: readonly KeyPattern[];
}

/** The bucket whose changes a stage processes, and which changes. */
export const stageInputs = {
  extraction: { bucket: 'raw', changes: ['Object Created', 'Object Deleted'] },
  transformation: { bucket: 'temp', changes: ['Object Created'], keys: [{ suffix: PART }] },
  commit: { bucket: 'ledger', changes: ['Object Created'], keys: [{ suffix: WHOLE }] },
  loading: { bucket: 'ledger', changes: ['Object Created'], keys: [{ prefix: PUBLICATIONS }] },
} as const satisfies Record<Stage, StageInput>;
