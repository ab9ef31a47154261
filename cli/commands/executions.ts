import type { Command } from 'commander';
import { executionJson, showEnd, showToEnd } from '../ledger/execution-end.ts';
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
import { duration, type TableColumn, table } from '../terminal/terminal.ts';
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
    .description('list backfills and replays; with a name, show the states and the result of an execution')
    .argument('[name]', 'name of an execution')
    .option('-f, --follow', 'show its progress until it ends; exit 1 unless all succeeded')
    .option('--stop', 'stop it; objects that it has already sent are still processed')
    .option('-n, --count <count>', 'how many to list', whole(1), 10)
    .option('--json', 'print a JSON document for each execution')
    .action(async (name: string | undefined, options: ExecutionsOptions) => {
      const { follow, stop, count, json = false } = options;
      if (name === undefined && (follow || stop))
        throw new UserError(
          '--follow and --stop need the name of an execution. To list the names: npx sluice executions',
        );
      const target = await chosenTarget(program);
      if (name === undefined) await listExecutions(target, count, json);
      else if (stop) await stopNamed(target, name, json);
      else if (follow) await showToEnd(target, name, json);
      else await showExecution(target, name, json);
    });
}

async function listExecutions(target: Target, count: number, json: boolean): Promise<void> {
  const found = await latestExecutions(target, count);
  const rows = await Promise.all(
    found.map(async (state) => ({ state, report: await reportOf(target, state) })),
  );
  if (json) {
    for (const { state, report } of rows) console.log(executionJson(state, report));
    return;
  }
  if (found.length === 0) {
    console.log('There has been no execution yet. To start one: npx sluice backfill --help');
    return;
  }
  const columns: TableColumn<(typeof rows)[number]>[] = [
    { title: 'NAME', value: ({ state }) => state.name },
    { title: 'MACHINE', value: ({ state }) => state.machine },
    { title: 'STATUS', value: ({ state }) => words(state.status) },
    { title: 'REPORT', value: ({ report }) => report?.status ?? '' },
    { title: 'STARTED', value: ({ state }) => new Date(state.startedAt).toISOString().slice(0, 19) },
    { title: 'TOOK', value: ({ state }) => took(state), align: 'right' },
  ];
  console.log(table(rows, columns));
}

const words = (status: string) => status.toLowerCase().replaceAll('_', ' ');
const took = ({ startedAt, endedAt }: ExecutionState) => duration((endedAt ?? Date.now()) - startedAt);

async function stopNamed(target: Target, name: string, json: boolean): Promise<void> {
  const state = await executionNamed(target, name);
  if (state.status !== 'RUNNING')
    throw new UserError(`The execution ${name} is not running: its status is ${words(state.status)}.`);
  await stopExecution(target, state);
  const stopped = await executionNamed(target, name);
  console.log(
    json
      ? executionJson(stopped, await reportOf(target, stopped))
      : `Stopped the execution ${name}. Objects that it has already sent are still processed.`,
  );
}

async function showExecution(target: Target, name: string, json: boolean): Promise<void> {
  const state = await executionNamed(target, name);
  const passages = await passagesOf(target, state);
  if (json) {
    console.log(executionJson(state, await reportOf(target, state), { passages }));
    return;
  }
  for (const { state: passed, at } of passages)
    console.log(`${duration(Math.max(0, at - state.startedAt)).padStart(12)}  ${passed}`);
  if (state.status !== 'RUNNING') return showEnd(target, state, json);
  console.log(
    `The execution ${name} has been running for ${took(state)}. To follow it: npx sluice executions ${name} --follow`,
  );
}
