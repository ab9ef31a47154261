import * as z from 'zod';
import { type Stage, stages } from '../../domain/stage.ts';
import { parseDocument, UnreadableDocument } from '../../domain/versions/document.ts';
import type { Target } from '../target/target.ts';
import { readText } from './ledger.ts';

const note = z.object({
  stage: z.enum(stages),
  versionId: z.string(),
  code: z.string(),
  message: z.string(),
});

/** What a stage left in the failed bucket: why it could not process an object, or what its last attempt failed of. */
export interface Note {
  /** Absent where the note can't be read, which its message says then. */
  readonly stage: Stage | undefined;
  readonly versionId: string | undefined;
  readonly code: string;
  readonly message: string;
}

export async function readNote(target: Target, key: string): Promise<Note> {
  const bucket = target.outputs.buckets.failed;
  try {
    return parseDocument(note, await readText(target, bucket, key), { bucket, key });
  } catch (error) {
    if (!(error instanceof UnreadableDocument)) throw error;
    return { stage: undefined, versionId: undefined, code: 'unreadable_note', message: error.message };
  }
}
