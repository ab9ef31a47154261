import * as z from 'zod';
import { tally } from './receipt.ts';

/** The source of the pipeline's own events on the default bus. */
export const EVENT_SOURCE = 'sluice';

const of = z.object({
  /** Of the fields. New ones may come; another number says that one has gone, or means something else. */
  schema: z.literal(1),
  stack: z.string(),
  dataset: z.string(),
  /** Of the object in the raw bucket. */
  key: z.string(),
  /** With its revision; of a deletion, the id of its event. */
  versionId: z.string(),
  sequencer: z.string(),
});

const shown = of.extend({
  /** The snapshot of the table; absent of a dataset that is processed as CSV, or if none was needed. */
  snapshot: z.string().optional(),
});

/**
 * What became of a version, as the pipeline tells it on the bus: the detail of an event by its type. Each is
 * told at least once, perhaps again, and perhaps not in the order of the versions.
 */
export const announcements = {
  /** The lake's table shows the version. */
  'Version Published': shown.extend({
    /** Of the table. */
    rows: z.int().nonnegative(),
    files: z.int().nonnegative(),
  }),
  /** The lake's table shows nothing of the object any more. */
  'Version Deleted': shown,
  /** It could not be read, or not to its end, or takes no effect. */
  'Version Failed': of.extend({
    /** Whether its good records take effect all the same, if no newer version does. */
    takesEffect: z.boolean(),
    read: z.int().nonnegative(),
    rejected: tally,
    /** Absent if every record was rejected. */
    fault: z.object({ code: z.string(), message: z.string() }).optional(),
  }),
} as const;

type Type = keyof typeof announcements;

/** An event without what each has: the stack, and the version of the schema. */
export type Announcement = {
  [Each in Type]: {
    readonly type: Each;
    readonly detail: Omit<z.infer<(typeof announcements)[Each]>, 'schema' | 'stack'>;
  };
}[Type];

/** Tells events on the bus. Resolves when the bus has taken all of them. */
export type Announce = (events: readonly Announcement[]) => Promise<void>;

/** The detail of an event, as it goes on the bus. */
export function detailOf({ type, detail }: Announcement, stack: string): object {
  return announcements[type].parse({ schema: 1, stack, ...detail });
}
