import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CloudService } from './core/cloud-service.ts';
import { Disk } from './core/disk.ts';
import { lockDirectory } from './core/lock.ts';
import { Faults } from './faults/faults.ts';
import type { CompareFile } from './glue/crawler.ts';
import { defaultName, type RunningServer, type Services, startServer } from './http/server.ts';
import { Credentials } from './iam/credentials.ts';
import { createPolicyEngine } from './iam/policy-engine.ts';
import type { FunctionPorts } from './lambda/function.ts';
import type { ProgramOptions } from './program/program.ts';
import type { ProgramProcess } from './program/program-process.ts';
import { policiesOf, readSystem } from './program/system.ts';
import type { Topology } from './program/topology.ts';
import { buildServices } from './services.ts';

export { DirectoryInUse } from './core/lock.ts';
export { StateRefused } from './core/state.ts';
export { ProgramRefused } from './program/system.ts';

export interface CloudOptions {
  /** The directory of `Pulumi.yaml`. */
  readonly project: string;
  /** The stack whose configuration applies. */
  readonly stack: string;
  /** Precedes the configuration in the stack's files: see `ProgramOptions`. */
  readonly configuration?: ProgramOptions['configuration'];
  /** The directory where state is kept. */
  readonly directory: string;
  /** Starts empty and keeps nothing: state is in a temporary directory, which is deleted at the end. */
  readonly ephemeral?: boolean;
  /** 0 chooses any free port. */
  readonly port: number;
  /** The cloud's own name, for parts that AWS does not have: see `ServerOptions`. */
  readonly name?: string;
  /** A process that has loaded Pulumi already; by default a new one. */
  readonly programProcess?: Pick<ProgramProcess, 'run'>;
  /** Compares the files that crawlers find with their table. Without it, no file is compared. */
  readonly compareFile?: CompareFile;
  /** Gets a line for each failed batch, lost event, and other problem, and when an alarm starts or ends. */
  readonly onTrouble?: (line: string) => void;
  /**
   * Changes a function's variables for this machine when a process of it starts. Without it, they stay
   * unchanged.
   */
  readonly variables?: FunctionPorts['variables'];
}

/** The running local cloud. */
export interface Cloud {
  readonly endpoint: string;
  /** The stack's outputs. */
  readonly outputs: unknown;
  readonly topology: Topology;
  /** Sends a browser that opens the endpoint to this address from now on. */
  showPage(url: string): void;
  /** Waits up to `graceMs` for running invocations, and stops everything. */
  close(graceMs?: number): Promise<void>;
}

const DEFAULT_GRACE_MS = 10_000;

/**
 * Builds the system that the Pulumi program describes, and runs it on the loopback address.
 *
 * @throws {DirectoryInUse}
 * @throws {ProgramRefused}
 * @throws {StateRefused}
 * @throws {Error} EADDRINUSE if the port is in use
 */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const { directory, port, name = defaultName, ephemeral = false, onTrouble = () => {} } = options;
  const unlock = lockDirectory(directory);
  const state = ephemeral ? await mkdtemp(join(tmpdir(), `${name.toLowerCase()}-`)) : directory;
  const credentials = new Credentials();
  const faults = new Faults();
  const disk = new Disk({ onFull: onTrouble });
  const { promise: services, resolve: open } = Promise.withResolvers<Services>();
  let page: string | undefined;
  let server: RunningServer | undefined;
  let built: readonly CloudService[] = [];
  const close = async (graceMs: number) => {
    disk.close();
    try {
      for (const service of built.toReversed()) await service.close(graceMs);
      await server?.close();
    } finally {
      if (ephemeral) await rm(state, { recursive: true, force: true });
      unlock();
    }
  };
  try {
    const interrupts = (request: string) => faults.interrupts(request);
    server = await startServer({ port, name, services, credentials, interrupts, page: () => page });
    const { endpoint } = server;
    const { project, stack, configuration = {}, programProcess } = options;
    const program = { stack, configuration, directory: project, endpoint };
    const system = await readSystem(program, programProcess);
    const engine = createPolicyEngine(policiesOf(system.topology));
    const parts = { name, state, server, open, credentials, engine, faults, disk };
    built = buildServices({ ...options, ...system, ...parts });
    for (const service of built) await service.start();
    const { outputs, topology } = system;
    return {
      endpoint,
      outputs,
      topology,
      showPage: (url) => {
        page = url;
      },
      close: (graceMs = DEFAULT_GRACE_MS) => close(graceMs),
    };
  } catch (error) {
    await close(0).catch(() => {});
    throw error;
  }
}
