import { type Command, Option } from 'commander';
import { defaultDirectory } from '../target/directories.ts';
import type { Target } from '../target/target.ts';

export interface TargetOptions {
  readonly stack?: string;
  readonly directory: string;
}

/** The options with which every command is told what it talks to. */
export const targetOptions = [
  new Option('-s, --stack <name>', 'talk to this Pulumi stack on AWS instead of the local cloud').env(
    'SLUICE_STACK',
  ),
  new Option('--directory <path>', 'where the local cloud keeps its state')
    .env('SLUICE_DIRECTORY')
    .default(defaultDirectory, '.local'),
];

export function chosenDirectory(program: Command): string {
  return program.opts<TargetOptions>().directory;
}

/** @throws {UserError} when there is no such stack, or no local cloud runs */
export async function chosenTarget(program: Command): Promise<Target> {
  const { stack, directory } = program.opts<TargetOptions>();
  // With all the clients, which no command needs that has no target.
  const { findTarget } = await import('../target/target.ts');
  return findTarget(stack, directory);
}
