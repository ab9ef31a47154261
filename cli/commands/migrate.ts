import type { Command } from 'commander';
import * as z from 'zod';
import { errorText } from '../../domain/errors.ts';
import { LayoutRefused } from '../../domain/tables/layout.ts';
import { LosesData } from '../../domain/tables/migration.ts';
import { MigrationRefused } from '../../mysql/migrations/apply.ts';
import { migrations } from '../../mysql/migrations/index.ts';
import { pendingLayouts, pendingPlan, writeLayouts, writeMigration } from '../mysql/migration-files.ts';
import { applyTo, mysqlUrl, withMysql } from '../mysql/mysql.ts';
import { chosenDirectory, chosenTarget } from '../options/chosen-target.ts';
import { invoke } from '../target/invoke.ts';
import type { Target } from '../target/target.ts';
import { UserError } from '../terminal/user-error.ts';

export function migrate(program: Command): void {
  program
    .command('migrate')
    .description(
      'apply the missing migrations to the tables in MySQL: of MYSQL_URL or the local cloud, or of --stack through its function inside the network',
    )
    .option(
      '--plan [name]',
      'instead: write the next migration, and the layout of the lake’s files, that the datasets declare now',
    )
    .option('--json', 'as JSON')
    .action(async (options: { plan?: string | true; json?: true }) => {
      try {
        if (options.plan === undefined) await apply(program, options.json ?? false);
        else planNext(options.plan === true ? undefined : options.plan, options.json ?? false);
      } catch (error) {
        const isRefusal = [LayoutRefused, LosesData, MigrationRefused].some((each) => error instanceof each);
        if (isRefusal) throw new UserError(errorText(error));
        throw error;
      }
    });
}

function planNext(name: string | undefined, json: boolean): void {
  const layouts = pendingLayouts();
  const next = pendingPlan();
  const lake = layouts === undefined ? null : writeLayouts(layouts);
  const file = next === undefined ? null : writeMigration({ ...next, name: name ?? next.name });
  if (json) {
    const statements = next?.statements.map((lines) => lines.join('\n')) ?? [];
    console.log(JSON.stringify({ file, statements, lake }, null, 2));
    return;
  }
  for (const lines of next?.statements ?? []) console.log(`${lines.join('\n')};\n`);
  if (file !== null)
    console.log(`Wrote ${file}. Review it, commit it with the dataset, and apply it: npx sluice migrate`);
  if (lake !== null)
    console.log(`Recorded the layout of the lake’s files in ${lake}. Commit it with the dataset.`);
  if (file === null && lake === null)
    console.log('The migrations match the datasets: there is nothing to plan.');
}

async function apply(program: Command, json: boolean): Promise<void> {
  const { stack } = program.opts<{ stack?: string }>();
  const pending = pendingPlan();
  if (pending !== undefined)
    throw new UserError(
      `The datasets declare a change that no migration makes (${pending.name}). Write the migration first: npx sluice migrate --plan`,
    );
  const applied =
    stack === undefined
      ? await withMysql(mysqlUrl({ directory: chosenDirectory(program) }, 'write'), applyTo)
      : await applyOnAws(await chosenTarget(program), stack);
  if (json) console.log(JSON.stringify({ applied }));
  else if (applied.length === 0) console.log('The tables are up to date.');
  else for (const number of applied) console.log(`Applied ${number}: ${migrations[number - 1]?.name ?? ''}`);
}

async function applyOnAws(target: Target, stack: string): Promise<number[]> {
  const { mysql } = target.outputs;
  if (mysql === undefined)
    throw new UserError(
      `The stack ${stack} has no MySQL. To add one: pulumi config set mysql true && pulumi up`,
    );
  return z.array(z.int()).parse(await invoke(target, mysql.migration, 'The migration'));
}
