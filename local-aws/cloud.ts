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
import type { ProgramProcess } from './program/program-process.ts';
import { policiesOf, readSystem } from './program/system.ts';
import type { Topology } from './program/topology.ts';
import { buildServices } from './services.ts';

export { DirectoryInUse } from './core/lock.ts';
export { StateRefused } from './core/state.ts';
export { ProgramRefused } from './program/system.ts';

export interface CloudOptions {
  /** Where `Pulumi.yaml` lies. */
  readonly project: string;
  /** Whose configuration applies. */
  readonly stack: string;
  /** Where state is kept. */
  readonly directory: string;
  /** Begins with nothing and keeps nothing: state lies in a temporary directory, which goes at the end. */
  readonly ephemeral?: boolean;
  /** 0 takes any free port. */
  readonly port: number;
  /** What the cloud is called where AWS has no name for it: see `ServerOptions`. */
  readonly name?: string;
  /** One that has loaded Pulumi meanwhile; a new one otherwise. */
  readonly programProcess?: ProgramProcess;
  /** Compares the files that crawlers find with their table; no file is compared when absent. */
  readonly compareFile?: CompareFile;
  /** Told of what goes wrong behind the scenes: failed batches, lost events. */
  readonly onTrouble?: (line: string) => void;
  /** What a function's variables become on this machine, when a process of it starts. As they are, when left out. */
  readonly variables?: FunctionPorts['variables'];
}

/** The running local cloud. */
export interface Cloud {
  readonly endpoint: string;
  /** The stack's outputs. */
  readonly outputs: unknown;
  readonly topology: Topology;
  /** Lets running invocations end, at most `graceMs`, and stops everything. */
  close(graceMs?: number): Promise<void>;
}

const DEFAULT_GRACE_MS = 10_000;

/**
 * Builds the system that the Pulumi program describes and runs it on the loopback.
 *
 * @throws {DirectoryInUse}
 * @throws {ProgramRefused}
 * @throws {StateRefused}
 * @throws {Error} EADDRINUSE when the port is taken
 */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const { directory, port, name = defaultName, ephemeral = false, onTrouble = () => {} } = options;
  const unlock = lockDirectory(directory);
  const state = ephemeral ? await mkdtemp(join(tmpdir(), `${name.toLowerCase()}-`)) : directory;
  const credentials = new Credentials();
  const faults = new Faults();
  const disk = new Disk({ onFull: onTrouble });
  const { promise: services, resolve: open } = Promise.withResolvers<Services>();
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
    server = await startServer({ port, name, services, credentials, interrupts });
    const { endpoint } = server;
    const { project, stack, programProcess } = options;
    const system = await readSystem({ stack, directory: project, endpoint }, programProcess);
    const engine = createPolicyEngine(policiesOf(system.topology));
    const parts = { name, state, server, open, credentials, engine, faults, disk };
    built = buildServices({ ...options, ...system, ...parts });
    for (const service of built) await service.start();
    const { outputs, topology } = system;
    return { endpoint, outputs, topology, close: (graceMs = DEFAULT_GRACE_MS) => close(graceMs) };
  } catch (error) {
    await close(0).catch(() => {});
    throw error;
  }
}
