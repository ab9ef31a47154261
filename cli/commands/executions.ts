import type { Command } from 'commander';
import { showEnd, showToEnd } from '../ledger/execution-end.ts';
import {
  type ExecutionState,
  executionNamed,
  latestExecutions,
  passagesOf,
  reportOf,
  stopExecution,
} from '../ledger/executions.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { whole } from '../options/options.ts';
import type { Target } from '../target/target.ts';
import { duration, printableJson, type TableColumn, table } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface ExecutionsOptions {
  readonly follow?: boolean;
  readonly stop?: boolean;
  readonly count: number;
  readonly json?: boolean;
}

export function executions(program: Command): void {
  program
    .command('executions')
    .description(
      'list backfills and replays; with a name, show what an execution went through and how it ended',
    )
    .argument('[name]', 'of an execution')
    .option('-f, --follow', 'show how far it is until it has ended; exit 1 unless all succeeded')
    .option('--stop', 'stop it; what was sent already is done all the same')
    .option('-n, --count <count>', 'how many to list', whole(1), 10)
    .option('--json', 'a JSON document for each execution')
    .action(async (name: string | undefined, options: ExecutionsOptions) => {
      const { follow, stop, count, json = false } = options;
      if (name === undefined && (follow || stop)) throw new UserError('Which execution? Name one.');
      const target = await chosenTarget(program);
      if (name === undefined) await list(target, count, json);
      else if (stop) await stopNamed(target, name, json);
      else if (follow) await showToEnd(target, name, json);
      else await show(target, name, json);
    });
}

async function list(target: Target, count: number, json: boolean): Promise<void> {
  const found = await latestExecutions(target, count);
  if (json) {
    for (const each of found) console.log(printableJson(each));
    return;
  }
  if (found.length === 0) {
    console.log('There has been no execution yet. To begin one: npx sluice backfill --help');
    return;
  }
  const rows = await Promise.all(
    found.map(async (state) => ({ state, report: (await reportOf(target, state))?.status ?? '' })),
  );
  const columns: TableColumn<(typeof rows)[number]>[] = [
    { title: 'name', value: ({ state }) => state.name },
    { title: 'machine', value: ({ state }) => state.machine },
    { title: 'status', value: ({ state }) => words(state.status) },
    { title: 'report', value: ({ report }) => report },
    { title: 'begun', value: ({ state }) => new Date(state.startedAt).toISOString().slice(0, 19) },
    { title: 'took', value: ({ state }) => took(state), align: 'right' },
  ];
  console.log(table(rows, columns));
}

const words = (status: string) => status.toLowerCase().replaceAll('_', ' ');
const took = ({ startedAt, endedAt }: ExecutionState) => duration((endedAt ?? Date.now()) - startedAt);

async function stopNamed(target: Target, name: string, json: boolean): Promise<void> {
  const state = await executionNamed(target, name);
  if (state.status !== 'RUNNING')
    throw new UserError(`The execution ${name} has ended already: it is ${words(state.status)}.`);
  await stopExecution(target, state);
  const stopped = await executionNamed(target, name);
  console.log(
    json
      ? printableJson(stopped)
      : `The execution ${name} is stopped. What it has sent is done all the same.`,
  );
}

async function show(target: Target, name: string, json: boolean): Promise<void> {
  const state = await executionNamed(target, name);
  const passages = await passagesOf(target, state);
  if (json) {
    console.log(printableJson({ ...state, passages, report: (await reportOf(target, state)) ?? null }));
    return;
  }
  for (const { state: passed, at } of passages)
    console.log(`${duration(Math.max(0, at - state.startedAt)).padStart(12)}  ${passed}`);
  if (state.status !== 'RUNNING') return showEnd(target, state, json);
  console.log(`The execution ${name} is running, for ${took(state)}. To follow it: --follow`);
}
