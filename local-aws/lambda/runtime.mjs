// Runs inside a function's process: the part of Lambda's Node.js runtime that handlers can observe.
// Plain JavaScript, because stripping types would double the cold start.
import { enableCompileCache, flushCompileCache } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';

/** Bytes; the error below uses the service's own words. */
const largestResponse = 6 * 1024 * 1024 + 100;

const send = process.send.bind(process);
process.send = undefined;
// The parent is gone. If this process is busy, the reaper kills it.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

// Beside the module, or where a link there leads: by the names of modules relative to it, functions in other
// directories find what was compiled. One machine starts many processes of a function, and compiling is half
// of a start.
process.env.NODE_COMPILE_CACHE_PORTABLE = '1';
enableCompileCache(join(dirname(process.argv[2]), '.compiled'));
delete process.env.NODE_COMPILE_CACHE_PORTABLE;

// Ctrl-C in the terminal reaches all of its processes; the parent decides when running invocations end.
process.on('SIGINT', () => {});

let requestId;
let isFirst = true;
process.on('uncaughtException', (error) => die('Uncaught Exception', faultOf(error)));
process.on('unhandledRejection', (reason) =>
  die('Unhandled Promise Rejection', { ...faultOf(reason), errorType: 'Runtime.UnhandledPromiseRejection' }),
);
patchConsole();

try {
  const handler = await loadHandler(process.argv[2], process.env._HANDLER);
  process.on('message', (invocation) => invoke(handler, invocation));
  send({ type: 'ready' });
} catch (error) {
  die('Uncaught Exception', faultOf(error));
}

function die(what, fault) {
  console.error(`${what}\t${JSON.stringify({ ...fault, stack: fault.trace })}`);
  send({ type: 'failed', fatal: true, fault }, () => process.exit(1));
}

/** "Define Lambda function handler in Node.js": file, then the path of the export, e.g. `index.handler`. */
async function loadHandler(path, name) {
  const [, exported] = /^(?:.*\/)?[^./]+\.(.+)$/.exec(name) ?? [];
  if (!exported) throw runtimeError('MalformedHandlerName', `Bad handler ${name}`);
  const module = await import(pathToFileURL(path).href).catch((error) => {
    if (error.code === 'ERR_MODULE_NOT_FOUND') throw runtimeError('ImportModuleError', error.message);
    if (error instanceof SyntaxError) throw runtimeError('UserCodeSyntaxError', error.message);
    throw error;
  });
  const find = (from) => exported.split('.').reduce((value, key) => value?.[key], from);
  const handler = find(module) ?? find(module.default);
  if (handler === undefined) throw runtimeError('HandlerNotFound', `${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw runtimeError('HandlerNotFound', `${name} is not a function`);
  // Node.js 24 no longer takes callbacks.
  if (handler.length > 2)
    throw runtimeError('CallbackHandlerDeprecated', `${name} takes a callback; make it an async function`);
  return handler;
}

function runtimeError(name, message) {
  return Object.assign(new Error(message), { name: `Runtime.${name}` });
}

async function invoke(handler, invocation) {
  // By the clock of this machine, as on Lambda: the parent's clock may be virtual.
  const deadline = Date.now() + invocation.timeoutMs;
  requestId = invocation.requestId;
  process.env._X_AMZN_TRACE_ID = invocation.traceId;
  let message;
  try {
    const result = await handler(JSON.parse(invocation.payload), context(invocation, deadline));
    const payload = JSON.stringify(result) ?? 'null';
    const size = Buffer.byteLength(payload);
    if (size > largestResponse) {
      const errorMessage = `Response payload size (${size} bytes) exceeded maximum allowed payload size (${largestResponse} bytes).`;
      const fault = { errorType: 'Function.ResponseSizeTooLarge', errorMessage };
      message = { type: 'failed', fatal: false, fault };
    } else message = { type: 'done', payload };
  } catch (error) {
    const fault = faultOf(error);
    console.error(`Invoke Error\t${JSON.stringify({ ...fault, stack: fault.trace })}`);
    message = { type: 'failed', fatal: false, fault };
  }
  // Pipes and the channel are read separately; these marks tell the parent that it has read all lines.
  process.stdout.write(invocation.endMark);
  process.stderr.write(invocation.endMark);
  requestId = undefined;
  send(message);
  // By now it has compiled what an invocation needs. At its end it is killed, and would store nothing.
  if (isFirst) flushCompileCache();
  isFirst = false;
}

/** "Using the Lambda context object to retrieve Node.js function information". */
function context({ requestId, functionArn }, deadline) {
  const { env } = process;
  return {
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: functionArn,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId: requestId,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function faultOf(error) {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: error.stack?.split('\n') ?? [] };
}

/** Lambda's text format: time, request, level and the message, with its line breaks kept in one line. */
function patchConsole() {
  const levels = { log: 'INFO', info: 'INFO', debug: 'DEBUG', warn: 'WARN', error: 'ERROR', trace: 'TRACE' };
  for (const [method, level] of Object.entries(levels)) {
    const stream = method === 'error' || method === 'warn' ? process.stderr : process.stdout;
    console[method] = (...parts) => {
      const message = format(...parts).replaceAll('\n', '\r');
      stream.write(`${new Date().toISOString()}\t${requestId}\t${level}\t${message}\n`);
    };
  }
}
