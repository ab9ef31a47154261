import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CloudService } from './core/cloud-service.ts';
import { Disk } from './core/disk.ts';
import { lockDirectory } from './core/lock.ts';
import { Faults } from './faults/faults.ts';
import type { CompareFile } from './glue/crawler.ts';
import { Gate } from './http/gate.ts';
import { defaultName, type RunningServer, type Services, startServer } from './http/server.ts';
import { Credentials } from './iam/credentials.ts';
import { createPolicyEngine } from './iam/policy-engine.ts';
import { keepCode } from './lambda/code.ts';
import type { FunctionPorts } from './lambda/function.ts';
import type { ProgramOptions } from './program/program.ts';
import type { ProgramProcess } from './program/program-process.ts';
import { policiesOf, readSystem, type System } from './program/system.ts';
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
  /** The stack's outputs; those of the program as it was run last. */
  readonly outputs: unknown;
  readonly topology: Topology;
  /**
   * Runs the program again, as a deployment does. If it registers something else than before, the services
   * are built anew from the state that they have stored: running invocations get `graceMs` to end by the old
   * code, and requests wait meanwhile. If the program is refused, everything stays as it was.
   *
   * @param before runs when the program is accepted; if it fails, everything stays as it was
   * @returns whether anything changed
   * @throws {ProgramRefused}
   * @throws {StateRefused}
   */
  reload(before?: () => Promise<void>, graceMs?: number): Promise<boolean>;
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
  const gate = new Gate();
  let page: string | undefined;
  let server: RunningServer | undefined;
  let built: readonly CloudService[] = [];
  let generation = 0;
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
    const running = await startServer({
      port,
      name,
      get services() {
        return gate.services;
      },
      credentials,
      interrupts,
      page: () => page,
    });
    server = running;
    const { endpoint } = running;
    const { project, stack, configuration = {}, programProcess } = options;
    const program = { stack, configuration, directory: project, endpoint };
    const serve = async (system: System) => {
      const engine = createPolicyEngine(policiesOf(system.topology));
      generation += 1;
      const functions = keepCode(system.topology.functions, join(state, 'code', `${generation}`));
      const topology = { ...system.topology, functions };
      const open = (services: Services) => gate.open(services);
      const parts = { name, state, server: running, open, credentials, engine, faults, disk };
      built = buildServices({ ...options, ...system, topology, ...parts });
      for (const service of built) await service.start();
    };
    /** Leaves the endpoint open. Functions need the other services until they have ended. */
    const suspend = async (graceMs: number) => {
      const at = built.findIndex((service) => service.name === 'endpoint');
      for (const service of built.slice(at + 1).toReversed()) await service.close(graceMs);
      await gate.shut();
      for (const service of built.slice(0, at).toReversed()) await service.close();
    };
    let system = await readSystem(program, programProcess);
    rmSync(join(state, 'code'), { recursive: true, force: true });
    await serve(system);
    const reload = async (before: () => Promise<void>, graceMs: number) => {
      const next = await readSystem(program);
      await before();
      if (JSON.stringify(next) === JSON.stringify(system)) return false;
      await suspend(graceMs);
      try {
        await serve(next);
        system = next;
        rmSync(join(state, 'code', `${generation - 1}`), { recursive: true, force: true });
      } catch (error) {
        for (const service of built.toReversed()) if (service.name !== 'endpoint') await service.close();
        await serve(system);
        throw error;
      }
      return true;
    };
    let reloading = Promise.resolve(false);
    return {
      endpoint,
      get outputs() {
        return system.outputs;
      },
      get topology() {
        return system.topology;
      },
      reload(before = async () => {}, graceMs = DEFAULT_GRACE_MS) {
        reloading = reloading.catch(() => false).then(() => reload(before, graceMs));
        return reloading;
      },
      showPage: (url) => {
        page = url;
      },
      async close(graceMs = DEFAULT_GRACE_MS) {
        await reloading.catch(() => {});
        await close(graceMs);
      },
    };
  } catch (error) {
    await close(0).catch(() => {});
    throw error;
  }
}
