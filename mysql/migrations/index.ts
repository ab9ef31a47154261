// Written by: npx sluice migrate --plan
import type { Migration } from '../../domain/tables/migration.ts';
import migration0001 from './0001-first-tables.json' with { type: 'json' };

/** Every migration, in the order of their numbers. */
export const migrations: readonly Migration[] = [migration0001];
