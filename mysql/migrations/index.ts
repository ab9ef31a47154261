// Written by: npx sluice migrate --plan
import type { Migration } from '../../domain/tables/migration.ts';
import migration0001 from './0001-first-tables.json' with { type: 'json' };
import migration0002 from './0002-a-table-for-verify.json' with { type: 'json' };
import migration0003 from './0003-provenance.json' with { type: 'json' };

/** Every migration, in the order of their numbers. */
export const migrations: readonly Migration[] = [migration0001, migration0002, migration0003];
