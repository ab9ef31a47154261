import type { Limits } from '../../domain/records/part.ts';
import type { Registry } from '../../domain/registry.ts';
import type { Announce } from '../../domain/versions/announcement.ts';
import type { Zstd } from '../../formats/zstd.ts';
import type { TableCatalog } from '../../lake/table-catalog.ts';
import type { TableSchemas } from '../../lake/table-schema.ts';
import type { TableStore } from '../../mysql/table-store.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import type { HandOver } from './extraction/hand-over.ts';

/**
 * Everything that a stage gets from outside, so that it runs the same on Lambda, locally and in a simulation.
 */
export interface StageContext {
  readonly store: ObjectStore;
  /**
   * Milliseconds since the epoch, by a wall clock, which may be wrong and may step: only for people to read.
   */
  readonly now: () => number;
  /** Milliseconds since some moment, by a monotonic clock: for durations. */
  readonly elapsed: () => number;
  /** Resolves after so many milliseconds. */
  readonly wait: (ms: number) => Promise<unknown>;
  readonly zstd: Zstd;
  readonly limits: Limits;
  /** MySQL, if the stack has it. */
  readonly tables?: TableStore | undefined;
  /** Of the lake's tables, for the commit. */
  readonly catalog?: TableCatalog | undefined;
  /** The schemas of the lake's tables, as this code knows them. */
  readonly tableSchema: TableSchemas;
  /** Tells on the bus what became of versions; without it, nobody is told. */
  readonly announce?: Announce | undefined;
  /** The version of the running code, for the receipts. */
  readonly codeVersion: string;
  /** The datasets that this code has. */
  readonly registry: Registry;
  /** When the invocation will have ended in any case. Milliseconds since the epoch. */
  readonly deadline: number;
  /** Whether this invocation should end soon: long work stops where it can go on. */
  readonly isEnding: () => boolean;
  readonly handOver: HandOver;
  /** The id of the message. */
  readonly message: string;
  /** When the message was sent to the queue, by SQS's clock. Milliseconds since the epoch. */
  readonly sentAt: number;
  /** The id of this attempt; any other attempt, even at the same message, has another one. */
  readonly invocation: string;
  /** The same object for all messages of an invocation. */
  readonly batch: object;
  /** How often the message has been received, this time included. */
  readonly receives: number;
}
