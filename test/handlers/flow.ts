import type { ObjectEvent } from '../../domain/versions/object-event.ts';
import type { StageContext } from '../../handlers/stages/context.ts';
import { extractObject } from '../../handlers/stages/extract-object.ts';
import { loadFile } from '../../handlers/stages/load-file.ts';
import type { Outcome } from '../../handlers/stages/outcome.ts';
import { transformPart } from '../../handlers/stages/transform-part.ts';
import { createdEvent, type MemoryStore, stageContextOf } from '../store/memory-store.ts';

export const buckets = {
  temp: 'temp',
  failed: 'failed',
  ledger: 'ledger',
  processed: 'processed',
  archive: 'archive',
} as const;

export interface Recipe {
  readonly title: string;
  readonly ingredients: readonly string[];
  readonly directions: readonly string[];
  readonly tags?: readonly string[];
}

export function recipe(n: number, directions = 1): Recipe {
  const steps = Array.from({ length: directions }, (_, i) => `Step ${i + 1}: stir for ${n % 60} minutes.`);
  return { title: `Recipe ${n}`, ingredients: ['water', 'salt'], directions: steps };
}

export function ndjson(records: readonly unknown[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

export function extract(
  store: MemoryStore,
  key: string,
  changes: Partial<StageContext> = {},
  event: Partial<ObjectEvent> = {},
): Promise<Outcome> {
  const created = { ...createdEvent('raw', key), ...event };
  return extractObject(created, buckets, stageContextOf(store, changes));
}

export function transform(
  store: MemoryStore,
  key: string,
  changes: Partial<StageContext> = {},
): Promise<Outcome> {
  return transformPart(createdEvent('temp', key), buckets, stageContextOf(store, changes));
}

export function load(store: MemoryStore, key: string, changes: Partial<StageContext> = {}): Promise<Outcome> {
  return loadFile(createdEvent('processed', key), buckets, stageContextOf(store, changes));
}

/** Puts a file into the raw bucket and takes it through all stages. */
export async function runAll(
  store: MemoryStore,
  key: string,
  changes: Partial<StageContext> = {},
): Promise<void> {
  await extract(store, key, changes);
  for (const part of store.keys('temp')) await transform(store, part, changes);
  for (const file of store.keys('processed')) await load(store, file, changes);
}

export function putRaw(store: MemoryStore, key: string, body: string | Uint8Array): void {
  store.put({ bucket: 'raw', key, body, contentType: 'application/octet-stream' });
}
