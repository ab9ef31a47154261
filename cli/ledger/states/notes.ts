import type { Note } from '../../../domain/versions/failures/trouble.ts';
import { parseNoteKey } from '../../../domain/versions/key-layout.ts';
import { readFault } from '../../../store/failed-objects.ts';
import { listObjects } from '../../../store/listing.ts';
import type { Target } from '../../target/target.ts';

/** The faults and notes under these prefixes of the failed bucket. */
export async function* notesUnder(target: Target, prefixes: readonly string[]): AsyncGenerator<Note> {
  const bucket = target.outputs.buckets.failed;
  for (const prefix of prefixes)
    for await (const { Key, LastModified } of listObjects(target, bucket, prefix)) {
      const place = parseNoteKey(Key);
      if (place === undefined) continue;
      yield { ...place, fault: await readFault(target, bucket, Key), at: LastModified?.getTime() ?? 0 };
    }
}
