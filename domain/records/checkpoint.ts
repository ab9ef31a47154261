import * as z from 'zod';
import { partsPrefix, type VersionPath } from '../versions/key-layout.ts';
import { position } from './decoding/position.ts';

/**
 * How far the extraction of a version is: it goes on from there. Nothing but time is lost without it, so it
 * lies beside the parts, and goes with them.
 */
export const checkpoint = z.object({
  /** The version of the code, whose parts alone it knows how to go on with. */
  codeVersion: z.string(),
  /** Where the next part begins. */
  position,
  /** The parts before it, which are stored: how many records and bytes each has. */
  parts: z.array(z.tuple([z.int().positive(), z.int().positive()]).readonly()).readonly(),
  /** When the first message was sent, and how long all invocations have worked until now. */
  sentAt: z.iso.datetime(),
  durationMs: z.int().nonnegative(),
});
export type Checkpoint = Readonly<z.infer<typeof checkpoint>>;

const NAME = 'checkpoint.json';

/** `{dataset}/{object id}/{version}/checkpoint.json`, in the temp bucket. */
export function checkpointKey(path: VersionPath): string {
  return `${partsPrefix(path)}${NAME}`;
}

export function parseCheckpointKey(key: string): VersionPath | undefined {
  const [dataset = '', id = '', version = '', name, more] = key.split('/');
  return name === NAME && more === undefined ? { dataset, objectId: id, version } : undefined;
}
