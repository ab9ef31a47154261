import { type Command, Option } from 'commander';
import { defaultDirectory } from '../target/directories.ts';
import type { Target } from '../target/target.ts';

export interface TargetOptions {
  readonly stack?: string;
  readonly directory: string;
}

/** The options that choose the target, for every command. */
export const targetOptions = [
  new Option('-s, --stack <name>', 'use this Pulumi stack on AWS instead of the local cloud').env(
    'SLUICE_STACK',
  ),
  new Option('--directory <path>', 'where the local cloud keeps its state')
    .env('SLUICE_DIRECTORY')
    .default(defaultDirectory, '.local'),
];

export function chosenDirectory(program: Command): string {
  return program.opts<TargetOptions>().directory;
}

/** @throws {UserError} when the stack does not exist, or the local cloud is not running */
export async function chosenTarget(program: Command): Promise<Target> {
  const { stack, directory } = program.opts<TargetOptions>();
  // Loaded late: it loads all SDK clients, which commands without a target don't need.
  const { findTarget } = await import('../target/target.ts');
  return findTarget(stack, directory);
}

/**
 * The option that names the stack, for commands that a message advises: ` --stack prod`, or nothing locally.
 */
export function stackOption({ control, outputs }: Pick<Target, 'control' | 'outputs'>): string {
  return control === undefined ? ` --stack ${outputs.stack}` : '';
}

/**
 * Names the stack in the commands that a text advises whose author does not know where it is read, such as a
 * function or an error.
 *
 * @param on ` --stack prod`, or nothing locally
 */
export function withStack(text: string, on: string): string {
  return text.replace(/\bnpx sluice [a-z]+\b(?! --stack\b)/g, (command) => `${command}${on}`);
}
