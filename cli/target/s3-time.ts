import { HeadBucketCommand } from '@aws-sdk/client-s3';
import { HttpResponse } from '@smithy/protocol-http';
import type { Target } from './target.ts';

/**
 * The time of S3's own clock, which dates its objects, in milliseconds since the epoch. S3 gives whole
 * seconds; this is the end of the second, so every object written so far is older.
 */
export async function s3Time({ s3 }: Pick<Target, 's3'>, bucket: string): Promise<number> {
  const command = new HeadBucketCommand({ Bucket: bucket });
  let date = '';
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      if (HttpResponse.isInstance(result.response)) date = result.response.headers['date'] ?? '';
      return result;
    },
    { step: 'deserialize' },
  );
  await s3.send(command);
  const time = Date.parse(date);
  if (Number.isNaN(time)) throw new Error(`S3 answered without a Date: ${JSON.stringify(date)}`);
  return time + 999;
}
