import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import grpcAnalyzer from '@pulumi/pulumi/proto/analyzer_grpc_pb.js';
import analyzer from '@pulumi/pulumi/proto/analyzer_pb.js';
import type { Registered } from '../../../infra/compliance/check.ts';
import { root } from '../stacks.ts';

// The very copies that Pulumi's messages are made of.
const ofPulumi = createRequire(createRequire(import.meta.url).resolve('@pulumi/pulumi'));
const grpc = ofPulumi('@grpc/grpc-js');
const { Struct } = ofPulumi('google-protobuf/google/protobuf/struct_pb.js');
const { Empty } = ofPulumi('google-protobuf/google/protobuf/empty_pb.js');

const directory = join(root, 'infra/compliance');

/** What Pulumi passes for a value that is known only after `pulumi up` (the engine's UnknownStringValue). */
export const UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

export interface Diagnostic {
  readonly policy: string;
  readonly urn: string;
  readonly message: string;
  readonly isMandatory: boolean;
}

/**
 * The policy pack as `pulumi preview --policy-pack` runs it: Pulumi's own runner for Node, spoken to as the
 * engine does.
 */
export class PackProcess {
  readonly #process: ChildProcess;
  readonly #client: grpcAnalyzer.AnalyzerClient;

  private constructor(process: ChildProcess, client: grpcAnalyzer.AnalyzerClient) {
    this.#process = process;
    this.#client = client;
  }

  static async start(): Promise<PackProcess> {
    const runner = ofPulumi.resolve('@pulumi/pulumi/cmd/run-policy-pack');
    // The engine's address, which the pack does not use, and the pack, in whose directory the engine starts
    // it.
    const child = spawn(process.execPath, [runner, '127.0.0.1:1', '.'], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const port = await Promise.race([
      once(createInterface(child.stdout), 'line').then(([line]) => String(line)),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`The pack ended with ${code}.`))),
    ]);
    const limits = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
    const address = `127.0.0.1:${port}`;
    return new PackProcess(
      child,
      new grpcAnalyzer.AnalyzerClient(address, grpc.credentials.createInsecure(), limits),
    );
  }

  /** The names of its policies. */
  async policies(): Promise<string[]> {
    const info = await promisify(this.#client.getAnalyzerInfo.bind(this.#client))(new Empty());
    return (info as analyzer.AnalyzerInfo).getPoliciesList().map((each) => each.getName());
  }

  /**
   * Shows each resource with its inputs, then all with their outputs, and gathers what the pack says of them.
   */
  async analyze(resources: readonly Registered[]): Promise<Diagnostic[]> {
    const found: Diagnostic[] = [];
    const analyzeOne = promisify(this.#client.analyze.bind(this.#client));
    for (const each of resources) {
      const request = describe(new analyzer.AnalyzeRequest(), each, each.inputs);
      found.push(...diagnostics((await analyzeOne(request)) as analyzer.AnalyzeResponse));
    }
    const stack = new analyzer.AnalyzeStackRequest();
    stack.setResourcesList(
      resources.map((each) => {
        const resource = describe(new analyzer.AnalyzerResource(), each, each.outputs);
        resource.setDependenciesList([...each.dependencies]);
        return resource;
      }),
    );
    const response = await promisify(this.#client.analyzeStack.bind(this.#client))(stack);
    return [...found, ...diagnostics(response as analyzer.AnalyzeResponse)];
  }

  async stop(): Promise<void> {
    this.#client.close();
    const ended = once(this.#process, 'exit');
    this.#process.kill();
    await ended;
  }
}

function describe<Message extends analyzer.AnalyzeRequest | analyzer.AnalyzerResource>(
  message: Message,
  { urn, type, name, options }: Registered,
  properties: Readonly<Record<string, unknown>>,
): Message {
  message.setUrn(urn);
  message.setType(type);
  message.setName(name);
  const told = new analyzer.AnalyzerResourceOptions();
  told.setProtect(options.protect);
  message.setOptions(told);
  message.setProperties(Struct.fromJavaScript(properties));
  return message;
}

const diagnostics = (response: analyzer.AnalyzeResponse): Diagnostic[] =>
  response.getDiagnosticsList().map((each) => ({
    policy: each.getPolicyname(),
    urn: each.getUrn(),
    message: each.getMessage(),
    isMandatory: each.getEnforcementlevel() === analyzer.EnforcementLevel.MANDATORY,
  }));
