import { execFile } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorText } from '../../domain/errors.ts';
import type { Cloud, CloudOptions } from '../../local-aws/cloud.ts';
import { DirectoryInUse } from '../../local-aws/core/lock.ts';
import { StateRefused } from '../../local-aws/core/state.ts';
import { ProgramProcess } from '../../local-aws/program/program-process.ts';
import { type Mysql, type MysqlOptions, openMysql, withLocalMysql } from '../mysql/bundled-server.ts';
import { UserError } from '../terminal/user-error.ts';
import { projectDirectory } from './directories.ts';
import { checkTypes } from './reload/check-types.ts';
import type { Instance } from './target.ts';

/** The stack whose configuration the local cloud uses. */
export const localStack = 'dev';

export type PipelineOptions = Pick<
  CloudOptions,
  'directory' | 'port' | 'ephemeral' | 'configuration' | 'onTrouble'
> &
  Pick<MysqlOptions, 'environment'> & {
    /** Whether the command line may expect that it follows changes of the sources. */
    readonly reloads?: boolean;
    /** A process that runs the program; by default a new one. */
    readonly programProcess?: Pick<ProgramProcess, 'run' | 'end'>;
  };

export interface LocalPipeline extends Instance {
  /**
   * Serves the code of this checkout as it is now. If that is refused, everything stays as it was: a program
   * that AWS would refuse, datasets that lack a migration, types that don't fit.
   *
   * @param at when the sources were looked at, in milliseconds since the epoch
   * @returns whether anything changed
   */
  reload(at: number): Promise<boolean>;
  /** Tells the other commands why the last change is not served. */
  refuse(at: number, why: string): void;
  /** Sends a browser that opens the endpoint to this address. */
  showPage(url: string): void;
  close(): Promise<void>;
}

/**
 * Starts the local cloud with this project's program, and MySQL if there is one. It writes their addresses to
 * files, for the other commands.
 */
export async function startPipeline(options: PipelineOptions): Promise<LocalPipeline> {
  const { directory } = options;
  // It is the slowest to start, so it starts first.
  const { programProcess = new ProgramProcess() } = options;
  const opening = openMysql(options);
  const migrated = opening.then(bringUpToDate);
  // Handled below, where it is awaited; without a handler until then, Node would report an unhandled
  // rejection.
  migrated.catch(() => {});
  const closeMysql = () => opening.then((mysql) => mysql.close()).catch(() => {});
  let cloud: Cloud;
  try {
    cloud = await started({
      ...options,
      programProcess,
      variables: async (configured) => withLocalMysql(configured, (await migrated).url),
    });
  } catch (error) {
    programProcess.end();
    await closeMysql();
    throw error;
  }
  const { mysqlUrlFile } = await import('../mysql/mysql.ts');
  const { stackOutputs } = await import('../../infra/outputs.ts');
  const files = {
    instance: join(directory, 'instance.json'),
    url: mysqlUrlFile(directory, 'write'),
    readUrl: mysqlUrlFile(directory, 'read'),
  };
  const close = async (graceMs?: number) => {
    for (const file of Object.values(files)) rmSync(file, { force: true });
    await cloud.close(graceMs);
    await closeMysql();
  };
  try {
    const outputs = () => stackOutputs.parse(cloud.outputs);
    const { url, readUrl, description } = await migrated;
    const running = { endpoint: cloud.endpoint, pid: process.pid, mysql: description };
    const tell = (reloads?: Omit<NonNullable<Instance['reloads']>, 'project'>) => {
      // Atomically, since commands read it at any time.
      const next = `${files.instance}.next`;
      const now: Instance = {
        ...running,
        outputs: outputs(),
        ...(reloads && { reloads: { project: projectDirectory, ...reloads } }),
      };
      writeFileSync(next, JSON.stringify(now, null, 2), { mode: 0o600 });
      renameSync(next, files.instance);
    };
    for (const file of Object.values(files)) rmSync(file, { force: true });
    if (url !== undefined) writeFileSync(files.url, url, { mode: 0o600 });
    if (readUrl !== undefined) writeFileSync(files.readUrl, readUrl, { mode: 0o600 });
    tell(options.reloads ? { at: Date.now() } : undefined);
    return {
      ...running,
      get outputs() {
        return outputs();
      },
      async reload(at) {
        const checked = checkTypes();
        checked.catch(() => {});
        const changed = await cloud.reload(async () => {
          await checked;
          if (url !== undefined) await migrateAnew(directory);
        });
        tell({ at });
        return changed;
      },
      refuse: (at, refused) => tell({ at, refused }),
      showPage: (url) => cloud.showPage(url),
      close: () => close(),
    };
  } catch (error) {
    await close(0);
    throw error;
  }
}

/**
 * Applies the migrations that this checkout has now, in a process of its own, which loads them anew.
 *
 * @throws {UserError} when there is one to plan first, or one fails
 */
async function migrateAnew(directory: string): Promise<void> {
  const program = join(projectDirectory, 'cli/sluice.mjs');
  const run = promisify(execFile)(process.execPath, [program, 'migrate', '--directory', directory]);
  await run.catch((error: { stderr?: string; message: string }) => {
    throw new UserError(error.stderr?.trim() || error.message);
  });
}

/** @throws {UserError} when a migration fails */
async function bringUpToDate(mysql: Mysql): Promise<Mysql> {
  if (mysql.url === undefined) return mysql;
  const { applyTo, withMysql } = await import('../mysql/mysql.ts');
  await withMysql(mysql.url, applyTo);
  return mysql;
}

async function started(
  options: PipelineOptions & Pick<CloudOptions, 'variables' | 'programProcess'>,
): Promise<Cloud> {
  const { ProgramRefused, startCloud } = await import('../../local-aws/cloud.ts');
  const { driftOf } = await import('../../domain/tables/drift.ts');
  try {
    return await startCloud({
      project: projectDirectory,
      stack: localStack,
      name: 'Sluice',
      compareFile: driftOf,
      ...options,
    });
  } catch (error) {
    if ([DirectoryInUse, ProgramRefused, StateRefused].some((refusal) => error instanceof refusal))
      throw new UserError(errorText(error));
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      throw new UserError(
        `Port ${options.port} is in use by another program. Choose another port: npm start -- --port 4567`,
      );
    }
    const { syscall, message } = error as NodeJS.ErrnoException;
    if (syscall !== undefined) {
      throw new UserError(
        `The directory ${options.directory} can't be used: ${message}. Choose another one with --directory.`,
      );
    }
    throw error;
  }
}
