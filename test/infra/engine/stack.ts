import { isDeepStrictEqual } from 'node:util';
import type { Account } from './account.ts';
import { replacing, told } from './provider-schema.ts';
import { runProgram } from './run-program.ts';
import { type Answer, type Goal, serve } from './services.ts';

/** A resource that exists, as the state holds it. */
export interface Existing extends Goal {
  readonly id: string;
  readonly outputs: Readonly<Record<string, unknown>>;
}

export interface Step {
  readonly does: 'create' | 'update' | 'replace' | 'delete' | 'forget';
  readonly urn: string;
  /** The inputs that differ. */
  readonly changed: readonly string[];
}

/** What an update or a destruction did, in order, and what went wrong. */
export interface Outcome {
  readonly steps: readonly Step[];
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

interface StackOptions {
  readonly stack: string;
  /** Of `Pulumi.yaml`. */
  readonly directory: string;
  readonly configuration?: Readonly<Record<string, string>>;
}

/**
 * A stack under an engine that works as Pulumi's does with `--continue-on-error`: what waits for nothing that
 * failed is done, so that a dependency that is missing shows.
 */
export class Stack {
  /** In the order in which they were made. */
  state: ReadonlyMap<string, Existing> = new Map();
  readonly #account: Account;
  /** What a replacement has left, to be deleted when the update succeeds. */
  #replaced: Existing[] = [];

  constructor(account: Account) {
    this.#account = account;
  }

