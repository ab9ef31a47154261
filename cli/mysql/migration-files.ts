import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { deployedDatasets } from '../../datasets/index.ts';
import { type LakeLayout, lakeLayouts, planLayouts } from '../../domain/tables/layout.ts';
import { type Migration, type MigrationPlan, planMigration } from '../../domain/tables/migration.ts';
import { allMysqlTables, type MysqlTable, mysqlRenames } from '../../domain/tables/mysql.ts';
import { migrations } from '../../mysql/migrations/index.ts';
import layouts from '../../mysql/migrations/lake.json' with { type: 'json' };

const directory = join(import.meta.dirname, '../../mysql/migrations');

const MAX_FILE_WORDS = 40;

const mysqlTable: z.ZodType<MysqlTable> = z.strictObject({
  name: z.string(),
  columns: z.array(z.strictObject({ name: z.string(), type: z.string(), nullable: z.boolean() })),
  primaryKey: z.array(z.string()),
  indexes: z.array(
    z.strictObject({
      name: z.string(),
      columns: z.array(z.strictObject({ name: z.string(), prefix: z.int().exactOptional() })),
    }),
  ),
  view: z.string().exactOptional(),
});

/** The tables after the last migration. */
export function migratedTables(): MysqlTable[] {
  return z.array(mysqlTable).parse(JSON.parse(readFileSync(join(directory, 'tables.json'), 'utf8')));
}

/**
 * The plan from the last migration to the tables that the datasets declare; `undefined` when they are the
 * same.
 *
 * @throws {LosesData}
 */
export function pendingPlan(): MigrationPlan | undefined {
  return planMigration(migratedTables(), allMysqlTables(deployedDatasets), mysqlRenames(deployedDatasets));
}

/** Writes a plan as the next migration. @returns its file, relative to the project */
export function writeMigration({ name, statements, tables }: MigrationPlan): string {
  const number = migrations.length + 1;
  const migration: Migration = { number, name, statements };
  const file = fileOf(migration);
  writeJson(file, migration);
  writeJson('tables.json', tables);
  writeFileSync(join(directory, 'index.ts'), migrationIndex([...migrations, migration]));
  return `mysql/migrations/${file}`;
}

/**
 * The layouts of the lake's tables that the datasets declare; `undefined` when they are recorded already.
 *
 * @throws {LayoutRefused}
 */
export function pendingLayouts(): LakeLayout[] | undefined {
  return planLayouts(lakeLayouts.parse(layouts), deployedDatasets);
}

/** @returns its file, relative to the project */
export function writeLayouts(next: readonly LakeLayout[]): string {
  writeJson('lake.json', next);
  return 'mysql/migrations/lake.json';
}

/** `0002-change-recipes.json` */
function fileOf({ number, name }: Migration): string {
  const words = name.replace(/[^a-z0-9]+/gi, '-');
  const readable =
    words.length > MAX_FILE_WORDS ? words.slice(0, MAX_FILE_WORDS).replace(/-[^-]*$/, '') : words;
  return `${String(number).padStart(4, '0')}-${readable}.json`;
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(join(directory, file), `${JSON.stringify(value, null, 2)}\n`);
}

/** As Biome formats it (biome.json, `lineWidth`): it checks this file like any other. */
const MOST_COLUMNS = 110;

/** The text of `mysql/migrations/index.ts`. */
export function migrationIndex(all: readonly Migration[]): string {
  const imported = (migration: Migration) => `migration${String(migration.number).padStart(4, '0')}`;
  const declared = 'export const migrations: readonly Migration[] = ';
  const inLine = `${declared}[${all.map(imported).join(', ')}];`;
  const inLines = `${declared}[\n${all.map((each) => `  ${imported(each)},\n`).join('')}];`;
  return `// Written by: npx sluice migrate --plan
import type { Migration } from '../../domain/tables/migration.ts';
${all.map((each) => `import ${imported(each)} from './${fileOf(each)}' with { type: 'json' };\n`).join('')}
/** Every migration, in the order of their numbers. */
${inLine.length > MOST_COLUMNS ? inLines : inLine}
`;
}
