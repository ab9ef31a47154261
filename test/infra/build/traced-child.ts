// A function that calls a URL twice at a time, bundled by the test of its traces, and invoked once.
import { get } from 'node:http';
import { Tracer } from '@aws-lambda-powertools/tracer';
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';

const call = (path: string) =>
  new Promise<void>((resolve, reject) => {
    get(`${process.env['URL']}${path}`, (response) => response.resume().once('end', () => resolve())).once(
      'error',
      reject,
    );
  });

const handler = middy<unknown, unknown>()
  .use(captureLambdaHandler(new Tracer({ serviceName: 'traced' })))
  .handler(async () => {
    await Promise.all([call('/one'), call('/other')]);
  });

await handler({}, { getRemainingTimeInMillis: () => 10_000 } as Context);
