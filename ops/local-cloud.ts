import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stackOutputs } from '../infra/outputs.ts';
import { type Cloud, type CloudOptions, ProgramRefused, startCloud } from '../local/cloud.ts';
import { DirectoryInUse } from '../local/lock.ts';
import { type Instance, projectDirectory } from './target.ts';
import { UserError } from './user-error.ts';

/** The stack whose configuration the local cloud runs with. */
export const localStack = 'dev';

export interface LocalPipeline extends Instance {
  close(): Promise<void>;
}

/** Starts the local cloud with this project's program, and leaves word of it for the other commands. */
export async function startPipeline(
  options: Pick<CloudOptions, 'directory' | 'port' | 'ephemeral' | 'onTrouble'>,
): Promise<LocalPipeline> {
  const cloud = await started(options);
  const file = join(options.directory, 'instance.json');
  try {
    const outputs = stackOutputs.parse(cloud.outputs);
    const running = { endpoint: cloud.endpoint, pid: process.pid, outputs };
    writeFileSync(file, JSON.stringify(running, null, 2));
    return {
      ...running,
      async close() {
        rmSync(file, { force: true });
        await cloud.close();
      },
    };
  } catch (error) {
    await cloud.close(0);
    throw error;
  }
}

async function started(
  options: Pick<CloudOptions, 'directory' | 'port' | 'ephemeral' | 'onTrouble'>,
): Promise<Cloud> {
  try {
    return await startCloud({ project: projectDirectory, stack: localStack, ...options });
  } catch (error) {
    if (error instanceof DirectoryInUse || error instanceof ProgramRefused)
      throw new UserError(error.message);
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      throw new UserError(
        `Port ${options.port} is taken by another program. Choose another: npm start -- --port 4567`,
      );
    }
    const { syscall, message } = error as NodeJS.ErrnoException;
    if (syscall !== undefined) {
      throw new UserError(
        `State can't be kept in ${options.directory}: ${message}. Choose another place with --directory.`,
      );
    }
    throw error;
  }
}