  /** Runs the program. The resources that `fails` names are refused by AWS. */
  async up(
    { stack, directory, configuration }: StackOptions,
    fails: (goal: Goal) => boolean = () => false,
  ): Promise<Outcome> {
    const [steps, errors, warnings]: [Step[], string[], string[]] = [[], [], []];
    const done = new Map<string, Existing>();
    const gone = new Set<string>();
    const project = 'sluice';
    const register = (goal: Goal): Answer => {
      if (done.has(goal.urn)) throw new Error(`Duplicate resource URN ${goal.urn}.`);
      try {
        if (fails(goal)) throw new Error('AWS refuses it.');
        const existing = this.#step(goal, gone, steps);
        done.set(goal.urn, existing);
        return existing;
      } catch (error) {
        errors.push(`${goal.urn}: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      }
    };
    const server = await serve({
      stack,
      project,
      directory: `${directory}/infra`,
      register,
      call: (token, inputs) => this.#account.call(token, inputs),
      log: (severity, message) => {
        if (severity === 'error') errors.push(message);
        if (severity === 'warning') warnings.push(message);
      },
    });
    try {
      const { succeeded, printed } = await runProgram({
        ...{ directory, main: 'infra/index.ts', project, stack, address: server.address },
        configuration: { 'aws:region': this.#account.region, ...configuration },
      });
      if (!succeeded && errors.length === 0) errors.push(printed);
    } finally {
      server.close();
    }
    const rest = [...this.state].filter(([urn]) => !done.has(urn));
    if (errors.length > 0) {
      // Nothing is deleted: what the program did not come to register may still be wanted.
      this.state = new Map([...rest.filter(([urn]) => !gone.has(urn)), ...done]);
      return { steps, errors, warnings };
    }
    const unwanted = [...this.#replaced, ...rest.map(([, each]) => each)];
    this.#replaced = [];
    this.state = new Map([...rest, ...done]);
    return { steps, warnings, errors: this.#deleteAll(unwanted.reverse(), steps) };
  }

  /** Reads what AWS tells of each resource. */
  refresh(): void {
    this.state = new Map(
      [...this.state].map(([urn, each]) => [
        urn,
        { ...each, outputs: this.#account.read(each.type, each.outputs) },
      ]),
    );
  }

  /** Deletes all, the latest first. A protected resource stops it before anything is deleted. */
  destroy(): Outcome {
    const steps: Step[] = [];
    const all = [...this.state.values()].reverse();
    const kept = all.filter(({ options }) => options.protect);
    if (kept.length > 0)
      return { steps, warnings: [], errors: kept.map(({ urn }) => `${urn} is protected.`) };
    return { steps, warnings: [], errors: this.#deleteAll(all, steps) };
  }

  #step(goal: Goal, gone: Set<string>, steps: Step[]): Existing {
    if (goal.component) return { ...goal, id: '', outputs: goal.inputs };
    const replaces = replacingOf(goal.type);
    const before = gone.has(goal.urn) ? undefined : this.state.get(goal.urn);
    if (before === undefined) {
      steps.push({ does: gone.has(goal.urn) ? 'replace' : 'create', urn: goal.urn, changed: [] });
      return { ...goal, ...this.#account.create(goal) };
    }
    const changed = changesOf(before, goal);
    const { urn, type, inputs, options } = goal;
    if (changed.length === 0) return { ...goal, id: before.id, outputs: before.outputs };
    if (!changed.some((property) => replaces.includes(property))) {
      steps.push({ does: 'update', urn, changed });
      const outputs = this.#account.update(type, before.id, before.outputs, inputs, before.inputs);
      return { ...goal, id: before.id, outputs };
    }
    if (before.options.protect) throw new Error('It is protected, and would be replaced.');
    if (options.deleteBeforeReplace)
      for (const each of [...this.#withReplaced(before, gone).reverse(), before]) {
        this.#delete(each);
        gone.add(each.urn);
        steps.push({ does: 'delete', urn: each.urn, changed: [] });
      }
    else this.#replaced.push(before);
    steps.push({ does: 'replace', urn, changed });
    return { ...goal, ...this.#account.create(goal) };
  }

  /** What must be deleted before a resource is, since its replacement replaces it too. */
  #withReplaced(replaced: Existing, gone: ReadonlySet<string>): Existing[] {
    const found = new Set([replaced.urn]);
    const all = [...this.state.values()].filter(({ urn, type, propertyDependencies }) => {
      const depends = (property: string) => propertyDependencies[property]?.some((each) => found.has(each));
      if (found.has(urn) || gone.has(urn) || !replacing[type]?.some(depends)) return false;
      found.add(urn);
      return true;
    });
    return all;
  }

  #deleteAll(unwanted: readonly Existing[], steps: Step[]): string[] {
    for (const each of unwanted) {
      try {
        if (each.options.protect) throw new Error('It is protected.');
        if (!each.component && !each.options.retainOnDelete) this.#delete(each);
      } catch (error) {
        return [`${each.urn}: ${error instanceof Error ? error.message : String(error)}`];
      }
      if (!each.component)
        steps.push({ does: each.options.retainOnDelete ? 'forget' : 'delete', urn: each.urn, changed: [] });
      if (this.state.get(each.urn)?.id === each.id)
        this.state = new Map([...this.state].filter(([urn]) => urn !== each.urn));
    }
    return [];
  }

  #delete({ type, id, outputs }: Existing): void {
    this.#account.delete(type, id, outputs);
  }
}

function replacingOf(type: string): readonly string[] {
  const found = replacing[type];
  if (found === undefined) throw new Error(`provider-schema.ts does not say what replaces a ${type}.`);
  return found;
}

/** The inputs that differ from what AWS has, without those that the program ignores. */
function changesOf(before: Existing, { type, inputs, options }: Goal): string[] {
  const read = Object.keys(told[type]?.(before.outputs) ?? {});
  const properties = new Set([...Object.keys(inputs), ...Object.keys(before.inputs), ...read]);
  return [...properties].filter((property) => {
    const ignored = options.ignoreChanges.flatMap((path) =>
      path.startsWith(`${property}["`) ? [path.slice(property.length + 2, -2)] : [],
    );
    return (
      !options.ignoreChanges.includes(property) &&
      !isDeepStrictEqual(without(before.outputs[property], ignored), without(inputs[property], ignored))
    );
  });
}

function without(value: unknown, keys: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null || keys.length === 0) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)));
}
