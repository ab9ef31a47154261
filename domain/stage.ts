/** The stages of the pipeline, in the order in which a record passes them. */
export const stages = ['extraction', 'transformation', 'loading'] as const;
export type Stage = (typeof stages)[number];

/** The type of an S3 event in EventBridge (S3 guide, EventBridge event types). */
export type ObjectChange = 'Object Created' | 'Object Deleted';

/** The bucket whose changes a stage processes, and which changes. */
export const stageInputs = {
  extraction: { bucket: 'raw', changes: ['Object Created', 'Object Deleted'] },
  transformation: { bucket: 'temp', changes: ['Object Created'] },
  loading: { bucket: 'processed', changes: ['Object Created', 'Object Deleted'] },
} as const satisfies Record<Stage, { readonly bucket: string; readonly changes: readonly ObjectChange[] }>;
