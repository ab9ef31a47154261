import type { ObjectRevision, Result } from '../../domain/activity/stage-line.ts';
import type { Tally } from '../../domain/versions/receipt.ts';

/** The outcome of one message, for its log line and metrics. */
export interface Outcome {
  readonly dataset: string;
  readonly result: Result;
  readonly read: number;
  readonly written: number;
  readonly filtered: Tally;
  readonly rejected: Tally;
  /** How often records had a field that the dataset does not name. */
  readonly unknown?: number;
  /** The raw object that the input comes from, if this attempt has read of it. */
  readonly object?: ObjectRevision;
  /** The parts of an extraction, or the files of a transformation, if this attempt did the work. */
  readonly outputs?: number;
  readonly fault?: { readonly code: string; readonly message: string };
  /** Of an extraction: why a small object goes to the transformation, if it could not be done in place. */
  readonly whyStored?: string;
  /** Of an extraction: what came of the object's only part, if it was transformed in place. */
  readonly inPlace?: Outcome;
}

export function withoutRecords(dataset: string, result: Result, object?: ObjectRevision): Outcome {
  return { dataset, result, read: 0, written: 0, filtered: {}, rejected: {}, ...(object && { object }) };
}
